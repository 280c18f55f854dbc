"""VMs move while they are read: what is read is whole, or it is an error. Never half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from safepoint.errors import NotFoundError, TransientError
from safepoint_native.hyperv.checkpoints import checkpoint, list_checkpoints
from safepoint_native.hyperv.configuration import capture_configuration
from safepoint_native.hyperv.inventory import list_machines, machine
from safepoint_native.hyperv.merges import look_at_merge

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
B = "BBBBBBBB-6C1D-4E0E-9C55-3C2B7A6D1E02"
CP = "C1C1C1C1-22B8-4C0B-8E6C-0A4B5B0F7A11"
FROZEN, ACTIVE = r"\\fs01\v\d.vhdx", r"\\fs01\v\d_1.avhdx"


def whole(host: Any, vm_id: str) -> None:
    host.machine(vm_id, "vm")
    host.controller(vm_id)
    host.disk(vm_id, ACTIVE)
    host.component("Msvm_VssComponent", vm_id, OperationalStatus=[2])
    host.add("Msvm_ProcessorSettingData", InstanceID=rf"Microsoft:{vm_id}\P", VirtualQuantity=2)
    host.add("Msvm_MemorySettingData", InstanceID=rf"Microsoft:{vm_id}\M", VirtualQuantity=512)


def froze(host: Any) -> None:
    host.setting(CP, A, "Snapshot:Recovery")
    host.controller(CP)
    host.disk(CP, FROZEN)


def belongs_to(row: Any, *guids: str) -> bool:
    return any(guid in str(value) for guid in guids for value in row.properties.values())


READERS: dict[str, Callable[[Any], Any]] = {
    "machine": lambda client: machine(client, A),
    "list": list_machines,
    "checkpoints of a vm": lambda client: list_checkpoints(client, A),
    "checkpoint": lambda client: checkpoint(client, CP),
    "merge": lambda client: look_at_merge(client, A, parent_of=lambda _path: FROZEN),
    "configuration of a vm": lambda client: capture_configuration(client, A),
    "configuration of a checkpoint": lambda client: capture_configuration(client, CP),
}


def change_at(host: Any, request: int, change: Callable[[], None]) -> None:
    """Let the change happen just before this request."""
    left = iter(range(1000))

    def before(_envelope: str) -> None:
        if next(left) == request:
            change()

    host.spoil = before


@pytest.mark.parametrize("reader", READERS)
def test_a_vm_that_leaves_while_it_is_read_is_never_read_half(host: Any, reader: str) -> None:
    whole(host, A)
    whole(host, B)
    froze(host)
    kept = list(host.rows)
    read = READERS[reader]
    full = read(host.client)
    total = host.client.request_count
    outcomes = set()

    def leave() -> None:
        host.rows[:] = [row for row in kept if not belongs_to(row, A, CP)]

    for request in range(total):
        host.rows[:] = kept
        change_at(host, request, leave)
        try:
            found = read(host.client)
        except (NotFoundError, TransientError):
            outcomes.add("error")
        else:
            outcomes.add("read")
            without = [one for one in full if one.id != A] if reader == "list" else None
            assert found in (full, without)

    assert "error" in outcomes or reader == "list"


@pytest.mark.parametrize("reader", READERS)
def test_a_vm_that_comes_while_it_is_read_is_never_read_half(host: Any, reader: str) -> None:
    whole(host, B)
    empty = list(host.rows)
    whole(host, A)
    froze(host)
    kept = list(host.rows)
    read = READERS[reader]
    full = read(host.client)
    total = host.client.request_count

    def arrive() -> None:
        host.rows[:] = kept

    for request in range(total):
        host.rows[:] = empty
        change_at(host, request, arrive)
        try:
            found = read(host.client)
        except (NotFoundError, TransientError):
            continue
        without = [one for one in full if one.id != A] if reader == "list" else None
        assert sorted_by_id(found) in (sorted_by_id(full), without)


def sorted_by_id(found: Any) -> Any:
    return sorted(found, key=lambda one: one.id) if isinstance(found, list) else found


def test_a_vm_that_is_elsewhere_has_not_no_checkpoints(host: Any) -> None:
    with pytest.raises(NotFoundError):
        list_checkpoints(host.client, A)


def test_a_vm_that_is_here_may_have_none(host: Any) -> None:
    whole(host, A)

    assert list_checkpoints(host.client, A) == []
