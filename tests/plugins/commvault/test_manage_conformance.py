"""The Commvault driver keeps every rule of managing, on a living simulator."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers import CanManage, Driver, DriverContext
from safepoint.models.estate import Cluster
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint.testing import ManageHarness, ManageSuite
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.driver import CommvaultDriver
from safepoint_commvault.settings import CommvaultSettings
from safepoint_lab import commvault
from safepoint_lab.commvault import CommvaultServer
from safepoint_lab.commvault.records import Credential, Hypervisor, Plan, VmGroup
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 100.0
PASSWORD = "commvault-lab"
FABRIC = "fabric-secret-of-hosts"
#: The last request of each change; registering a hypervisor marks it by a second one.
LAST_WRITES = (
    "*V4/Credential*",
    "POST Client/*",
    "*V4/ServerPlan*",
    "* Subclient*",
    "DELETE V4/Hyp*",
)
WORLDS: dict[str, World] = {}
TLS: dict[str, LabTls] = {}


@pytest.fixture(autouse=True, scope="module")
def world(tmp_path_factory):
    """One world for all rules: they ask the product, never the hosts."""
    folder = tmp_path_factory.mktemp("world")
    made = World.open(folder, Timings(speed=SPEED))
    plan = EstatePlan(1, 2, 3, 1, 8 * MIB, bulk_bytes=MIB)
    build_estate(made.registry, made.storage, plan, folder / "shares")
    made.start()
    WORLDS["world"] = made
    TLS["tls"] = LabTls(tmp_path_factory.mktemp("tls"))
    TLS["tls"].ensure(["commserve01.lab.example.test"])
    yield made
    made.stop()
    WORLDS.clear()
    TLS.clear()


class CommvaultHarness(ManageHarness):
    """The simulator's shelf is the truth; its faults are the product's."""

    driver_name = "commvault"

    def __init__(self) -> None:
        self.world = WORLDS["world"]
        self.cluster = self.world.clusters()[0].name
        self.secrets = (PASSWORD, FABRIC)
        self._folder = Path(tempfile.mkdtemp(prefix="safepoint-commvault-"))
        settings = commvault.CommvaultSettings(
            password=PASSWORD, fabric_username="LAB\\svc", fabric_password=FABRIC, speed=SPEED
        )
        self.server = CommvaultServer(self.world, self._folder, TLS["tls"], settings=settings)
        self.server.start()
        self._opened: list[Driver] = []
        for node in self.world.nodes():
            self.server.engine.clients.install(node.name, node, [713], reboot=False)

    def driver(self, password: str = PASSWORD) -> CommvaultDriver:
        """Return a new driver."""
        settings = CommvaultSettings(
            server=self.server.url,
            username="admin",
            password=SecretStr(password),
            ca=self.server.ca,
            hyperv_username="LAB\\svc",
            hyperv_password=SecretStr(FABRIC),
            storage_pool="DiskPool01",
            timezone="Europe/Berlin",
        )
        nodes = tuple(NodeAddress(name=n.name, address=n.hostname) for n in self.world.nodes())
        info = ClusterInfo(
            name=self.cluster, nodes=nodes, shares=(ShareInfo(path="\\\\fs01\\vms"),)
        )
        context = DriverContext(self.connection, lambda: datetime.now(UTC), self._folder, (info,))
        made = CommvaultDriver(settings, context)
        self._opened.append(made)
        return made

    @override
    def open(self) -> Driver:
        return self.driver()

    @override
    def open_managing(self) -> CanManage:
        return self.driver()

    @override
    def open_with_wrong_password(self) -> Driver:
        return self.driver("not-the-password")

    @override
    def clusters(self) -> tuple[Cluster, ...]:
        nodes = [{"name": n.name, "address": n.hostname} for n in self.world.nodes()]
        spec = {"hypervisor": "hosts", "nodes": nodes, "shares": [{"path": "\\\\fs01\\vms"}]}
        return (Cluster.model_validate({"metadata": {"name": self.cluster}, "spec": spec}),)

    @override
    def workloads(self, driver: CanManage) -> tuple[Workload, ...]:
        return tuple(
            Workload(
                ref=workload_ref(self.cluster, vm.guid),
                name=vm.name,
                cluster=self.cluster,
                node=vm.node,
                power=PowerState.RUNNING,
            )
            for vm in self.world.vms()
        )

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(vm.guid.upper() for vm in self.world.vms())

    @override
    def true_objects(self) -> frozenset[str]:
        shelf = self.server.engine.shelf
        groups = [one.id for one in shelf.all(VmGroup) if not one.is_default]
        others = [one.id for kind in (Hypervisor, Plan) for one in shelf.all(kind)]
        stored = [one.id for one in shelf.all(Credential)]
        return frozenset(map(str, [*groups, *others, *stored]))

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.server.faults.arm("commvault-malformed", times=None, skip=after)

    @override
    def heal(self) -> None:
        self.server.faults.clear()

    def _client(self) -> CommvaultClient:
        return self.driver()._client

    def _group(self, address: str) -> VmGroup:
        groups = self.server.engine.shelf.all(VmGroup)
        return next(g for g in groups if f":{address}]" in g.description or g.name == address[4:])

    @override
    def add_by_hand(self) -> str:
        engine = self.server.engine
        hypervisor = engine.hypervisors.all()[0]
        properties = {
            "vmContent": {"children": [{"type": 10, "displayName": "web*"}]},
            "commonProperties": {"description": "made by hand"},
            "subClientEntity": {"clientName": hypervisor.name, "subclientName": "by-hand"},
            "planEntity": {"planName": "Server Plan"},
        }
        self._client().vm_groups.create(properties)
        return "job/by-hand"

    @override
    def change_by_hand(self, address: str) -> None:
        group = self._group(address)
        properties = {"vsaSubclientProp": {"quiesceGuestFileSystemAndApplications": False}}
        self._client().vm_groups.modify(str(group.id), properties)

    @override
    def delete_by_hand(self, address: str) -> None:
        self._client().vm_groups.delete(str(self._group(address).id))

    @override
    def remove_marker(self, address: str) -> None:
        properties = {"commonProperties": {"description": ""}}
        self._client().vm_groups.modify(str(self._group(address).id), properties)

    @override
    def rename_by_hand(self, address: str) -> bool:
        properties = {"subClientEntity": {"subclientName": "renamed"}}
        self._client().vm_groups.modify(str(self._group(address).id), properties)
        return True

    @override
    def lose_answer(self, method: str) -> None:
        self.server.faults.clear("commvault-lost-answer")
        for operation in LAST_WRITES:
            self.server.faults.arm("commvault-lost-answer", operation=operation, times=1)

    @override
    def close(self) -> None:
        for one in self._opened:
            one.close()
        self.server.stop()


class TestManaging(ManageSuite):
    """Every rule."""

    harness_class = CommvaultHarness
