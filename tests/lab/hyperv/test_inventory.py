"""What a host shows of itself and its VMs."""

from __future__ import annotations

import pytest
from tests.lab.hyperv.conftest import (
    FAR,
    SQL,
    WEB,
    HostClient,
    MemoryWorld,
    make_vm,
    text,
    texts,
)
from tests.lab.wsman.conftest import ENUMERATE, GET, PREFIXES, selector_set

from safepoint_lab.hyperv import HyperVWire, schemas
from safepoint_lab.world.enums import CheckpointType, ControllerKind, PowerState, ServiceStatus
from safepoint_lab.world.model import Disk
from safepoint_lab.wsman.rendering import instance_xml

SYSTEMS = "SELECT * FROM Msvm_ComputerSystem"
VSSD = "Msvm_VirtualSystemSettingData"
URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2"


def test_host_and_machines_share_a_class(hv01: HostClient) -> None:
    rows = hv01.rows(SYSTEMS)
    assert [text(row, "ElementName") for row in rows] == ["HV01", "sql01", "web01"]
    assert text(rows[0], "Description") == "Microsoft Hosting Computer System"
    machines = hv01.rows(f'{SYSTEMS} WHERE Description = "Microsoft Virtual Machine"')
    assert [text(row, "Name") for row in machines] == [SQL, WEB]


def test_a_machine_as_it_runs(hv01: HostClient, world: MemoryWorld) -> None:
    world.vm(SQL).busy = None
    row = hv01.rows(f"{SYSTEMS} WHERE Name = '{SQL}'")[0]
    assert text(row, "EnabledState") == "2"
    assert texts(row, "OperationalStatus") == ["2"]
    assert text(row, "OnTimeInMilliseconds") == "86400000"
    never = row.findtext("{*}LastReplicationTime/cim:Datetime", "", PREFIXES)
    assert never == "1601-01-01T00:00:00Z"
    assert text(row, "ReplicationMode") == "0"


def test_a_machine_is_only_on_its_owner(
    hv01: HostClient, hv02: HostClient, world: MemoryWorld
) -> None:
    keys = selector_set(CreationClassName="Msvm_ComputerSystem", Name=FAR)
    uri = f"{URI}/Msvm_ComputerSystem"
    response = hv01.post(hv01.envelope(GET, uri, selectors=keys))
    assert "2150858752" in response.text
    assert text(hv02.send(GET, uri, selectors=keys), "ElementName") == "far01"
    world.live_migrate(FAR, "hv01")
    assert text(hv01.send(GET, uri, selectors=keys), "ElementName") == "far01"
    assert hv02.rows(f"SELECT * FROM {VSSD}") == []


def test_settings_of_a_machine_and_its_checkpoints(hv01: HostClient, world: MemoryWorld) -> None:
    first = world.add_checkpoint(SQL, type=CheckpointType.REALIZED, has_saved_state=True)
    second = world.add_checkpoint(SQL)
    rows = hv01.rows(f"SELECT * FROM {VSSD} WHERE VirtualSystemIdentifier = '{SQL}'")
    assert [text(row, "VirtualSystemType").rpartition("V:")[2] for row in rows] == [
        "System:Realized",
        "Snapshot:Realized",
        "Snapshot:Recovery",
    ]
    assert [text(row, "IsSaved") for row in rows] == ["false", "true", "false"]
    assert text(rows[0], "InstanceID") == f"Microsoft:{SQL}"
    assert text(rows[0], "Parent").endswith(f'InstanceID="Microsoft:{second.guid}"')
    assert text(rows[2], "Parent") == (
        r"\\HV01\root\virtualization\v2:Msvm_VirtualSystemSettingData"
        f'.InstanceID="Microsoft:{first.guid}"'
    )
    assert text(rows[0], "VirtualSystemSubType") == "Microsoft:Hyper-V:SubType:2"


def test_a_name_with_a_guid_in_it_is_just_a_name(hv01: HostClient, world: MemoryWorld) -> None:
    name = "safepoint 00000000-1111-4222-8333-444444444444"
    world.add_checkpoint(SQL, name=name)
    assert len(hv01.rows(f"SELECT * FROM {VSSD} WHERE ElementName = '{name}'")) == 1


def test_disks_hang_on_drives_and_these_on_controllers(
    hv01: HostClient, world: MemoryWorld
) -> None:
    controller, drive = hv01.rows(
        f"SELECT * FROM Msvm_ResourceAllocationSettingData WHERE InstanceID LIKE 'Microsoft:{SQL}%'"
    )
    (disk,) = hv01.rows(
        rf"SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE 'Microsoft:{SQL}\\%'"
    )
    assert (text(controller, "ResourceType"), text(drive, "ResourceType")) == ("6", "17")
    assert text(drive, "AddressOnParent") == "0"
    assert texts(disk, "HostResource") == [r"\\fs01\vmstore1\sql01\disk0.vhdx"]
    for child, parent in ((disk, drive), (drive, controller)):
        doubled = text(parent, "InstanceID").replace("\\", "\\\\")
        assert text(child, "Parent").endswith(f'InstanceID="{doubled}"')


def test_a_checkpoint_shows_the_frozen_file_at_the_same_place(
    hv01: HostClient, world: MemoryWorld
) -> None:
    checkpoint = world.add_checkpoint(SQL)
    rows = hv01.rows("SELECT * FROM Msvm_StorageAllocationSettingData")
    by_id = {text(row, "InstanceID"): texts(row, "HostResource")[0] for row in rows}
    (active,) = [key for key in by_id if key.startswith(f"Microsoft:{SQL}")]
    frozen = active.replace(SQL, checkpoint.guid)
    assert by_id[active].endswith(".avhdx")
    assert by_id[frozen] == r"\\fs01\vmstore1\sql01\disk0.vhdx"


def test_a_passed_through_disk_is_a_drive_without_a_file(
    hv01: HostClient, world: MemoryWorld
) -> None:
    raw = Disk(0, ControllerKind.SCSI, 1, "PHYSICALDRIVE4", 1, {}, passthrough=True)
    world.vm(SQL).disks.append(raw)
    rows = hv01.rows(
        "SELECT * FROM Msvm_ResourceAllocationSettingData WHERE ResourceSubType LIKE '%Physical%'"
    )
    assert [texts(row, "HostResource") for row in rows] == [["PHYSICALDRIVE4"]]
    assert len(hv01.rows("SELECT * FROM Msvm_StorageAllocationSettingData")) == 2


def test_integration_components_live_while_the_machine_runs(
    hv01: HostClient, world: MemoryWorld
) -> None:
    world.vm(SQL).vss_status = ServiceStatus.NO_CONTACT
    world.vm(WEB).power = PowerState.OFF
    for name in ("Vss", "KvpExchange", "Heartbeat", "Shutdown"):
        rows = hv01.rows(f"SELECT * FROM Msvm_{name}Component")
        assert [text(row, "SystemName") for row in rows] == [SQL]
    assert texts(hv01.rows("SELECT * FROM Msvm_VssComponent")[0], "OperationalStatus") == ["12"]
    world.vm(SQL).vss_enabled = False
    assert hv01.rows("SELECT * FROM Msvm_VssComponent") == []
    switch = hv01.rows(
        f"SELECT * FROM Msvm_VssComponentSettingData WHERE InstanceID LIKE 'Microsoft:{SQL}%'"
    )
    assert text(switch[0], "EnabledState") == "3"


def test_what_a_guest_tells_is_instance_text(hv01: HostClient) -> None:
    (row,) = hv01.rows(f"SELECT * FROM Msvm_KvpExchangeComponent WHERE SystemName = '{SQL}'")
    items = texts(row, "GuestIntrinsicExchangeItems")
    name = '<PROPERTY NAME="Name" TYPE="string"><VALUE>OSName</VALUE></PROPERTY>'
    assert [item for item in items if name in item and "Windows Server" in item]
    assert 'PROPAGATED="true"' in items[0]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("ASSOCIATORS OF {VM} WHERE AssocClass = Msvm_SnapshotOfVirtualSystem", 2),
        ("ASSOCIATORS OF {VM} WHERE AssocClass = Msvm_SettingsDefineState", 1),
        ("ASSOCIATORS OF {VM} WHERE AssocClass = Msvm_MostCurrentSnapshotInBranch", 1),
        ("ASSOCIATORS OF {VM} WHERE AssocClass = Msvm_SystemDevice", 4),
        ("ASSOCIATORS OF {VM} WHERE ResultClass = Msvm_VirtualSystemSettingData", 3),
        ("ASSOCIATORS OF {VSSD} WHERE ResultClass = Msvm_StorageAllocationSettingData", 1),
        ("ASSOCIATORS OF {VSSD} WHERE AssocClass = CIM_VirtualSystemSettingDataComponent", 8),
        ("REFERENCES OF {VSSD} WHERE ResultClass = Msvm_VirtualSystemSettingDataComponent", 8),
        ("ASSOCIATORS OF {CHECKPOINT} WHERE AssocClass = Msvm_ParentChildSettingData", 1),
        ("ASSOCIATORS OF {CHECKPOINT} WHERE ResultClass = Msvm_ComputerSystem", 1),
    ],
)
def test_associations(hv01: HostClient, world: MemoryWorld, query: str, count: int) -> None:
    first = world.add_checkpoint(SQL)
    world.add_checkpoint(SQL)
    paths = {
        "VM": f'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{SQL}"',
        "VSSD": f'{VSSD}.InstanceID="Microsoft:{SQL}"',
        "CHECKPOINT": f'{VSSD}.InstanceID="Microsoft:{first.guid}"',
    }
    for name, path in paths.items():
        query = query.replace(f"{{{name}}}", f"{{{path}}}")
    assert len(hv01.rows(query)) == count


def test_the_services_are_singletons(hv01: HostClient) -> None:
    for name in (
        "Msvm_VirtualSystemManagementService",
        "Msvm_VirtualSystemSnapshotService",
        "Msvm_ImageManagementService",
    ):
        keys = selector_set(CreationClassName=name)
        row = hv01.send(GET, f"{URI}/{name}", selectors=keys)
        assert text(row, "SystemName") == "HV01"
        assert len(hv01.rows(f"SELECT * FROM {name}")) == 1


def test_keys_that_name_several_are_too_few(hv01: HostClient) -> None:
    uri = f"{URI}/Msvm_ComputerSystem"
    keys = selector_set(CreationClassName="Msvm_ComputerSystem")
    response = hv01.post(hv01.envelope(GET, uri, selectors=keys))
    assert "2150858842" in response.text


def test_summaries(hv01: HostClient, world: MemoryWorld) -> None:
    world.add_checkpoint(SQL)
    wanted = "".join(
        f"<m:RequestedInformation>{n}</m:RequestedInformation>"
        for n in (0, 1, 4, 100, 107, 109, 5)
    )
    answer = hv01.call("Msvm_VirtualSystemManagementService", "GetSummaryInformation", wanted)
    first, second = answer.findall("{*}SummaryInformation")
    assert (text(first, "Name"), text(first, "ElementName")) == (SQL, "sql01")
    assert len(first.findall("{*}Snapshots")) == 1
    assert second.findall("{*}Snapshots") == []
    assert text(first, "EnabledState") == "2"


def test_the_cluster_tells_who_owns_what(hv02: HostClient, world: MemoryWorld) -> None:
    space = "root/MSCluster"
    (cluster,) = hv02.rows("SELECT * FROM MSCluster_Cluster", space)
    assert text(cluster, "Name") == "c1"
    nodes = hv02.rows("SELECT * FROM MSCluster_Node", space)
    assert [(text(n, "Name"), text(n, "State")) for n in nodes] == [("hv01", "0"), ("hv02", "0")]
    rows = hv02.rows("SELECT * FROM MSCluster_Resource WHERE Type = 'Virtual Machine'", space)
    owners = {row.findtext(".//{*}VmID"): text(row, "OwnerNode") for row in rows}
    assert owners == {SQL: "hv01", WEB: "hv01", FAR: "hv02"}
    groups = hv02.rows("SELECT * FROM MSCluster_ResourceGroup WHERE GroupType = 111", space)
    assert [text(g, "State") for g in groups] == ["0", "0", "1"]
    path = 'MSCluster_Node.Name="hv01"'
    query = f"ASSOCIATORS OF {{{path}}} WHERE AssocClass = MSCluster_NodeToActiveGroup"
    assert [text(g, "Name") for g in hv02.rows(query, space)] == ["sql01", "web01"]


def test_the_operating_system_has_the_nodes_own_clock(
    hv01: HostClient, world: MemoryWorld
) -> None:
    world.node("hv01").clock_skew_seconds = 3600
    (row,) = hv01.rows("SELECT * FROM Win32_OperatingSystem", "root/cimv2")
    assert text(row, "Version") == "10.0.20348"
    shown = row.findtext("{*}LocalDateTime/cim:Datetime", "", PREFIXES)
    assert shown == "2026-01-12T23:00:00Z"
    world.add_checkpoint(SQL)
    checkpoint = hv01.rows(f"SELECT * FROM {VSSD} WHERE VirtualSystemType LIKE '%Recovery'")[0]
    assert checkpoint.findtext("{*}CreationTime/cim:Datetime", "", PREFIXES) == shown
    (computer,) = hv01.rows("SELECT * FROM Win32_ComputerSystem", "root/cimv2")
    assert text(computer, "Domain") == "example.test"


def test_a_node_shares_nothing_itself(hv01: HostClient) -> None:
    assert hv01.rows("SELECT * FROM MSFT_SmbShare", "root/microsoft/windows/smb") == []


def test_an_unknown_namespace_is_not_there(hv01: HostClient) -> None:
    uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/other/*"
    response = hv01.post(hv01.envelope(ENUMERATE, uri, "<n:Enumerate/>"))
    assert read_code(response.text) == 2150858752


def read_code(answer: str) -> int:
    return int(answer.partition('Code="')[2].partition('"')[0])


def test_a_german_host_speaks_german(hv01: HostClient, world: MemoryWorld) -> None:
    world.node("hv01").locale = "de-DE"
    machine = hv01.rows(f"{SYSTEMS} WHERE Name = '{SQL}'")[0]
    assert text(machine, "Caption") == "Virtueller Computer"
    assert text(machine, "Description") == "Microsoft Virtual Machine"
    assert text(machine, "StatusDescriptions") == "Normaler Betrieb"


def test_every_row_fits_its_schema(wire: HyperVWire, world: MemoryWorld) -> None:
    """No property that the schema lacks, no value of another type, all renderable."""
    world.add_checkpoint(SQL)
    job = world.request_power(SQL, 3, node="hv01")
    world.finish(job)
    provider = wire.provider("hv01")
    seen = set()
    for namespace in (schemas.VIRTUALIZATION, schemas.MSCLUSTER, schemas.CIMV2, schemas.SMB):
        schema = schemas.load(namespace)
        for class_def in schema.classes():
            for row in provider.instances(namespace, class_def.name, {}):
                seen.add(row.class_name)
                assert set(row.properties) <= set(class_def.properties), class_def.name
                for name, value in row.properties.items():
                    assert value is None or isinstance(value, list) is (
                        class_def.properties[name].is_array
                    ), f"{class_def.name}.{name}"
                assert instance_xml(row, schema)
    assert len(seen) > 30


def test_a_listing_tells_of_fifty_machines(hv01: HostClient, world: MemoryWorld) -> None:
    for number in range(50):
        guid = f"5F3A0B3E-6C1D-4E0E-9C55-3C2B7A6D2{number:03d}"
        world.all_vms.append(make_vm(guid, f"vm{number:03d}", "hv01"))
        world.add_checkpoint(guid)
    queries = (
        SYSTEMS,
        f"SELECT * FROM {VSSD}",
        "SELECT * FROM Msvm_StorageAllocationSettingData",
        "SELECT * FROM Msvm_ResourceAllocationSettingData",
        "SELECT * FROM Msvm_VssComponent",
    )
    for query in queries:
        assert len(hv01.rows(query)) >= 50
