"""Hyper-V Replica seen only on the wire, by the plugin's CIM client and by pypsrp."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pypsrp.wsman import SelectorSet, WSMan

from safepoint.errors import ConflictError, DriverError, SafepointError
from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_lab.wsman import Account, AccountBook
from safepoint_native.cim import (
    AuthKind,
    CimClient,
    CimRef,
    CimRow,
    EmbeddedInstance,
    Endpoint,
    InstanceProperty,
    Login,
    PywinrmTransport,
)
from safepoint_native.cim.instance_text import (
    boolean,
    parse_instance_text,
    string,
    string_array,
    uint16,
)

V2 = "root/virtualization/v2"
SERVICE = CimRef.of(
    V2, "Msvm_ReplicationService", {"CreationClassName": "Msvm_ReplicationService"}
)
MANAGEMENT = CimRef.of(
    V2,
    "Msvm_VirtualSystemManagementService",
    {"CreationClassName": "Msvm_VirtualSystemManagementService"},
)
PASSWORD = "lab-Pa55word"
BROKER = "clu-dr-broker.lab.example.test"
HOME = "clu1-broker.lab.example.test"


@dataclass
class Site:
    """A lab and a client for each of its nodes."""

    world: World
    clients: dict[str, CimClient]
    ports: dict[str, int]

    def call(self, node: str, method: str, **arguments: object) -> CimRow:
        """Invoke a method of the service and see its job end well."""
        return self.follow(node, SERVICE, method, **arguments)

    def follow(self, node: str, target: CimRef, method: str, **arguments: object) -> CimRow:
        client = self.clients[node]
        result = client.invoke(target, method, arguments, changes=True)  # type: ignore[arg-type]
        if result.job is not None:
            key = result.job.key("InstanceID")
            started = [job for job in self.world.jobs(node) if job.guid == key]
            assert all(self.world.wait_job(job) for job in started)
            assert client.get(result.job).integer("JobState") == 7
            affected = client.affected_elements(result.job)
            self.affected = [ref for ref, effects in affected if 5 in effects]
        return result.outputs

    def rows(self, node: str, class_name: str) -> list[CimRow]:
        return self.clients[node].query(V2, f"SELECT * FROM {class_name}")

    def states(self, *nodes: str) -> list[int | None]:
        return [
            row.integer("ReplicationState")
            for node in nodes
            for row in self.rows(node, "Msvm_ReplicationRelationship")
        ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("replica-wire")
    with ExitStack() as stack:
        world = World.open(folder / "world", Timings(speed=50))
        plan = EstatePlan(1, 1, 2, 1, 4 * MIB, bulk_bytes=0, replica_site=True)
        build_estate(world.registry, world.storage, plan, folder / "shares")
        world.start()
        stack.callback(world.stop)
        accounts = AccountBook([Account("svc", PASSWORD)])
        stack.callback(accounts.close)
        wire = HyperVWire(world, accounts)
        made = Site(world, {}, {})
        for node in ("hv01", "hvr01", "hvr02", "hvt01"):
            server = wire.server(node, allow_unencrypted=False)
            stack.enter_context(server)
            endpoint = Endpoint("127.0.0.1", server.port, tls=False)
            login = Login(AuthKind.NTLM, "LAB\\svc", PASSWORD)
            client = CimClient(PywinrmTransport(endpoint, login, node=node), node=node)
            stack.callback(client.close)
            made.clients[node], made.ports[node] = client, server.port
        yield made


def instance(class_name: str, *properties: InstanceProperty) -> EmbeddedInstance:
    return EmbeddedInstance(class_name, properties)


def machine(guid: str) -> CimRef:
    keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": guid}
    return CimRef.of(V2, "Msvm_ComputerSystem", keys)


def wanted(point: str, *more: InstanceProperty) -> EmbeddedInstance:
    return instance(
        "Msvm_ReplicationSettingData",
        string("RecoveryConnectionPoint", point),
        uint16("RecoveryServerPortNumber", 80),
        uint16("AuthenticationType", 1),
        *more,
    )


def open_servers(site: Site) -> None:
    storage = {"hv01": "fs01\\vmstore1", "hvr01": "fs-dr\\replica1", "hvt01": "fs-third\\replica2"}
    for node, share in storage.items():
        settings = instance(
            "Msvm_ReplicationServiceSettingData",
            boolean("RecoveryServerEnabled", value=True),
            uint16("AllowedAuthenticationType", 1),
        )
        site.call(node, "ModifyServiceSettings", SettingData=settings)
        entry = instance(
            "Msvm_ReplicationAuthorizationSettingData",
            string("AllowedPrimaryHostSystem", "*.lab.example.test"),
            string("TrustGroup", "lab"),
            string("ReplicaStorageLocation", f"\\\\{share}"),
        )
        site.call(node, "AddAuthorizationEntry", AuthorizationEntry=entry)


def connections(site: Site, node: str, guid: str) -> list[CimRow]:
    rows = site.rows(node, "Msvm_EthernetPortAllocationSettingData")
    return [row for row in rows if row.need_text("InstanceID").startswith(f"Microsoft:{guid}")]


def switches(site: Site, node: str, guid: str) -> list[tuple[str | None, str | None]]:
    """Return where the adapters of a VM are connected, and where they would be in a test."""
    return [
        (row.text("LastKnownSwitchName"), row.text("TestReplicaSwitchName"))
        for row in connections(site, node, guid)
        if "\\" in row.need_text("InstanceID")
    ]


def wire_for_tests(site: Site, node: str, guid: str) -> None:
    """Connect a replica's adapter, disconnect it again, and name a switch for tests."""
    (connection,) = [
        row
        for row in connections(site, node, guid)
        if row.need_text("InstanceID").startswith(f"Microsoft:{guid}\\")
    ]
    name = string("InstanceID", connection.need_text("InstanceID"))
    there = {
        row.need_text("ElementName"): row for row in site.rows(node, "Msvm_VirtualEthernetSwitch")
    }
    keys = {
        "CreationClassName": "Msvm_VirtualEthernetSwitch",
        "Name": there["lab-switch"].need_text("Name"),
    }
    path = CimRef.of(V2, "Msvm_VirtualEthernetSwitch", keys).path()
    for wanted_now, expected in (
        (string_array("HostResource", [path]), "lab-switch"),
        (uint16("EnabledState", 3), None),
        (string("TestReplicaSwitchName", "lab-test-switch"), None),
    ):
        settings = instance("Msvm_EthernetPortAllocationSettingData", name, wanted_now)
        site.follow(node, MANAGEMENT, "ModifyResourceSettings", ResourceSettings=[settings])
        assert switches(site, node, guid)[0][0] == expected


def test_a_whole_life_of_a_chain(site: Site) -> None:
    open_servers(site)
    (server,) = site.rows("hvr02", "Msvm_ReplicationServiceSettingData")  # the site shares it
    assert (server.flag("RecoveryServerEnabled"), server.integer("HttpPort")) == (True, 80)
    (entry,) = site.rows("hvr01", "Msvm_ReplicationAuthorizationSettingData")
    assert entry.text("ReplicaStorageLocation") == "\\\\fs-dr\\replica1"
    guid = site.world.vm_named("sql01").guid
    settings = wanted(BROKER, uint16("RecoveryHistory", 2), uint16("ReplicationInterval", 300))
    site.call(
        "hv01",
        "CreateReplicationRelationship",
        ComputerSystem=machine(guid),
        ReplicationSettingData=settings,
    )
    home = site.world.vm_named("sql01@clu-dr").node
    assert site.states("hv01", home) == [1, 2]
    (kept,) = site.rows(home, "Msvm_ReplicationSettingData")
    assert kept.text("InstanceID") == f"Microsoft:{guid}\\HVR\\0"
    assert kept.text("PrimaryConnectionPoint") == HOME
    assert kept.text("RecoveryHostSystem") == f"{home}.lab.example.test"
    site.call("hv01", "StartReplication", ComputerSystem=machine(guid), InitialReplicationType=1)
    assert site.states("hv01", home) == [3, 3]
    row = site.clients[home].get(machine(guid))
    assert [row.integer(f"Replication{x}") for x in ("Mode", "State", "Health")] == [2, 3, 1]
    site.call(
        home,
        "CreateReplicationRelationship",
        ComputerSystem=machine(guid),
        ReplicationSettingData=wanted(
            "hvt01.lab.example.test", uint16("ReplicationInterval", 900)
        ),
    )
    site.call(home, "StartReplication", ComputerSystem=machine(guid), InitialReplicationType=1)
    (third,) = site.rows("hvt01", "Msvm_ReplicationRelationship")
    assert third.text("InstanceID") == f"Microsoft:{guid}\\HVR\\1"
    assert site.clients["hvt01"].get(machine(guid)).integer("ReplicationMode") == 4
    site.world.guest("sql01").write_file("CHAIN.TXT", b"all the way")
    site.world.advance(timedelta(minutes=16))
    assert site.world.guest("sql01@hvt01").read_file("CHAIN.TXT") == b"all the way"
    outputs = site.call("hv01", "GetReplicationStatistics", ComputerSystem=machine(guid))
    (figures,) = [parse_instance_text(t) for t in outputs.texts("ReplicationStatistics")]
    assert figures.integer("ReplicationSuccessCount") == 4  # the first copy is one
    assert (figures.integer("ReplicationSize") or 0) > 0
    points = [
        row
        for row in site.rows(home, "Msvm_VirtualSystemSettingData")
        if row.text("VirtualSystemType") == "Microsoft:Hyper-V:Snapshot:Replica:Standard"
    ]
    assert points
    point = CimRef.of(
        V2, "Msvm_VirtualSystemSettingData", {"InstanceID": points[0].need_text("InstanceID")}
    )
    wire_for_tests(site, home, guid)
    site.call(home, "TestReplicaSystem", ComputerSystem=machine(guid), SnapshotSettingData=point)
    (test,) = site.affected
    assert switches(site, home, test.key("Name")) == [("lab-test-switch", None)]
    assert switches(site, home, guid) == [(None, "lab-test-switch")]
    assert switches(site, "hv01", guid) == [("lab-switch", None)]
    assert site.clients[home].get(test).integer("ReplicationMode") == 3
    (pair,) = site.rows(home, "Msvm_ReplicaSystemDependency")
    dependent = pair.reference("Dependent")
    assert dependent is not None
    assert dependent.same_as(test)
    site.follow(home, MANAGEMENT, "DestroySystem", AffectedSystem=test)
    assert site.rows(home, "Msvm_ReplicaSystemDependency") == []
    with pytest.raises(SafepointError):  # a replica has no failover on its primary
        site.call("hv01", "InitiateFailover", ComputerSystem=machine(guid))
    site.follow("hv01", machine(guid), "RequestReplicationStateChangeEx", RequestedState=7)
    assert site.states("hv01") == [7]
    site.follow("hv01", machine(guid), "RequestReplicationStateChange", RequestedState=3)
    site.call(home, "InitiateFailover", ComputerSystem=machine(guid))
    relation = {
        row.need_text("InstanceID")[-1]: row.integer("ReplicationState")
        for row in site.rows(home, "Msvm_ReplicationRelationship")
    }
    assert relation == {"0": 5, "1": 9}
    site.call(home, "RevertFailover", ComputerSystem=machine(guid))
    leg = instance(
        "Msvm_ReplicationRelationship", string("InstanceID", f"Microsoft:{guid}\\HVR\\1")
    )
    for node in (home, "hvt01"):
        site.call(
            node,
            "RemoveReplicationRelationshipEx",
            ComputerSystem=machine(guid),
            ReplicationRelationship=leg,
        )
    assert site.rows("hvt01", "Msvm_ReplicationRelationship") == []
    assert site.clients["hvt01"].get(machine(guid)).integer("ReplicationMode") == 0
    assert site.states("hv01", home) == [3, 3]


def test_refusals_travel_as_return_values(site: Site) -> None:
    guid = site.world.vm_named("web01").guid
    odd = wanted(BROKER, uint16("ReplicationInterval", 60))
    with pytest.raises(DriverError):
        site.call(
            "hv01",
            "CreateReplicationRelationship",
            ComputerSystem=machine(guid),
            ReplicationSettingData=odd,
        )
    with pytest.raises(ConflictError):
        site.call("hv01", "Resynchronize", ComputerSystem=machine(guid))


def test_the_broker_is_a_role_of_its_cluster(site: Site) -> None:
    client = site.clients["hvr01"]
    wql = "SELECT * FROM MSCluster_ResourceGroup WHERE GroupType = 117"
    (group,) = client.query("root/MSCluster", wql)
    assert group.text("Name") == "clu-dr-broker"
    wql = "SELECT * FROM MSCluster_Resource WHERE Type = 'Virtual Machine Replication Broker'"
    (resource,) = client.query("root/MSCluster", wql)
    assert resource.text("OwnerGroup") == "clu-dr-broker"
    with pytest.raises(SafepointError):
        site.clients["hvt01"].query("root/MSCluster", "SELECT * FROM MSCluster_Cluster")


def test_pypsrp_reads_the_service(site: Site) -> None:
    client = WSMan(
        "127.0.0.1",
        port=site.ports["hvr01"],
        ssl=False,
        username="LAB\\svc",
        password=PASSWORD,
        auth="ntlm",
        no_proxy=True,
    )
    uri = f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{V2}/Msvm_ReplicationService"
    keys = SelectorSet()
    keys.add_option("CreationClassName", "Msvm_ReplicationService")
    assert client.get(uri, None, selector_set=keys).findtext(".//{*}Name") == "replicasvc"
    call = ET.Element(f"{{{uri}}}GetSystemCertificates_INPUT")
    answer = client.invoke(f"{uri}/GetSystemCertificates", uri, call, selector_set=keys)
    assert answer.findtext(".//{*}ReturnValue") == "0"
    assert answer.findtext(".//{*}EncodedCertificates")
    client.close()
