"""Methods: what reaches the world, what comes back, how jobs tell."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from tests.lab.hyperv.conftest import (
    FAR,
    SQL,
    V2,
    HostClient,
    MemoryWorld,
    array,
    embedded,
    prop,
    ref,
    selector,
    settings_ref,
    text,
    texts,
    vm_ref,
)
from tests.lab.wsman.conftest import GET, PREFIXES, selector_set

from safepoint_lab.world.enums import (
    BusyStatus,
    Consistency,
    ControllerKind,
    GuestBackupType,
    JobState,
    PowerState,
    SnapshotRequest,
    UserSnapshotType,
)
from safepoint_lab.world.model import AffectedElement, Job
from safepoint_lab.world.port import VmChanges

SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
MANAGEMENT = "Msvm_VirtualSystemManagementService"
IMAGES = "Msvm_ImageManagementService"
RASD = "Msvm_ResourceAllocationSettingData"
SASD = "Msvm_StorageAllocationSettingData"
JOB_URI = f"{V2}/Msvm_ConcreteJob"
RECOVERY = (
    f"<m:AffectedSystem>{vm_ref(SQL)}</m:AffectedSystem><m:SnapshotSettings>"
    + embedded(
        "Msvm_VirtualSystemSnapshotSettingData",
        prop("ConsistencyLevel", "2", "uint8"),
        prop("GuestBackupType", "2", "uint8"),
        prop("IgnoreNonSnapshottableDisks", "TRUE", "boolean"),
    )
    + "</m:SnapshotSettings><m:SnapshotType>32768</m:SnapshotType>"
)


def start(hv01: HostClient, world: MemoryWorld) -> Job:
    answer = hv01.call(SNAPSHOTS, "CreateSnapshot", RECOVERY)
    assert text(answer, "ReturnValue") == "4096"
    (job,) = world.all_jobs
    assert selector(answer, "Job") == job.guid
    return job


def affected(hv01: HostClient, job: Job) -> list[tuple[str, str]]:
    rows = hv01.rows(
        f'REFERENCES OF {{{job.class_name}.InstanceID="{job.guid}"}} '
        "WHERE ResultClass = Msvm_AffectedJobElement"
    )
    return [(selector(row, "AffectedElement"), text(row, "ElementEffects")) for row in rows]


def test_create_snapshot_answers_a_job_and_no_checkpoint(
    hv01: HostClient, world: MemoryWorld
) -> None:
    answer = hv01.call(SNAPSHOTS, "CreateSnapshot", RECOVERY)
    names = [child.tag.rpartition("}")[2] for child in answer]
    assert names == ["Job", "ReturnValue"]
    assert world.calls == [
        (SnapshotRequest.RECOVERY, Consistency.CRASH, GuestBackupType.COPY, True)
    ]


def test_the_checkpoint_is_known_when_the_job_has_ended(
    hv01: HostClient, world: MemoryWorld
) -> None:
    job = start(hv01, world)
    job.affected.append(AffectedElement("vm", SQL, 0))
    assert affected(hv01, job) == []
    made = world.add_checkpoint(SQL)
    world.finish(job, AffectedElement("checkpoint", made.guid, 5))
    assert affected(hv01, job) == [(SQL, "0"), (f"Microsoft:{made.guid}", "5")]
    path = f'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{SQL}"'
    query = f"ASSOCIATORS OF {{{path}}} WHERE AssocClass = Msvm_AffectedJobElement"
    assert [text(row, "InstanceID") for row in hv01.rows(query)] == [job.guid]


def test_a_job_is_polled_until_it_vanishes(hv01: HostClient, world: MemoryWorld) -> None:
    job = start(hv01, world)
    world.time += timedelta(seconds=4)
    row = hv01.get_setting("Msvm_ConcreteJob", job.guid)
    assert (text(row, "JobState"), text(row, "PercentComplete")) == ("4", "40")
    assert row.findtext("{*}ElapsedTime/cim:Interval", "", PREFIXES) == "P0DT0H0M4S"
    assert row.findtext("{*}TimeBeforeRemoval/cim:Interval", "", PREFIXES) == "P0DT0H5M0S"
    assert text(row, "JobType") == "70"
    world.finish(job)
    assert text(hv01.get_setting("Msvm_ConcreteJob", job.guid), "JobState") == "7"
    world.time += timedelta(minutes=5)
    fault = hv01.post(hv01.envelope(GET, JOB_URI, selectors=selector_set(InstanceID=job.guid)))
    assert "2150858752" in fault.text
    assert hv01.rows("SELECT * FROM Msvm_ConcreteJob") == []


def test_a_job_is_only_on_its_node(hv01: HostClient, hv02: HostClient, world: MemoryWorld) -> None:
    start(hv01, world)
    assert len(hv01.rows("SELECT * FROM CIM_ConcreteJob")) == 1
    assert hv02.rows("SELECT * FROM CIM_ConcreteJob") == []


def test_a_failed_job_tells_why(hv01: HostClient, world: MemoryWorld) -> None:
    job = start(hv01, world)
    world.fail(job, 32768, "a writer failed (0x800423F4)")
    row = hv01.get_setting("Msvm_ConcreteJob", job.guid)
    assert (text(row, "JobState"), text(row, "ErrorCode")) == ("10", "32768")
    errors = hv01.call("Msvm_ConcreteJob", "GetErrorEx", InstanceID=job.guid)
    (error,) = texts(errors, "Errors")
    assert 'CLASSNAME="Msvm_Error"' in error
    assert "0x800423F4" in error
    single = hv01.call("Msvm_ConcreteJob", "GetError", InstanceID=job.guid)
    assert text(single, "Error") == error


def test_a_job_can_be_cancelled_while_it_runs(hv01: HostClient, world: MemoryWorld) -> None:
    job = start(hv01, world)
    request = "<m:RequestedState>4</m:RequestedState>"
    method = ("Msvm_ConcreteJob", "RequestStateChange", request)
    assert text(hv01.call(*method, InstanceID=job.guid), "ReturnValue") == "0"
    assert world.calls[-1] == ("cancel", job.guid, 4)
    world.finish(job)
    assert text(hv01.call(*method, InstanceID=job.guid), "ReturnValue") == "4097"


def test_refusals_are_return_values(hv01: HostClient, world: MemoryWorld) -> None:
    world.vm(SQL).busy = BusyStatus.MERGING_DISKS
    answer = hv01.call(SNAPSHOTS, "CreateSnapshot", RECOVERY)
    assert text(answer, "ReturnValue") == "32775"
    assert answer.find("{*}Job") is None


@pytest.mark.parametrize(
    "change",
    [
        ("<m:SnapshotType>32768<", "<m:SnapshotType>7<"),
        ("<m:SnapshotType>32768</m:SnapshotType>", ""),
        ('TYPE="uint8"><VALUE>2<', 'TYPE="uint8"><VALUE>9<'),
        (f"<m:AffectedSystem>{vm_ref(SQL)}</m:AffectedSystem>", ""),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    hv01: HostClient, world: MemoryWorld, change: tuple[str, str]
) -> None:
    answer = hv01.call(SNAPSHOTS, "CreateSnapshot", RECOVERY.replace(*change))
    assert text(answer, "ReturnValue") == "32773"
    assert world.all_jobs == []


@pytest.mark.parametrize("name", [FAR, "HV01", "00000000-0000-4000-8000-000000000000"])
def test_a_machine_that_is_not_here(hv01: HostClient, world: MemoryWorld, name: str) -> None:
    uri = f"{V2}/{SNAPSHOTS}"
    body = (
        f'<m:CreateSnapshot_INPUT xmlns:m="{uri}">{RECOVERY.replace(SQL, name)}'
        "</m:CreateSnapshot_INPUT>"
    )
    keys = selector_set(CreationClassName=SNAPSHOTS)
    response = hv01.post(hv01.envelope(f"{uri}/CreateSnapshot", uri, body, selectors=keys))
    assert response.status_code == 500
    assert 'Code="2150858752"' in response.text


@pytest.mark.parametrize(
    ("method", "parameter", "tree"),
    [
        ("DestroySnapshot", "AffectedSnapshot", False),
        ("DestroySnapshotTree", "SnapshotSettingData", True),
    ],
)
def test_deleting_a_checkpoint(
    hv01: HostClient, world: MemoryWorld, method: str, parameter: str, tree: bool
) -> None:
    made = world.add_checkpoint(SQL)
    argument = f"<m:{parameter}>{settings_ref(made.guid)}</m:{parameter}>"
    assert text(hv01.call(SNAPSHOTS, method, argument), "ReturnValue") == "4096"
    assert world.calls == [("destroy", made.guid, tree)]


def test_applying_has_its_own_parameter_name(hv01: HostClient, world: MemoryWorld) -> None:
    made = world.add_checkpoint(SQL)
    argument = f"<m:Snapshot>{settings_ref(made.guid)}</m:Snapshot>"
    assert text(hv01.call(SNAPSHOTS, "ApplySnapshot", argument), "ReturnValue") == "32775"


def test_power(hv01: HostClient, world: MemoryWorld) -> None:
    keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": SQL}
    request = "<m:RequestedState>3</m:RequestedState>"
    answer = hv01.call("Msvm_ComputerSystem", "RequestStateChange", request, **keys)
    assert text(answer, "ReturnValue") == "4096"
    component = {"CreationClassName": "Msvm_ShutdownComponent", "SystemName": SQL}
    force = "<m:Force>true</m:Force><m:Reason>test</m:Reason>"
    answer = hv01.call("Msvm_ShutdownComponent", "InitiateShutdown", force, **component)
    assert text(answer, "ReturnValue") == "0"
    assert world.calls == [("power", 3), ("power", 4)]


def settings(*properties: str) -> str:
    instance = embedded("Msvm_VirtualSystemSettingData", *properties)
    return f"<m:SystemSettings>{instance}</m:SystemSettings>"


def test_changing_a_machines_settings(hv01: HostClient, world: MemoryWorld) -> None:
    notes = (
        '<PROPERTY.ARRAY NAME="Notes" TYPE="string"><VALUE.ARRAY><VALUE>one</VALUE>'
        "<VALUE>two</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>"
    )
    answer = hv01.call(
        MANAGEMENT,
        "ModifySystemSettings",
        settings(
            prop("InstanceID", f"Microsoft:{SQL}"), prop("UserSnapshotType", "4", "uint16"), notes
        ),
    )
    assert text(answer, "ReturnValue") == "4096"
    changes = VmChanges(notes=("one",), user_snapshot_type=UserSnapshotType.PRODUCTION_ONLY)
    assert world.calls == [("modify", SQL, changes)]
    job = hv01.get_setting("Msvm_ConcreteJob", selector(answer, "Job"))
    assert text(job, "JobState") == "7"


def test_renaming_a_checkpoint(hv01: HostClient, world: MemoryWorld) -> None:
    made = world.add_checkpoint(SQL)
    arguments = settings(
        prop("InstanceID", f"Microsoft:{made.guid}"), prop("ElementName", "safepoint job 42")
    )
    assert text(hv01.call(MANAGEMENT, "ModifySystemSettings", arguments), "ReturnValue") == "4096"
    assert made.name == "safepoint job 42"


def test_a_machine_is_made_step_by_step(hv01: HostClient, world: MemoryWorld) -> None:
    guid = "5F3A0B3E-6C1D-4E0E-9C55-3C2B7A6D1EFF"
    define = settings(
        prop("ElementName", "sql01-restored"),
        prop("VirtualSystemIdentifier", guid),
        prop("VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"),
        prop("ConfigurationDataRoot", r"\\fs01\vmstore1\new"),
        array("Notes", "made by a test"),
    )
    for name, quantity in (("Processor", "3"), ("Memory", "4096")):
        instance = embedded(f"Msvm_{name}SettingData", prop("VirtualQuantity", quantity, "uint64"))
        define += f"<m:ResourceSettings>{instance}</m:ResourceSettings>"
    job = selector(hv01.call(MANAGEMENT, "DefineSystem", define), "Job")
    rows = hv01.rows(f'REFERENCES OF {{Msvm_ConcreteJob.InstanceID="{job}"}}')
    created = [selector(r, "AffectedElement") for r in rows if text(r, "ElementEffects") == "5"]
    assert created == [guid]
    definition = world.calls[0][1]
    assert (definition.processors, definition.memory_mb) == (3, 4096)
    assert (definition.generation, definition.notes) == (2, ("made by a test",))

    controller = _add(hv01, guid, RASD, prop("ResourceType", "6", "uint16"))
    drive = _add(
        hv01,
        guid,
        RASD,
        prop("ResourceType", "17", "uint16"),
        prop("ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"),
        prop("Parent", _path(RASD, controller)),
        prop("AddressOnParent", "2"),
    )
    assert world.vm(guid).disks == []
    disk = _add(
        hv01,
        guid,
        SASD,
        prop("ResourceType", "31", "uint16"),
        prop("ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"),
        prop("Parent", _path(RASD, drive)),
        array("HostResource", r"\\fs01\vmstore1\new\disk0.vhdx"),
    )
    (made,) = world.vm(guid).disks
    assert (made.controller_kind, made.controller, made.lun) == (ControllerKind.SCSI, 0, 2)
    drives = hv01.rows(
        f"SELECT * FROM {RASD} WHERE ResourceType = 17 AND InstanceID LIKE '%{guid}%'"
    )
    assert [text(row, "InstanceID") for row in drives] == [drive]
    shown = hv01.get_setting(SASD, disk)
    assert texts(shown, "HostResource") == [r"\\fs01\vmstore1\new\disk0.vhdx"]

    adapters = (
        f"SELECT * FROM Msvm_SyntheticEthernetPortSettingData WHERE InstanceID LIKE '%{guid}%'"
    )
    assert hv01.rows(adapters) == []
    port = "Msvm_SyntheticEthernetPortSettingData"
    fixed = prop("StaticMacAddress", "TRUE", "boolean")
    _add(hv01, guid, port, prop("Address", "00155D000001"), fixed)
    (adapter,) = hv01.rows(adapters)
    assert text(adapter, "Address") == "00155D000001"
    assert text(adapter, "StaticMacAddress") == "true"


def _path(class_name: str, instance_id: str) -> str:
    doubled = instance_id.replace("\\", "\\\\")
    return rf'\\HV01\root\virtualization\v2:{class_name}.InstanceID="{doubled}"'


def _add(hv01: HostClient, guid: str, class_name: str, *properties: str) -> str:
    """Add one resource; return the InstanceID that its job tells."""
    answer = _try_add(hv01, guid, class_name, *properties)
    assert text(answer, "ReturnValue") == "4096"
    job = selector(answer, "Job")
    rows = hv01.rows(f'REFERENCES OF {{Msvm_ConcreteJob.InstanceID="{job}"}}')
    (created,) = [r for r in rows if text(r, "ElementEffects") == "5"]
    return selector(created, "AffectedElement")


def _try_add(hv01: HostClient, guid: str, class_name: str, *properties: str) -> ET.Element:
    resource = embedded(class_name, *properties)
    arguments = (
        f"<m:AffectedConfiguration>{settings_ref(guid)}</m:AffectedConfiguration>"
        f"<m:ResourceSettings>{resource}</m:ResourceSettings>"
    )
    return hv01.call(MANAGEMENT, "AddResourceSettings", arguments)


def test_a_disk_needs_an_empty_drive(hv01: HostClient, world: MemoryWorld) -> None:
    (controller, drive) = hv01.rows(f"SELECT * FROM {RASD} WHERE InstanceID LIKE '%{SQL}%'")
    disk = (
        prop("ResourceType", "31", "uint16"),
        prop("ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"),
        array("HostResource", r"\\fs01\vmstore1\other.vhdx"),
    )
    taken = prop("Parent", _path(RASD, text(drive, "InstanceID")))
    answer = _try_add(hv01, SQL, SASD, *disk, taken)
    assert text(answer, "ReturnValue") == "32773"
    occupied = (
        prop("ResourceType", "17", "uint16"),
        prop("ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"),
        prop("Parent", _path(RASD, text(controller, "InstanceID"))),
        prop("AddressOnParent", "0"),
    )
    assert text(_try_add(hv01, SQL, RASD, *occupied), "ReturnValue") == "32773"


def test_a_disk_is_pointed_at_another_file(hv01: HostClient, world: MemoryWorld) -> None:
    (row,) = hv01.rows(f"SELECT * FROM {SASD} WHERE InstanceID LIKE '%{SQL}%'")
    resource = embedded(
        SASD,
        prop("InstanceID", text(row, "InstanceID")),
        array("HostResource", r"\\fs01\vmstore1\restored.vhdx"),
    )
    arguments = f"<m:ResourceSettings>{resource}</m:ResourceSettings>"
    answer = hv01.call(MANAGEMENT, "ModifyResourceSettings", arguments)
    assert text(answer, "ReturnValue") == "4096"
    assert world.calls == [("disk", "scsi0.0", r"\\fs01\vmstore1\restored.vhdx")]


def test_a_single_path_must_be_an_array(hv01: HostClient, world: MemoryWorld) -> None:
    resource = embedded(SASD, prop("InstanceID", "x"), prop("HostResource", "y"))
    arguments = f"<m:ResourceSettings>{resource}</m:ResourceSettings>"
    answer = hv01.call(MANAGEMENT, "ModifyResourceSettings", arguments)
    assert text(answer, "ReturnValue") == "32773"
    assert world.calls == []


def test_the_backup_service_can_be_switched_off(hv01: HostClient, world: MemoryWorld) -> None:
    name = "Msvm_VssComponentSettingData"
    (row,) = hv01.rows(f"SELECT * FROM {name} WHERE InstanceID LIKE '%{SQL}%'")
    service = embedded(
        name, prop("InstanceID", text(row, "InstanceID")), prop("EnabledState", "3", "uint16")
    )
    arguments = f"<m:GuestServiceSettings>{service}</m:GuestServiceSettings>"
    answer = hv01.call(MANAGEMENT, "ModifyGuestServiceSettings", arguments)
    assert text(answer, "ReturnValue") == "4096"
    assert world.calls == [("modify", SQL, VmChanges(vss_enabled=False))]


def test_destroying_a_machine(hv01: HostClient, world: MemoryWorld) -> None:
    arguments = f"<m:AffectedSystem>{vm_ref(SQL)}</m:AffectedSystem>"
    assert text(hv01.call(MANAGEMENT, "DestroySystem", arguments), "ReturnValue") == "32775"
    world.vm(SQL).power = PowerState.OFF
    assert text(hv01.call(MANAGEMENT, "DestroySystem", arguments), "ReturnValue") == "4096"
    assert [job.state for job in world.all_jobs] == [JobState.RUNNING]


def test_adapters_and_empty_drives_can_be_removed(hv01: HostClient, world: MemoryWorld) -> None:
    name = "Msvm_SyntheticEthernetPortSettingData"
    query = f"SELECT * FROM {name} WHERE InstanceID LIKE '%{SQL}%'"
    (adapter,) = hv01.rows(query)
    target = ref(name, InstanceID=text(adapter, "InstanceID"))
    arguments = f"<m:ResourceSettings>{target}</m:ResourceSettings>"
    answer = hv01.call(MANAGEMENT, "RemoveResourceSettings", arguments)
    assert text(answer, "ReturnValue") == "4096"
    assert hv01.rows(query) == []


def test_what_a_host_says_of_a_file(hv01: HostClient) -> None:
    path = r"<m:Path>\\fs01\vmstore1\sql01\disk0.vhdx</m:Path>"
    answer = hv01.call(IMAGES, "GetVirtualHardDiskSettingData", path)
    assert text(answer, "ReturnValue") == "0"
    data = text(answer, "SettingData")
    assert '<PROPERTY NAME="Type" TYPE="uint16"><VALUE>3</VALUE>' in data
    assert '<PROPERTY NAME="MaxInternalSize" TYPE="uint64"><VALUE>1073741824</VALUE>' in data
    state = text(hv01.call(IMAGES, "GetVirtualHardDiskState", path), "State")
    assert '<PROPERTY NAME="InUse" TYPE="boolean"><VALUE>TRUE</VALUE>' in state
    gone = r"<m:Path>\\other\x.vhdx</m:Path>"
    answer = hv01.call(IMAGES, "GetVirtualHardDiskSettingData", gone)
    assert text(answer, "ReturnValue") == "32779"


def test_validation_is_a_storage_job(hv01: HostClient) -> None:
    for path, state in ((r"\\fs01\a.vhdx", "7"), (r"\\other\a.vhdx", "10")):
        answer = hv01.call(IMAGES, "ValidateVirtualHardDisk", f"<m:Path>{path}</m:Path>")
        job = hv01.get_setting("Msvm_StorageJob", selector(answer, "Job"))
        assert text(job, "JobState") == state


def test_a_service_without_selector_is_an_internal_error(hv01: HostClient) -> None:
    uri = f"{V2}/{MANAGEMENT}"
    response = hv01.post(hv01.envelope(f"{uri}/DefineSystem", uri))
    assert response.status_code == 500
    assert "Invalid method Parameter(s)" in response.text
