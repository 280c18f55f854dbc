"""The Commvault driver keeps every rule of a driver, and of running jobs, on a living simulator."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers import Ability, CanRunJobs, CanSuspendRuns, Driver, DriverContext
from safepoint.models.refs import Ref
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint.testing import DriverSuite, SuspendHarness, SuspendRunsSuite
from safepoint_commvault.driver import CommvaultDriver
from safepoint_commvault.settings import CommvaultSettings
from safepoint_lab import commvault
from safepoint_lab.commvault import CommvaultServer
from safepoint_lab.commvault.infrastructure import HypervisorWish
from safepoint_lab.commvault.records import Job
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 100.0
PASSWORD = "commvault-lab"
SITE: dict[str, Site] = {}


class Site:
    """A world of three VMs, a CommServe with the cluster registered, and a VM group of two."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World.open(folder / "world", Timings(speed=SPEED))
        plan = EstatePlan(1, 2, 3, 1, 8 * MIB, bulk_bytes=MIB)
        build_estate(self.world.registry, self.world.storage, plan, folder / "shares")
        self.world.start()
        tls = LabTls(folder / "tls")
        tls.ensure(["commserve01.lab.example.test"])
        settings = commvault.CommvaultSettings(password=PASSWORD, speed=SPEED)
        self.server = CommvaultServer(self.world, folder / "commvault", tls, settings=settings)
        self.server.start()
        engine = self.server.engine
        for node in self.world.nodes():
            engine.clients.install(node.name, node, [713], reboot=False)
        self.cluster = self.world.clusters()[0]
        nodes = tuple((node.id, node.name) for node in engine.clients.access_nodes())
        wish = HypervisorWish(
            name=self.cluster.name,
            server_name=self.cluster.fqdn,
            user_name="svc",
            password="x",
            access_nodes=nodes,
        )
        engine.hypervisors.add(wish)
        self.members = sorted(self.world.vms(), key=lambda vm: vm.name)[:2]
        driver = self.driver()
        properties = {
            "vmContent": {
                "children": [{"type": 10, "displayName": vm.name} for vm in self.members]
            },
            "commonProperties": {"description": "[safepoint:default:job/two]"},
            "subClientEntity": {"clientName": self.cluster.name, "subclientName": "two-of-them"},
            "planEntity": {"planName": "Server Plan"},
        }
        self.group = int(driver._client.vm_groups.create(properties))
        driver.close()

    def driver(self, password: str = PASSWORD) -> CommvaultDriver:
        settings = CommvaultSettings(
            server=self.server.url,
            username="admin",
            password=SecretStr(password),
            ca=self.server.ca,
        )
        nodes = tuple(NodeAddress(name=n.name, address=n.hostname) for n in self.world.nodes())
        info = ClusterInfo(name=self.cluster.name, nodes=nodes)
        context = DriverContext("conformance", lambda: datetime.now(UTC), self.folder, (info,))
        return CommvaultDriver(settings, context)

    def close(self) -> None:
        self.server.stop()
        self.world.stop()


@pytest.fixture(autouse=True, scope="module")
def site():
    """One site for all rules; each leaves it idle."""
    with tempfile.TemporaryDirectory(prefix="safepoint-commvault-") as folder:
        SITE["site"] = Site(Path(folder))
        yield
        SITE["site"].close()
        SITE.clear()


class CommvaultHarness(SuspendHarness):
    """The simulator's shelf is the truth; its faults are the product's."""

    job = "two"
    secrets = (PASSWORD,)
    unsupported = MappingProxyType(
        {
            Ability.MANAGE: "the connection has no account for the clusters",
            Ability.CHECKPOINT: "its agents make and remove checkpoints",
            Ability.INSPECT_STORAGE: "shares are looked at through the hosts",
            Ability.COPY: "its agents copy",
            Ability.REPLICATE: "Live Sync is not driven",
            Ability.HOLD_POINTS: "pinning is not driven",
            Ability.INSTANT_RECOVERY: "Live Mount is not driven",
            Ability.VERIFY: "application validation is not driven",
        }
    )

    def __init__(self) -> None:
        self.site = SITE["site"]
        self.cluster = self.site.cluster.name
        self._opened: list[Driver] = []

    def _open(self, password: str = PASSWORD) -> CommvaultDriver:
        made = self.site.driver(password)
        self._opened.append(made)
        return made

    @override
    def open(self) -> Driver:
        return self._open()

    @override
    def open_running(self) -> CanRunJobs:
        return self._open()

    @override
    def open_suspending(self) -> CanSuspendRuns:
        return self._open()

    @override
    def open_with_wrong_password(self) -> Driver:
        return self._open("not-the-password")

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(vm.guid.upper() for vm in self.site.world.vms())

    @override
    def true_members(self) -> frozenset[str]:
        return frozenset(vm.guid.upper() for vm in self.site.members)

    @override
    def true_runs(self) -> frozenset[str]:
        jobs = self.site.server.engine.shelf.all(Job)
        return frozenset(str(j.id) for j in jobs if j.group_id == self.site.group)

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.site.server.faults.arm("commvault-malformed", times=None, skip=after)

    @override
    def heal(self) -> None:
        self.site.server.faults.clear()

    @override
    def stall_run(self) -> None:
        # It has found its VMs by then, and pends before the first of them.
        self.site.server.faults.arm("commvault-job-pending", skip=1)

    @override
    def stretch_run(self) -> None:
        self.stall_run()  # it does what it is told while it pends

    @override
    def fail_one_vm(self) -> None:
        self.site.server.faults.arm("commvault-job-fails-vm", times=1)

    @override
    def speak_unknown_word(self) -> None:
        word = {"status": "Transmogrifying"}
        self.site.server.faults.arm("commvault-unknown-status", times=1, parameters=word)

    @override
    def end_in_unknown_word(self) -> None:
        self.speak_unknown_word()  # the product's faults know no other odd word than the last one

    @override
    def pause(self) -> None:
        shelf = self.site.server.engine.shelf
        with shelf.changed:
            shelf.changed.wait(0.02)

    @override
    def forget_run(self, run: Ref) -> None:
        shelf = self.site.server.engine.shelf
        shelf.remove(shelf.get(Job, run.id))

    @override
    def lose_start(self) -> None:
        start = "POST Subclient/{id}/action/backup"
        self.site.server.faults.arm("commvault-lost-answer", operation=start, times=1)

    @override
    def close(self) -> None:
        engine = self.site.server.engine
        self.heal()
        for job in engine.shelf.all(Job):
            if not job.ended:
                engine.jobs.kill(job)
                engine.jobs.wait(job.id, 20)
        for one in self._opened:
            one.close()


class TestCommvault(DriverSuite):
    """Every rule of a driver."""

    harness_class = CommvaultHarness


class TestRunning(SuspendRunsSuite):
    """Every rule of running jobs, and of suspending them."""

    run_harness_class = CommvaultHarness
