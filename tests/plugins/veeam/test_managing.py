"""Registering, deploying, writing jobs on the simulated server: by the core's own plan and apply."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safepoint.drivers.base import DriverContext
from safepoint.drivers.wrap import RetryReads, check_contract, intercepted
from safepoint.errors import PermissionDeniedError, SafepointError, VendorFaultError
from safepoint.estate import SecretResolver, check_text, resolve_cluster
from safepoint.models.diagnostics import Severity
from safepoint.models.plans import PlanScope
from safepoint.models.resources import ResourceQuery
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint.planning import Tools, Workbench
from safepoint.store import Store
from safepoint_lab.veeam.records import Credential, Job, Server
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings

EXAMPLES = Path(__file__).parents[3] / "examples"
FARM = {"clusters": 2, "nodes": 2, "vms": 4}
ALL = PlanScope()

ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: vbr}
spec: {driver: veeam}
---
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: hosts}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: clu1}
spec:
  hypervisor: hosts
  nodes: [{name: hv01, address: hv01}, {name: hv02, address: hv02}]
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec:
  schedule: {timezone: Etc/UTC, daily: {at: ['22:00']}}
  retention: {keepFor: 14d, weekly: {keep: 4}}
  fallback: allow
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: sql}
spec: {connection: vbr, cluster: clu1, policy: gold, include: [{all: true}]}
"""
SECOND = """\
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: clu2}
spec:
  hypervisor: hosts
  nodes: [{name: hv03, address: hv03}, {name: hv04, address: hv04}]
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: other}
spec: {connection: vbr, cluster: clu2, policy: gold, include: [{all: true}]}
"""


@dataclass
class Bench:
    """An estate over one simulated server; planning opens a driver anew each time."""

    product: Any
    store: Store
    text: str = ESTATE
    settings: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.executor = self.store.executors.enter()
        self.keys = itertools.count(1)
        self.drivers: list[VeeamDriver] = []

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def driver(self) -> VeeamDriver:
        estate = check_text(self.text).estate
        clusters = tuple(resolve_cluster(c, SecretResolver()) for c in estate.clusters.values())
        raw = self.product.settings(timezone="Etc/UTC", **self.settings)
        settings = VeeamSettings.model_validate(raw, by_alias=True)
        context = DriverContext("vbr", lambda: datetime.now(UTC), Path(), clusters)
        self.drivers.append(VeeamDriver(settings, context))
        return self.drivers[-1]

    def __call__(self) -> Workbench:
        wrapped = intercepted(
            self.driver(), "vbr", RetryReads(lambda _seconds: None), check_contract
        )
        hosts: Any = Hosts(self.product.world)
        tools = Tools(
            driver=lambda name: wrapped if name == "vbr" else hosts,
            store=self.store,
            executor=lambda: self.executor.id,
            now=lambda: datetime.now(UTC),
            sleep=lambda _seconds: self.product.server.engine.crew.pause(0.01),
            new_id=lambda: f"key-{next(self.keys):05d}",
        )
        return Workbench(check_text(self.text).estate, tools)

    def apply(self) -> SafepointError | None:
        """Plan and apply; returns what stopped it."""
        return self().apply(self().plan(ALL), sink=self).error

    def writes(self) -> list[str]:
        """What a plan would write now."""
        return [f"{c.action} {c.address}" for c in self().plan(ALL).writes]

    def begins(self, number, total, change, /) -> None:
        pass

    def ended(self, step, /) -> None:
        pass

    def remark(self, text, /) -> None:
        self.remarks.append(text)

    def all(self, kind: type) -> list[Any]:
        """Records of the server."""
        found: list[Any] = self.product.server.engine.shelf.all(kind)
        return found


class Hosts:
    """The connection that reads the hosts, as far as planning needs it."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def support(self):
        return {}

    def workloads(self, query):
        return iter(
            Workload(
                ref=workload_ref(vm.cluster, vm.guid),
                name=vm.name,
                cluster=vm.cluster,
                node=vm.node,
                power=PowerState.RUNNING,
            )
            for vm in self._world.vms(cluster=query.cluster)
        )


@pytest.fixture
def make(serve, tmp_path):
    """Make a bench on a server of some profile."""
    made: list[Bench] = []

    def start(profile: str = "1.3-rev1", **settings: Any) -> Bench:
        store = Store(tmp_path / f"store{len(made)}", clock=lambda: datetime.now(UTC))
        made.append(Bench(serve(profile), store, settings=settings))
        return made[-1]

    yield start
    for bench in made:
        for driver in bench.drivers:
            driver.close()
        bench.store.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


@pytest.mark.parametrize("profile", ["1.3-rev1", "1.3-rev2"])
def test_an_estate_is_registered_deployed_and_imported(make, profile):
    bench = make(profile)
    assert bench.apply() is None
    (cluster,) = [s for s in bench.all(Server) if s.type == "HvCluster"]
    hosts = [s for s in bench.all(Server) if s.type == "HvServer"]
    assert {len(host.components) for host in hosts} == {4}
    assert "[safepoint:default:cluster/clu1.lab.example.test]" in cluster.description
    (job,) = bench.all(Job)
    assert job.body["storage"]["gfsPolicy"]["weekly"]["keepForNumberOfWeeks"] == 4
    assert any("%" in text for text in bench.remarks)
    assert bench.writes() == []
    imported = bench().import_from("vbr", owner="default")
    assert [one.kind for one in imported.documents] == ["Policy", "ProtectionJob"]
    secret = bench.product.fabric[1]
    assert all(secret not in str(row) for row in bench.store.operations._rows())


def test_clusters_of_one_scvmm_are_below_it(bench):
    vmm = "nodes: [{name: hv01, address: hv01}, {name: hv02, address: hv02}]"
    bench.text = (bench.text + SECOND).replace(
        "hypervisor: hosts", "hypervisor: hosts\n  scvmm: scvmm01.lab.example.test"
    )
    assert vmm in bench.text
    assert bench.apply() is None
    servers = {s.name: s for s in bench.all(Server)}
    root = servers["scvmm01.lab.example.test"]
    assert (root.add_all, len(root.children)) == (False, 4)
    clusters = [s for s in servers.values() if s.type == "HvCluster"]
    assert {s.parent for s in clusters} == {root.id}
    assert bench.writes() == []
    bench.text = bench.text.replace(
        SECOND.replace(
            "hypervisor: hosts", "hypervisor: hosts\n  scvmm: scvmm01.lab.example.test"
        ),
        "",
    )
    scope = PlanScope(allow_delete=("job/other", "cluster/clu2.lab.example.test"))
    report = bench().apply(bench().plan(scope))
    assert report.error is None
    assert [s.name for s in bench.all(Server) if s.type == "HvCluster"] == [
        "clu1.lab.example.test"
    ]


def test_a_node_added_later_shows_as_drift_and_is_deployed(bench):
    bench.edit(", {name: hv02, address: hv02}", "")
    bench.edit("hypervisor: hosts\n", "hypervisor: hosts\n  scvmm: scvmm01.lab.example.test\n")
    assert bench.apply() is None
    assert [s.name for s in bench.all(Server) if s.type == "HvServer"] == ["hv01.lab.example.test"]
    bench.edit(
        "{name: hv01, address: hv01}", "{name: hv01, address: hv01}, {name: hv02, address: hv02}"
    )
    (line,) = bench().drift(ALL)[1]
    assert (line.address, line.field) == ("cluster/clu1.lab.example.test", "nodes")
    assert (line.observed, line.declared) == (("hv01",), ("hv01", "hv02"))
    (told,) = [one for one in bench().plan(ALL).findings if one.field.startswith("node/")]
    assert (told.severity, told.code) == (Severity.INFO, "preflight-pending")
    assert "this plan updates cluster/clu1.lab.example.test first" in told.summary
    assert bench.apply() is None
    assert len([s for s in bench.all(Server) if s.type == "HvServer"]) == 2


def test_a_component_that_could_not_be_deployed_fails_the_change_and_is_repaired(bench):
    bench.product.server.faults.arm("veeam-component-fails-on-node", node="hv02")
    error = bench.apply()
    assert isinstance(error, VendorFaultError)
    assert "HvIntegration on hv02" in error.message
    plan = bench().plan(ALL)
    told = [one for one in plan.findings if one.code == "preflight-failed"]
    assert "not deployed: GuestInteractionProxy, HvIntegration" in str(told)
    assert "update cluster/clu1.lab.example.test" in bench.writes()
    assert bench.apply() is None
    assert bench.writes() == []


def test_hosts_of_a_cluster_that_the_plan_registers_are_no_warning(bench):
    told = [one for one in bench().plan(ALL).findings if one.field.startswith("node/")]
    assert {(one.severity, one.code) for one in told} == {(Severity.INFO, "preflight-pending")}
    assert "this plan creates cluster/clu1.lab.example.test first" in told[0].summary
    assert bench.apply() is None
    assert not [one for one in bench().plan(ALL).findings if one.field.startswith("node/")]


def test_a_node_that_does_not_answer_is_told_by_name(bench):
    world = bench.product.world
    world.fail_node("hv02")
    try:
        error = bench.apply()
    finally:
        world.restore_node("hv02")
    assert error is not None
    assert "hv02" in error.message
    assert bench.apply() is None


def test_a_wrong_account_for_the_hosts_registers_nothing(make):
    bench = make(fabric={"username": "LAB\\svc-hv", "password": "wrong"})
    error = bench.apply()
    assert error is not None
    assert "Access denied" in error.message
    assert bench.all(Server) == []
    assert "wrong" not in str(error.to_dict())


def test_a_node_that_the_cluster_has_not_is_refused_before_anything_is_registered(bench):
    bench.edit("name: hv02, address: hv02", "name: hv77, address: hv77")
    error = bench.apply()
    assert error is not None
    assert error.message.endswith("has no host hv77; Veeam finds hv01, hv02")
    assert bench.all(Server) == []


def test_what_no_document_says_survives_a_write(bench):
    assert bench.apply() is None
    (job,) = bench.all(Job)
    storage = job.body["storage"]
    extreme = {**storage["advancedSettings"]["storageData"], "compressionLevel": "Extreme"}
    storage = {
        **storage,
        "advancedSettings": {**storage["advancedSettings"], "storageData": extreme},
    }
    retry = {"isEnabled": True, "retryCount": 7, "awaitMinutes": 1}
    job.body = {
        **job.body,
        "storage": storage,
        "schedule": {**job.body["schedule"], "retry": retry},
        "description": f"Anna's job {job.body['description']}",
    }
    bench.product.server.engine.shelf.save(job)
    assert bench.writes() == []
    bench.edit("22:00", "23:30")
    assert bench.apply() is None
    (job,) = bench.all(Job)
    assert job.body["schedule"]["daily"]["localTime"] == "23:30"
    assert job.body["schedule"]["retry"] == retry
    assert job.body["storage"]["advancedSettings"]["storageData"]["compressionLevel"] == "Extreme"
    assert job.body["description"].startswith("Anna's job [safepoint:")


def test_a_deletion_that_waits_for_a_second_person_says_so_and_is_done_after_approval(bench):
    bench.text += SECOND
    assert bench.apply() is None
    bench.text = bench.text.replace(SECOND, "")
    bench.product.server.faults.arm("veeam-four-eyes")
    allowed = PlanScope(allow_delete=("job/other", "cluster/clu2.lab.example.test"))
    error = bench().apply(bench().plan(allowed)).error
    assert isinstance(error, PermissionDeniedError)
    assert "a second administrator has to approve it" in error.message
    engine = bench.product.server.engine
    (pending,) = engine.pending_deletions
    engine.approve(pending.id)
    bench.product.server.faults.clear()
    assert bench().apply(bench().plan(allowed)).error is None
    assert [job.name for job in bench.all(Job)] == ["sql"]


@pytest.mark.parametrize("seed", range(4))
def test_a_lost_answer_at_any_write_makes_nothing_twice(bench, seed):
    operations = (
        "POST /credentials",
        "POST /backupInfrastructure/managedServers",
        "POST /jobs",
        "PUT /jobs/*",
    )
    if seed == 3:
        assert bench.apply() is None
        bench.edit("14d", "21d")
    bench.product.server.faults.arm("veeam-lost-answer", operation=operations[seed])
    assert bench.apply() is None
    assert any("no answer came" in text for text in bench.remarks)
    assert (len(bench.all(Credential)), len(bench.all(Job))) == (1, 1)
    assert len([s for s in bench.all(Server) if s.type == "HvCluster"]) == 1
    assert bench.writes() == []


def test_a_broken_listing_is_never_a_short_one(bench):
    assert bench.apply() is None
    bench.product.server.faults.arm("veeam-broken-paging", operation="GET /jobs", times=None)
    bench.product.server.faults.arm("veeam-malformed", operation="GET /credentials", times=9)
    with pytest.raises(SafepointError, match=r"incomplete|no JSON"):
        list(bench.driver().observe(ResourceQuery()))


def test_an_unknown_repository_is_told_with_those_there_are(make):
    bench = make(repository="Repo Z")
    error = bench.apply()
    assert error is not None
    assert "Default Backup Repository, Repo A" in error.message


def test_the_example_can_be_applied(bench):
    """The estate that people copy from: one SCVMM, two clusters, a block of Veeam's own."""
    names = {
        cluster: sorted(vm.name for vm in bench.product.world.vms(cluster=cluster))
        for cluster in ("clu1", "clu2")
    }
    engine = bench.product.server.engine
    engine.shelf.save(
        Credential(
            "c0ffee00-0000-4000-8000-000000000001",
            "CORP\\svc-guest",
            "by hand",
            "Standard",
            engine.now(),
            "u1",
        )
    )
    bench.text = (EXAMPLES / "veeam.yaml").read_text()
    bench.edit("tmp01", names["clu1"][0])
    bench.edit("sql*", names["clu2"][0])
    bench.edit("vmm01.corp.example", "scvmm01.lab.example.test")
    assert bench.apply() is None
    assert bench.writes() == []
    jobs = {job.name: job.body for job in bench.all(Job)}
    assert jobs["clu1-all"]["virtualMachines"]["excludes"]["vms"][0]["name"] == names["clu1"][0]
    assert jobs["clu2-sql"]["isHighPriority"] is True
    assert len([s for s in bench.all(Server) if s.type == "HvServer"]) == 4
