"""The shipped rules for drivers, against the simulated server over real disks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typing_extensions import override

from safepoint.drivers import Ability, CanManage, CanRecoverInstantly, CanRunJobs, Driver
from safepoint.drivers.base import DriverContext
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import NeutralDocument
from safepoint.models.policies import Policy
from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePointQuery
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint.testing import (
    DriverSuite,
    InstantHarness,
    InstantRecoverySuite,
    ManageHarness,
    ManageSuite,
    RunHarness,
    RunJobsSuite,
)
from safepoint.testing.trial import Trial
from safepoint_lab.veeam.records import Credential, Job, Mount, RestorePoint, Server, Session
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings

FARMS: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def the_farm(farm):
    FARMS["farm"] = farm
    yield
    FARMS.clear()


def job_document(harness, name: str, vms: list[str]) -> tuple[NeutralDocument, ...]:
    policy = Policy.model_validate({"metadata": {"name": "p"}, "spec": {"fallback": "allow"}})
    spec = {
        "connection": harness.connection,
        "cluster": harness.cluster,
        "policy": "p",
        "include": [{"name": vm} for vm in vms],
    }
    return policy, ProtectionJob.model_validate({"metadata": {"name": name}, "spec": spec})


class VeeamHarness(ManageHarness, RunHarness, InstantHarness):
    """The simulator's shelf is the truth; its faults are the product's."""

    profile = "1.3-rev1"
    cluster = "clu1"
    driver_name = "veeam"
    job = "run-rule"
    unsupported = MappingProxyType(
        {
            Ability.CHECKPOINT: "Veeam makes its own",
            Ability.INSPECT_STORAGE: "the hosts' connection does",
            Ability.COPY: "Veeam moves the bytes",
            Ability.SUSPEND_RUNS: "Veeam cannot pause",
            Ability.REPLICATE: "not by REST",
            Ability.HOLD_POINTS: "not yet",
            Ability.VERIFY: "not yet",
        }
    )

    def __init__(self) -> None:
        self.product = FARMS["farm"].serve(self.profile)
        self.engine = self.product.server.engine
        self.secrets = (self.product.rest[1], self.product.fabric[1])
        self._opened: list[VeeamDriver] = []
        self._loses = False
        self._is_ready = False

    def _open(self, **more) -> VeeamDriver:
        raw = self.product.settings(timezone="Etc/UTC", **more)
        settings = VeeamSettings.model_validate(raw, by_alias=True)
        nodes = tuple(NodeAddress(name=n.name, address=n.name) for n in self.product.world.nodes())
        info = ClusterInfo(name=self.cluster, nodes=nodes)
        context = DriverContext(self.connection, lambda: datetime.now(UTC), Path(), (info,))
        driver = VeeamDriver(settings, context)
        self._opened.append(driver)
        return driver

    def _losing(self, driver: VeeamDriver) -> VeeamDriver:
        """Cut the connection after the next write, as a broken network does."""
        transport = driver.client._transport
        real = transport.send

        def send(call, *, writes, **parts):
            answer = real(call, writes=writes, **parts)
            if writes and self._loses:
                self._loses = False
                import requests

                raise transport._error(
                    requests.exceptions.ConnectionError("cut"), call.operation, writes=True
                )
            return answer

        transport.send = send  # type: ignore[method-assign]  # a broken network
        return driver

    @override
    def open(self) -> Driver:
        self._register()
        return self._open()

    @override
    def open_running(self) -> CanRunJobs:
        self._register()
        return self._open()

    @override
    def open_recovering(self) -> CanRecoverInstantly:
        self._register()
        return self._open()

    @override
    def open_managing(self) -> CanManage:
        driver = self._losing(self._open())
        # The VMs that jobs select come from the connection of the hosts, before any is registered.
        selectable = self._selectable()
        driver.workloads = lambda _query: iter(selectable)  # type: ignore[method-assign]
        return driver

    def _selectable(self) -> list[Workload]:
        return [
            Workload(
                ref=workload_ref(self.cluster, vm.guid),
                name=vm.name,
                cluster=self.cluster,
                node=vm.node,
                power=PowerState.RUNNING,
            )
            for vm in self.product.world.vms()
        ]

    @override
    def open_with_wrong_password(self) -> Driver:
        return self._open(password="not-the-password")

    def _register(self) -> None:
        """Bring about the job of the run rules, so that there is something to list and to run."""
        if not self._is_ready:
            self._is_ready = True
            vms = sorted(vm.name for vm in self.product.world.vms())[:2]
            Trial(self).bring_about(job_document(self, self.job, vms))

    @override
    def pause(self) -> None:
        changed = self.product.world.registry.changed
        with changed:
            changed.wait(0.01)

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(vm.guid.upper() for vm in self.product.world.vms())

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.product.server.faults.arm("veeam-malformed", operation="*", times=None, skip=after)

    @override
    def heal(self) -> None:
        self.product.server.faults.clear()
        self._loses = False

    @override
    def close(self) -> None:
        for driver in self._opened:
            driver.close()
        self.product.empty()

    # --- managing ----------------------------------------------------------------------------

    @override
    def clusters(self) -> tuple[Cluster, ...]:
        nodes = [{"name": n.name, "address": n.name} for n in self.product.world.nodes()]
        spec = {"hypervisor": "hyperv", "nodes": nodes}
        return (Cluster.model_validate({"metadata": {"name": self.cluster}, "spec": spec}),)

    @override
    def true_objects(self) -> frozenset[str]:
        shelf = self.engine.shelf
        servers = [one for one in shelf.all(Server) if one.type != "HvServer" or not one.parent]
        records = [*shelf.all(Credential), *servers, *shelf.all(Job)]
        return frozenset(one.id for one in records)

    def _job(self, address: str) -> Job:
        jobs: list[Job] = self.engine.shelf.all(Job)
        for job in jobs:
            if f":{address}]" in job.body["description"] or f"job/{job.name}" == address:
                return job
        raise AssertionError(address)

    def _rewrite(self, address: str, **changed) -> None:
        job = self._job(address)
        job.body = {**job.body, **changed}
        self.engine.shelf.save(job)

    @override
    def add_by_hand(self) -> str:
        some = self.engine.shelf.all(Job)[0]
        made = self.engine.jobs.clone(some)
        made.body = {**made.body, "name": "by hand", "description": "Anna's"}
        self.engine.shelf.save(made)
        return "job/by-hand"

    @override
    def change_by_hand(self, address: str) -> None:
        storage = self._job(address).body["storage"]
        retention = {"type": "RestorePoints", "quantity": 3}
        self._rewrite(address, storage={**storage, "retentionPolicy": retention})

    @override
    def delete_by_hand(self, address: str) -> None:
        self.engine.jobs.delete(self._job(address))

    @override
    def remove_marker(self, address: str) -> None:
        text = self._job(address).body["description"]
        self._rewrite(address, description=re.sub(r"\[safepoint:[^\]]*\]", "", text))

    @override
    def rename_by_hand(self, address: str) -> bool:
        self._rewrite(address, name="renamed")
        return True

    @override
    def lose_answer(self, method: str) -> None:
        self._loses = True

    # --- runs --------------------------------------------------------------------------------

    @override
    def true_runs(self) -> frozenset[str]:
        sessions = self.engine.shelf.all(Session)
        return frozenset(one.id for one in sessions if one.type == "BackupJob")

    @override
    def true_members(self) -> frozenset[str]:
        vms = sorted(self.product.world.vms(), key=lambda vm: vm.name)[:2]
        return frozenset(vm.guid.upper() for vm in vms)

    @override
    def stall_run(self) -> None:
        self.product.server.faults.arm("veeam-session-hangs", operation="BackupJob")

    @override
    def fail_one_vm(self) -> None:
        vm = min(vm.name for vm in self.product.world.vms())
        self.product.server.faults.arm("veeam-job-fails-vm", vm=vm)

    @override
    def speak_unknown_word(self) -> None:
        self.product.server.faults.arm("veeam-unknown-state", operation="BackupJob")

    @override
    def end_in_unknown_word(self) -> None:
        self.product.server.faults.arm("veeam-unknown-result", operation="BackupJob")

    @override
    def forget_run(self, run: Ref) -> None:
        self.engine.shelf.remove(self.engine.shelf.get(Session, run.id))

    @override
    def lose_start(self) -> None:
        self.product.server.faults.arm("veeam-lost-answer", operation="POST /jobs/*/start")

    # --- instant recovery --------------------------------------------------------------------

    @override
    def point(self) -> Ref:
        self._register()
        if not self.engine.shelf.all(RestorePoint):
            (job,) = self.engine.shelf.all(Job)
            session = self.engine.runner.start(job, "rule")
            assert session is not None
            self.engine.sessions.wait(session.id)
        return next(iter(self._open().restore_points(RestorePointQuery()))).ref

    @override
    def true_recoveries(self) -> frozenset[str]:
        mounts = self.engine.shelf.all(Mount)
        return frozenset(one.vm_name for one in mounts if one.state != "Failed")

    @override
    def lose_instant_start(self) -> None:
        path = "POST /restore/instantRecovery/hyperV/vm"
        self.product.server.faults.arm("veeam-lost-answer", operation=path)


class LaterHarness(VeeamHarness):
    """The same on 1.3-rev2, where fields have other names."""

    profile = "1.3-rev2"


class TestRequired(DriverSuite):
    """Every rule of every driver."""

    harness_class = VeeamHarness


class TestManaging(ManageSuite):
    """Every rule of `CanManage`."""

    harness_class = VeeamHarness


class TestManagingLater(ManageSuite):
    """Every rule of `CanManage`, on the other revision."""

    harness_class = LaterHarness


class TestRunning(RunJobsSuite):
    """Every rule of `CanRunJobs`."""

    run_harness_class = VeeamHarness


class TestRecoveringInstantly(InstantRecoverySuite):
    """Every rule of `CanRecoverInstantly`."""

    instant_harness_class = VeeamHarness
