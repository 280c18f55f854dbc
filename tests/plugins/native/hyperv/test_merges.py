"""Merged means: the VM runs on its own files again, or on what a remaining checkpoint explains."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.errors import NotFoundError, ProtocolError
from safepoint.models.checkpoints import MergeState
from safepoint.models.workloads import Activity
from safepoint_lab.wsman import MethodResult
from safepoint_native.hyperv.disks import DiskFileKind, chain, disk_file
from safepoint_native.hyperv.merges import look_at_merge

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
CP = "C1C1C1C1-22B8-4C0B-8E6C-0A4B5B0F7A11"
BASE, ONE, TWO = r"\\fs01\v\d.vhdx", r"\\fs01\v\d_1.avhdx", r"\\fs01\v\d_2.AVHDX"


@pytest.fixture
def vm(host: Any) -> Any:
    host.machine(A, "sql01")
    host.controller(A)
    host.service("Msvm_ImageManagementService")
    return host


def files(host: Any, **parents: str) -> None:
    """Let the host tell the parents of files; an empty parent means a base."""

    def tell(call: Any) -> MethodResult:
        path = call.arguments["Path"]
        parent = parents[path]
        kind = 4 if parent else 3
        text = (
            '<INSTANCE CLASSNAME="Msvm_VirtualHardDiskSettingData">'
            f'<PROPERTY NAME="Type" TYPE="uint16"><VALUE>{kind}</VALUE></PROPERTY>'
            f'<PROPERTY NAME="MaxInternalSize" TYPE="uint64"><VALUE>2147483648</VALUE></PROPERTY>'
            f'<PROPERTY NAME="ParentPath" TYPE="string"><VALUE>{parent}</VALUE></PROPERTY></INSTANCE>'
        )
        return MethodResult(0, {"SettingData": text, "Job": None})

    host.methods["Msvm_ImageManagementService.GetVirtualHardDiskSettingData"] = tell


def checkpoint_on(host: Any, frozen: str) -> None:
    host.setting(CP, A, "Snapshot:Realized")
    host.controller(CP)
    host.disk(CP, frozen)


def test_on_the_base_file_all_is_merged(vm: Any) -> None:
    vm.disk(A, BASE)
    look = look_at_merge(vm.client, A)

    assert (look.state, look.unexplained, look.active) == (MergeState.MERGED, (), (BASE,))


def test_without_checkpoints_a_differencing_file_waits_for_its_merge(vm: Any) -> None:
    vm.disk(A, BASE)
    vm.disk(A, TWO, position=1)
    look = look_at_merge(vm.client, A)

    assert (look.state, look.unexplained) == (MergeState.PENDING, (TWO,))
    assert look.activity is Activity.NONE


def test_while_it_is_merged_that_is_said(vm: Any) -> None:
    system = next(row for row in vm.rows if row.properties.get("Name") == A)
    system.properties["OperationalStatus"] = [2, 32772]
    vm.disk(A, ONE)

    assert look_at_merge(vm.client, A).state is MergeState.MERGING


def test_a_checkpoint_explains_the_file_above_what_it_froze(vm: Any) -> None:
    files(vm, **{ONE: BASE, BASE: ""})
    vm.disk(A, ONE)
    checkpoint_on(vm, BASE.upper())
    look = look_at_merge(vm.client, A)

    assert (look.state, look.unexplained) == (MergeState.HELD, ())


def test_a_file_left_above_a_users_checkpoint_is_not_explained_by_it(vm: Any) -> None:
    """Ours froze `one` and is gone; the user's checkpoint froze only the base."""
    files(vm, **{TWO: ONE, ONE: BASE, BASE: ""})
    vm.disk(A, TWO)
    checkpoint_on(vm, BASE)

    look = look_at_merge(vm.client, A)
    assert (look.state, look.unexplained) == (MergeState.PENDING, (TWO,))


def test_whoever_reads_the_share_can_tell_parents_without_the_host(vm: Any) -> None:
    vm.disk(A, ONE)
    checkpoint_on(vm, BASE)
    look = look_at_merge(vm.client, A, parent_of={ONE: BASE}.__getitem__)

    assert look.state is MergeState.HELD
    assert vm.calls == []


def test_a_vm_that_moved_away_is_not_called_merged(host: Any) -> None:
    with pytest.raises(NotFoundError):
        look_at_merge(host.client, A)


def test_a_chain_is_followed_to_its_base(vm: Any) -> None:
    files(vm, **{TWO: ONE, ONE: BASE, BASE: ""})
    found = chain(vm.client, TWO)

    assert [one.kind for one in found] == [
        DiskFileKind.DIFFERENCING,
        DiskFileKind.DIFFERENCING,
        DiskFileKind.DYNAMIC,
    ]
    assert found[0].size_bytes == 2 << 30


def test_a_chain_without_end_is_an_error(vm: Any) -> None:
    files(vm, **{TWO: ONE, ONE: TWO})

    with pytest.raises(ProtocolError, match="does not end"):
        chain(vm.client, TWO)


def test_an_answer_by_job_is_not_mistaken_for_facts(vm: Any) -> None:
    vm.answers("Msvm_ImageManagementService.GetVirtualHardDiskSettingData", 4096, Job=vm.job("J"))

    with pytest.raises(ProtocolError, match="did not answer at once"):
        disk_file(vm.client, BASE)
