"""Checkpoints: the right method with the right argument, and the result found afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from safepoint.errors import (
    BusyError,
    ConflictError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    QuiesceError,
    VendorFaultError,
)
from safepoint.models.checkpoints import CheckpointKind
from safepoint_lab.wsman import Refused
from safepoint_native.hyperv.checkpoints import (
    checkpoint,
    created_checkpoint,
    explain_create_failure,
    list_checkpoints,
    name_disks,
    set_user_checkpoint_type,
    start_apply,
    start_create_recovery,
    start_create_user,
    start_delete,
    start_rename,
)
from safepoint_native.hyperv.inventory import machine

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
B = "BBBBBBBB-6C1D-4E0E-9C55-3C2B7A6D1E02"
CP1 = "C1C1C1C1-22B8-4C0B-8E6C-0A4B5B0F7A11"
CP2 = "C2C2C2C2-22B8-4C0B-8E6C-0A4B5B0F7A12"
SERVICES = ("Msvm_VirtualSystemSnapshotService", "Msvm_VirtualSystemManagementService")


@pytest.fixture
def vm(host: Any) -> Any:
    """A VM with one disk, and the services."""
    host.machine(A, "sql01")
    host.controller(A)
    host.disk(A, r"\\fs01\v\disk0_2.avhdx")
    for name in SERVICES:
        host.service(name)
    return host


def snapshot(
    host: Any,
    guid: str,
    kind: str = "Snapshot:Recovery",
    *,
    day: int = 1,
    vm_id: str = A,
    **more: Any,
) -> None:
    host.setting(
        guid,
        vm_id,
        kind,
        ElementName=f"cp {day}",
        CreationTime=datetime(2026, 1, day, tzinfo=UTC),
        **more,
    )
    host.controller(guid)
    host.disk(guid, rf"\\fs01\v\frozen{day}.vhdx")


@pytest.mark.parametrize(
    ("native", "saved", "kind"),
    [
        ("Snapshot:Recovery", False, CheckpointKind.BACKUP),
        ("Snapshot:Realized", False, CheckpointKind.PRODUCTION),
        ("Snapshot:Realized", True, CheckpointKind.STANDARD),
        ("Snapshot:Replica:Standard", False, CheckpointKind.REPLICA),
        ("Snapshot:Replica:ApplicationConsistent", False, CheckpointKind.REPLICA),
        ("Snapshot:Replica:PlannedFailover", False, CheckpointKind.REPLICA),
        ("Snapshot:Missing", False, CheckpointKind.UNKNOWN),
        ("Snapshot:Planned", False, CheckpointKind.UNKNOWN),
        ("Snapshot:OfTomorrow", False, CheckpointKind.UNKNOWN),
    ],
)
def test_every_kind_is_listed(vm: Any, native: str, saved: bool, kind: CheckpointKind) -> None:
    snapshot(vm, CP1, native, IsSaved=saved)
    (found,) = list_checkpoints(vm.client, A)

    assert (found.kind, found.native_type) == (kind, f"Microsoft:Hyper-V:{native}")


def test_checkpoints_come_oldest_first_with_parent_and_frozen_files(vm: Any) -> None:
    snapshot(
        vm,
        CP2,
        day=9,
        Parent=vm.ref("Msvm_VirtualSystemSettingData", InstanceID=f"Microsoft:{CP1}").path("HV01"),
        Notes=["by hand"],
    )
    snapshot(vm, CP1, day=3)

    first, second = list_checkpoints(vm.client, A)

    assert (first.id, first.parent_id, first.name) == (CP1, "", "cp 3")
    assert (second.id, second.parent_id, second.notes) == (CP2, CP1, "by hand")
    assert first.created_at == datetime(2026, 1, 3, tzinfo=UTC)
    assert [file.path for file in first.frozen] == [r"\\fs01\v\frozen3.vhdx"]
    disks = machine(vm.client, A).disks
    assert name_disks(first, disks) == {"scsi0-0": r"\\fs01\v\frozen3.vhdx"}


def test_a_node_is_listed_with_a_fixed_number_of_requests(vm: Any) -> None:
    vm.machine(B, "other")
    snapshot(vm, CP1)
    snapshot(vm, CP2, vm_id=B)
    before = vm.client.request_count

    assert {one.id: one.vm_id for one in list_checkpoints(vm.client)} == {CP1: A, CP2: B}
    assert vm.client.request_count - before == 2


def test_a_listing_of_one_vm_leaves_others_out(vm: Any) -> None:
    snapshot(vm, CP1)
    snapshot(vm, CP2, vm_id=B)

    assert [one.id for one in list_checkpoints(vm.client, A)] == [CP1]


def test_one_checkpoint_is_read_and_a_vm_is_none(vm: Any) -> None:
    snapshot(vm, CP1)

    assert checkpoint(vm.client, CP1) == list_checkpoints(vm.client, A)[0]
    with pytest.raises(NotFoundError):
        checkpoint(vm.client, CP2)
    with pytest.raises(NotFoundError, match="is no checkpoint"):
        checkpoint(vm.client, A)


@pytest.mark.parametrize(("consistent", "level"), [(True, 1), (False, 2)])
def test_a_recovery_checkpoint_is_asked_for_in_full(vm: Any, consistent: bool, level: int) -> None:
    job = vm.job("J1")
    vm.answers("Msvm_VirtualSystemSnapshotService.CreateSnapshot", 4096, Job=job)

    started = start_create_recovery(vm.client, A, application_consistent=consistent)

    assert started.job is not None
    assert started.job.key("InstanceID") == "J1"
    (call,) = vm.calls
    assert call.arguments["SnapshotType"] == 32768
    assert call.arguments["AffectedSystem"].key("Name") == A
    settings = call.arguments["SnapshotSettings"]
    assert settings.class_name == "Msvm_VirtualSystemSnapshotSettingData"
    assert settings.properties == {
        "ConsistencyLevel": level,
        "GuestBackupType": 2,
        "IgnoreNonSnapshottableDisks": True,
    }


def test_a_user_checkpoint_is_asked_for_without_settings(vm: Any) -> None:
    vm.answers("Msvm_VirtualSystemSnapshotService.CreateSnapshot", 4096, Job=vm.job("J1"))

    start_create_user(vm.client, A)

    (call,) = vm.calls
    assert call.arguments["SnapshotType"] == 2
    assert not call.arguments.get("SnapshotSettings")


def test_a_refusal_names_what_is_going_on(vm: Any) -> None:
    def refuse(_call: Any) -> Any:
        raise Refused(32775)

    vm.methods["Msvm_VirtualSystemSnapshotService.CreateSnapshot"] = refuse
    with pytest.raises(ConflictError, match="32775"):
        start_create_recovery(vm.client, A, application_consistent=True)

    system = next(row for row in vm.rows if row.properties.get("Name") == A)
    system.properties["OperationalStatus"] = [2, 32774]
    with pytest.raises(BusyError, match="right now: migrating"):
        start_create_recovery(vm.client, A, application_consistent=True)


@pytest.mark.parametrize(
    ("start", "method", "argument"),
    [
        (start_apply, "ApplySnapshot", "Snapshot"),
        (start_delete, "DestroySnapshot", "AffectedSnapshot"),
    ],
)
def test_apply_and_delete_name_their_argument_as_the_host_does(
    vm: Any, start: Any, method: str, argument: str
) -> None:
    snapshot(vm, CP1)
    vm.answers(f"Msvm_VirtualSystemSnapshotService.{method}", 4096, Job=vm.job("J1"))

    started = start(vm.client, CP1.lower())

    assert started.operation == method
    assert vm.calls[0].arguments[argument].key("InstanceID") == f"Microsoft:{CP1}"


def test_a_checkpoint_is_renamed_by_its_own_settings(vm: Any) -> None:
    vm.answers("Msvm_VirtualSystemManagementService.ModifySystemSettings", 0)

    started = start_rename(vm.client, CP1, "safepoint nightly 42-ab (kept)")

    assert started.job is None
    assert vm.calls[0].arguments["SystemSettings"].properties == {
        "InstanceID": f"Microsoft:{CP1}",
        "ElementName": "safepoint nightly 42-ab (kept)",
    }


@pytest.mark.parametrize("name", ["R&D", "a<b", "x\ny"])
def test_a_name_that_hosts_mishandle_is_never_sent(vm: Any, name: str) -> None:
    with pytest.raises(InvalidRequestError):
        start_rename(vm.client, CP1, name)
    assert vm.calls == []


def test_the_kind_of_user_checkpoints_can_be_set(vm: Any) -> None:
    vm.answers("Msvm_VirtualSystemManagementService.ModifySystemSettings", 0)

    set_user_checkpoint_type(vm.client, A, 5)

    assert vm.calls[0].arguments["SystemSettings"].properties == {
        "InstanceID": f"Microsoft:{A}",
        "UserSnapshotType": 5,
    }


def started_create(vm: Any) -> tuple[Any, Any]:
    job = vm.job("J1", 7)
    vm.answers("Msvm_VirtualSystemSnapshotService.CreateSnapshot", 4096, Job=job)
    return start_create_recovery(vm.client, A, application_consistent=True), job


def test_the_result_is_found_among_what_the_job_touched(vm: Any) -> None:
    started, job = started_create(vm)
    vm.affected(
        job, vm.ref("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=A), [0]
    )
    vm.affected(job, vm.ref("Msvm_VirtualSystemSettingData", InstanceID=f"Microsoft:{CP2}"), [5])
    snapshot(vm, CP1)
    snapshot(vm, CP2)

    assert created_checkpoint(vm.client, started, vm_id=A, before=[]) == CP2


def test_without_the_job_the_one_new_checkpoint_is_the_result(vm: Any) -> None:
    started, _ = started_create(vm)
    vm.rows[:] = [row for row in vm.rows if row.class_name != "Msvm_ConcreteJob"]
    snapshot(vm, CP1)
    snapshot(vm, CP2)

    assert created_checkpoint(vm.client, started, vm_id=A, before=[CP1.lower()]) == CP2
    assert created_checkpoint(vm.client, started, vm_id=A, before=[]) == ""
    assert created_checkpoint(vm.client, started, vm_id=A, before=[CP1, CP2]) == ""


def test_a_result_in_the_answer_is_taken_at_once(vm: Any) -> None:
    made = vm.ref("Msvm_VirtualSystemSettingData", InstanceID=f"Microsoft:{CP1}")
    vm.answers("Msvm_VirtualSystemSnapshotService.CreateSnapshot", 0, ResultingSnapshot=made)

    started = start_create_recovery(vm.client, A, application_consistent=True)

    assert started.job is None
    assert created_checkpoint(vm.client, started, vm_id=A, before=[]) == CP1


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (VendorFaultError("failed", native_code="32768"), 12, QuiesceError),
        (VendorFaultError("failed", native_code="32768"), 3, QuiesceError),
        (VendorFaultError("failed", native_code="32768"), 2, VendorFaultError),
        (VendorFaultError("fragmented", native_code="0x80070299"), 12, VendorFaultError),
        (ConflictError("in the way", native_code="0x80070050"), 12, ConflictError),
    ],
)
def test_a_failure_without_number_is_put_down_to_a_silent_guest(
    vm: Any, error: DriverError, status: int, kind: type[DriverError]
) -> None:
    vm.component("Msvm_VssComponent", A, OperationalStatus=[status])
    explained = explain_create_failure(vm.client, A, error)

    assert type(explained) is kind
    assert error.message in explained.message
