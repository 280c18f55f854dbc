"""Inventory: everything about every VM in a fixed number of requests, nothing guessed."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.errors import NotFoundError, PermissionDeniedError, ProtocolError, UnreachableError
from safepoint.models.workloads import Activity, GuestState, PowerState
from safepoint_lab.hyperv import schemas
from safepoint_native.cim import ClassAbsentError
from safepoint_native.hyperv.inventory import list_machines, machine, machine_ids

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
B = "BBBBBBBB-6C1D-4E0E-9C55-3C2B7A6D1E02"
IDE = "11111111-8DCA-4152-9EDA-2CA8B33039B4"
SCSI2 = "93F8638B-8DCA-4152-9EDA-2CA8B33039B4"


def test_a_vm_with_everything(host: Any) -> None:
    host.machine(A, "sql01")
    host.controller(A)
    host.disk(A, r"\\fs01\vmstore1\sql01\disk0.vhdx")
    host.disk(A, r"\\fs01\vmstore1\sql01\disk1_77.avhdx", position=1)
    host.component("Msvm_VssComponent", A, OperationalStatus=[2])
    item = '<INSTANCE CLASSNAME="Msvm_KvpExchangeDataItem"><PROPERTY NAME="Data" TYPE="string"><VALUE>{}</VALUE></PROPERTY><PROPERTY NAME="Name" TYPE="string"><VALUE>{}</VALUE></PROPERTY></INSTANCE>'
    host.component(
        "Msvm_KvpExchangeComponent",
        A,
        GuestIntrinsicExchangeItems=[
            item.format("12", "OSVersion"),
            item.format("Debian", "OSName"),
        ],
    )

    (vm,) = list_machines(host.client)

    assert (vm.id, vm.name, vm.node, vm.generation, vm.version) == (A, "sql01", "hv01", 2, "10.0")
    assert (vm.power, vm.activity, vm.guest, vm.guest_os) == (
        PowerState.RUNNING,
        Activity.NONE,
        GuestState.READY,
        "Debian",
    )
    assert [(d.name, d.path, d.is_differencing, d.is_protectable) for d in vm.disks] == [
        ("scsi0-0", r"\\fs01\vmstore1\sql01\disk0.vhdx", False, True),
        ("scsi0-1", r"\\fs01\vmstore1\sql01\disk1_77.avhdx", True, True),
    ]
    assert (vm.user_checkpoint_type, vm.folder) == (3, r"\\fs01\vmstore1\vm")


def test_the_number_of_requests_does_not_grow_with_the_vms(host: Any) -> None:
    counts = []
    for number in range(40):
        vm_id = f"{number:08X}-6C1D-4E0E-9C55-3C2B7A6D1E01"
        host.machine(vm_id, f"vm{number}")
        host.controller(vm_id)
        host.disk(vm_id, rf"\\fs01\v\{number}.vhdx")
        before = host.client.request_count
        assert len(list_machines(host.client)) == number + 1
        counts.append(host.client.request_count - before)

    assert set(counts) == {7}


def test_one_vm_is_read_without_the_others(host: Any) -> None:
    host.machine(A, "one")
    host.machine(B, "other")
    for vm_id in (A, B):
        host.controller(vm_id)
        host.disk(vm_id, rf"\\fs01\v\{vm_id}.vhdx")
        host.component("Msvm_VssComponent", vm_id, OperationalStatus=[2])

    vm = machine(host.client, A.lower())

    assert vm == next(one for one in list_machines(host.client) if one.id == A)


def test_a_vm_of_another_node_is_not_found_with_a_hint(host: Any) -> None:
    with pytest.raises(NotFoundError, match=f"VM {A} is not on this node") as caught:
        machine(host.client, A)
    assert "moved" in caught.value.hint


def test_names_and_ids_cost_one_request(host: Any) -> None:
    host.machine(A, "one")
    host.machine(B, "two")

    assert machine_ids(host.client) == {A: "one", B: "two"}
    assert host.client.request_count == 1


def test_a_node_without_vms_is_empty_and_one_without_rights_is_an_error(host: Any) -> None:
    assert list_machines(host.client) == []

    host.rows.clear()
    with pytest.raises(PermissionDeniedError, match="shows this account nothing"):
        list_machines(host.client)


def test_a_node_without_hyperv_is_said_so(host: Any) -> None:
    host.lacks.add(schemas.VIRTUALIZATION)

    with pytest.raises(ClassAbsentError):
        list_machines(host.client)


@pytest.mark.parametrize(
    ("number", "word", "power", "native"),
    [
        (0, None, PowerState.UNKNOWN, "0"),
        (1, "Saving", PowerState.CHANGING, "1 Saving"),
        (2, None, PowerState.RUNNING, "2"),
        (3, None, PowerState.OFF, "3"),
        (4, None, PowerState.CHANGING, "4"),
        (5, None, PowerState.UNKNOWN, "5"),
        (6, None, PowerState.SAVED, "6"),
        (9, None, PowerState.PAUSED, "9"),
        (10, "Starting", PowerState.CHANGING, "10 Starting"),
        (32768, None, PowerState.PAUSED, "32768"),
        (32769, None, PowerState.SAVED, "32769"),
        (32781, None, PowerState.CRITICAL, "32781"),
        (32785, None, PowerState.CRITICAL, "32785"),
        (4711, None, PowerState.UNKNOWN, "4711"),
    ],
)
def test_every_power_state(
    host: Any, number: int, word: str | None, power: PowerState, native: str
) -> None:
    host.machine(A, "vm", EnabledState=number, OtherEnabledState=word)
    vm = machine(host.client, A)

    assert (vm.power, vm.native_power) == (power, native)


@pytest.mark.parametrize(
    ("status", "activity"),
    [
        ([2], Activity.NONE),
        ([2, 32768], Activity.CREATING_CHECKPOINT),
        ([2, 32769], Activity.APPLYING_CHECKPOINT),
        ([2, 32770], Activity.DELETING_CHECKPOINT),
        ([2, 32771], Activity.OTHER),
        ([2, 32772], Activity.MERGING),
        ([2, 32773], Activity.EXPORTING),
        ([2, 32774], Activity.MIGRATING),
        ([2, 4711], Activity.OTHER),
        ([11], Activity.BACKING_UP),
        (None, Activity.NONE),
    ],
)
def test_every_activity(host: Any, status: list[int] | None, activity: Activity) -> None:
    host.machine(A, "vm", OperationalStatus=status)

    assert machine(host.client, A).activity is activity


@pytest.mark.parametrize(
    ("running", "switch", "status", "guest"),
    [
        (True, 2, [2], GuestState.READY),
        (True, 2, [3], GuestState.DEGRADED),
        (True, 2, [7], GuestState.ABSENT),
        (True, 2, [12], GuestState.ABSENT),
        (True, 2, [13], GuestState.ABSENT),
        (True, 2, [99], GuestState.UNKNOWN),
        (True, 2, None, GuestState.ABSENT),
        (True, 3, [2], GuestState.ABSENT),
        (False, 2, None, GuestState.UNKNOWN),
        (False, 3, None, GuestState.ABSENT),
    ],
)
def test_every_guest_state(
    host: Any, running: bool, switch: int, status: list[int] | None, guest: GuestState
) -> None:
    host.machine(A, "vm", EnabledState=2 if running else 3)
    host.add("Msvm_VssComponentSettingData", InstanceID=rf"Microsoft:{A}\X", EnabledState=switch)
    if status is not None:
        host.component("Msvm_VssComponent", A, OperationalStatus=status)

    assert machine(host.client, A).guest is guest


def test_controllers_of_two_kinds_are_numbered(host: Any) -> None:
    host.machine(A, "vm")
    host.controller(A, IDE, 0, kind=5, address="0")
    host.controller(A, IDE, 1, kind=5, address="1")
    host.controller(A, SCSI2, 0)
    host.controller(A)
    host.disk(A, r"\\fs01\v\b.vhdx", guid=IDE, number=1, position=1)
    host.disk(A, r"\\fs01\v\c.vhdx", guid=SCSI2, position=63)
    host.disk(A, r"\\fs01\v\d.vhdx", position=2)

    names = {d.name: d.path[-6] for d in machine(host.client, A).disks}

    assert names == {"ide1-1": "b", "scsi0-2": "d", "scsi1-63": "c"}


def test_disks_that_no_checkpoint_can_freeze_are_marked(host: Any) -> None:
    host.machine(A, "vm")
    host.controller(A)
    host.disk(A, r"\\fs01\v\shared.vhds")
    host.disk(A, r"\\fs01\v\quorum.vhdx", position=1, PersistentReservationsSupported=True)
    host.drive(
        A, 2, kind="Physical Disk Drive", HostResource=[r"\\HV01\root\v2:Msvm_DiskDrive.D=1"]
    )
    host.disk(A, r"\\fs01\v\plain.vhdx", position=3)

    assert [d.is_protectable for d in machine(host.client, A).disks] == [False, False, False, True]


def test_a_disk_on_a_controller_of_unknown_kind_is_listed_and_marked(host: Any) -> None:
    host.machine(A, "vm")
    host.controller(A, kind=1)
    host.disk(A, r"\\fs01\v\pmem.vhdpmem", position=2)

    (disk,) = machine(host.client, A).disks
    assert (disk.name, disk.controller, disk.is_protectable) == ("other0-2", "other", False)


def test_other_media_are_no_disks(host: Any) -> None:
    host.machine(A, "vm")
    host.controller(A)
    host.disk(A, r"\\fs01\iso\setup.iso", ResourceSubType="Microsoft:Hyper-V:Virtual CD/DVD Disk")
    host.disk(A, "", position=1, HostResource=None)

    assert machine(host.client, A).disks == ()


def test_a_disk_whose_drive_is_missing_raises(host: Any) -> None:
    host.machine(A, "vm")
    host.controller(A)
    disk = host.disk(A, r"\\fs01\v\d.vhdx")
    disk.properties["Parent"] = host.ref("C", InstanceID="gone").path("HV01")

    with pytest.raises(ProtocolError, match="not among the VM's devices"):
        machine(host.client, A)


def test_settings_of_checkpoints_and_hosts_do_not_mix_in(host: Any) -> None:
    other = "CCCCCCCC-6C1D-4E0E-9C55-3C2B7A6D1E03"
    host.machine(A, "vm")
    host.controller(A)
    host.disk(A, r"\\fs01\v\live.avhdx")
    host.setting(other, A, "Snapshot:Recovery", VirtualSystemSubType="Microsoft:Hyper-V:SubType:1")
    host.controller(other)
    host.disk(other, r"\\fs01\v\frozen.vhdx")
    host.add(
        "Msvm_StorageAllocationSettingData",
        InstanceID=r"Microsoft:Definition\Default",
        ResourceType=31,
    )

    for vm in (*list_machines(host.client), machine(host.client, A)):
        assert [d.path for d in vm.disks] == [r"\\fs01\v\live.avhdx"]
        assert vm.generation == 2


def test_a_broken_listing_raises_at_every_request(host: Any) -> None:
    host.machine(A, "vm")
    list_machines(host.client)
    total = host.client.request_count
    for broken in range(total):
        seen = iter(range(total))
        host.spoil = lambda _e, seen=seen, broken=broken: (
            UnreachableError("lost") if next(seen) == broken else None
        )
        with pytest.raises(UnreachableError, match="lost"):
            list_machines(host.client)


def test_a_few_vms_are_read_without_the_rows_of_the_others(host: Any) -> None:
    gone = "CCCCCCCC-6C1D-4E0E-9C55-3C2B7A6D1E03"
    for vm_id in (A, B):
        host.machine(vm_id, vm_id[:1])
        host.controller(vm_id)
        host.disk(vm_id, rf"\\fs01\v\{vm_id}.vhdx")
        host.component("Msvm_VssComponent", vm_id, OperationalStatus=[2])
    everything = list_machines(host.client)
    asked: list[str] = []
    host.spoil = asked.append

    few = list_machines(host.client, {A.lower(), gone})

    assert few == [one for one in everything if one.id == A]
    assert [A in one for one in asked] == [True] * 6 + [False]  # the last lists the VMs
