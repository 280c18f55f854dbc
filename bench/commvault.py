"""Requests and seconds against a simulated CommServe: safepoint and the vendor's own SDK, same work.

Three pieces: bring a cluster from nothing to registered, look at many VM groups, follow many jobs.
The SDK sleeps between looks at a job; that pause is shortened, so that only the work is counted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.drivers.https import Trust
from safepoint.models.checkpoints import OperationState
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import Action, Change, Desired, DesiredJob
from safepoint.models.policies import Policy
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.driver import CommvaultDriver
from safepoint_commvault.settings import CommvaultSettings
from safepoint_lab import commvault as lab
from safepoint_lab.commvault import CommvaultServer
from safepoint_lab.commvault.records import VmGroup
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 200.0
LOOKS = 3


class Bench:
    """A world and a CommServe that has seen none of it."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.folder = folder
        self.world = World.open(folder / "world", Timings(speed=SPEED))
        plan = EstatePlan(1, nodes, 2, 1, 8 * MIB, bulk_bytes=MIB)
        build_estate(self.world.registry, self.world.storage, plan, folder / "shares")
        self.world.start()
        tls = LabTls(folder / "tls")
        tls.ensure(["commserve01.lab.example.test"])
        settings = lab.CommvaultSettings(speed=SPEED, password="secret")
        self.server = CommvaultServer(self.world, folder / "commvault", tls, settings=settings)
        self.server.start()
        self.engine = self.server.engine
        self.cluster = self.world.clusters()[0]

    def close(self) -> None:
        self.server.stop()
        self.world.stop()

    def measured(self, work: Callable[[], Any]) -> tuple[int, float]:
        """Return requests and seconds."""
        before, began = sum(self.engine.requests.values()), time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        return sum(self.engine.requests.values()) - before, seconds

    # -- safepoint ----------------------------------------------------------------------------

    def driver(self) -> CommvaultDriver:
        settings = CommvaultSettings(
            server=self.server.url,
            username="admin",
            password=SecretStr("secret"),
            ca=self.server.ca,
            hyperv_username="LAB\\svc",
            hyperv_password=SecretStr("secret"),
            storage_pool="DiskPool01",
            cluster_addresses={self.cluster.name: self.cluster.fqdn},
        )
        nodes = tuple(NodeAddress(name=n.name, address=n.hostname) for n in self.world.nodes())
        info = ClusterInfo(name=self.cluster.name, nodes=nodes)
        context = DriverContext("bench", lambda: datetime.now(UTC), self.folder, (info,))
        return CommvaultDriver(settings, context)

    def register(self) -> None:
        """Agents on every node and the cluster with all of them, as `apply` does it."""
        driver = self.driver()
        nodes = [{"name": n.name, "address": n.hostname} for n in self.world.nodes()]
        cluster = Cluster.model_validate(
            {"metadata": {"name": self.cluster.name}, "spec": {"hypervisor": "h", "nodes": nodes}}
        )
        spec = {
            "connection": "bench",
            "cluster": cluster.name,
            "policy": "gold",
            "include": [{"all": True}],
        }
        job = ProtectionJob.model_validate({"metadata": {"name": "all"}, "spec": spec})
        policy = Policy.model_validate({"metadata": {"name": "gold"}, "spec": {}})
        desired = Desired(
            connection="bench",
            driver="commvault",
            clusters=(cluster,),
            jobs=(DesiredJob(job=job, policy=policy),),
        )
        list(driver.observe(ResourceQuery()))
        wishes = driver.translate(desired).resources
        present: dict[str, Resource] = {}
        for wish in wishes:
            if wish.kind not in {"vsa", "credential", "hypervisor"}:
                continue
            needs = tuple(present[a] for a in wish.depends_on if a in present)
            change = Change(
                action=Action.CREATE, address=wish.address, after=wish, dependencies=needs
            )
            result = driver.apply(change, key=wish.address)
            if isinstance(result, Ref):
                while driver.change_status(result).state is OperationState.RUNNING:
                    time.sleep(0.1)
            elif result is not None:
                present[wish.address] = result
        list(driver.observe(ResourceQuery()))
        driver.close()

    def observe(self) -> None:
        """Every VM group with its content and settings."""
        driver = self.driver()
        found = [one for one in driver.observe(ResourceQuery()) if one.kind == "job"]
        assert len(found) >= len(self.engine.shelf.all(VmGroup)) - 1
        driver.close()

    def follow(self, jobs: list[str]) -> None:
        """Look several times at all jobs, with their VMs."""
        driver = self.driver()
        refs = tuple(Ref(kind="run", system="bench", id=one) for one in jobs)
        for _ in range(LOOKS):
            assert len(list(driver.follow_runs(refs))) == len(jobs)
        driver.close()

    # -- the vendor's SDK ---------------------------------------------------------------------

    def commcell(self) -> Any:
        from cvpysdk.commcell import Commcell  # noqa: PLC0415

        return Commcell(
            "commserve01",
            "admin",
            "secret",
            web_service_url=self.server.api,
            certificate_path=str(self.server.ca),
        )

    def sdk_register(self) -> None:
        from cvpysdk.deployment.deploymentconstants import WindowsDownloadFeatures  # noqa: PLC0415

        commcell = self.commcell()
        job = commcell.install_software(
            client_computers=[node.hostname for node in self.world.nodes()],
            windows_features=[WindowsDownloadFeatures.VIRTUAL_SERVER.value],
            username="LAB\\svc",
            password="c2VjcmV0",
        )
        assert job.wait_for_completion()
        commcell.clients.refresh()
        names = [node.name for node in self.world.nodes()]
        for name in names:
            assert commcell.clients.get(name).agents.has_agent("Virtual Server")
        client = commcell.clients.add_hyperv_client(
            "HVC", self.cluster.fqdn, "LAB\\svc", "secret", names
        )
        instance = client.agents.get("Virtual Server").instances.get("hyper-v")
        assert instance.associated_clients == names
        commcell.logout()

    def sdk_observe(self, hypervisor: str) -> None:
        commcell = self.commcell()
        agent = commcell.clients.get(hypervisor).agents.get("Virtual Server")
        backupset = agent.instances.get("hyper-v").backupsets.get("defaultBackupSet")
        for name in list(backupset.subclients.all_subclients):
            subclient = backupset.subclients.get(name)
            assert subclient.content is not None
        commcell.logout()

    def sdk_follow(self, jobs: list[str]) -> None:
        commcell = self.commcell()
        found = [commcell.job_controller.get(one) for one in jobs]
        for _ in range(LOOKS):
            for job in found:
                job.refresh()
                assert job.status
                assert job.details
        commcell.logout()

    # -- what is looked at --------------------------------------------------------------------

    def add_groups(self, count: int) -> None:
        """Make VM groups without asking the web service for each."""
        hypervisor = self.engine.hypervisors.all()[0]
        rule = {"type": 10, "displayName": "*", "name": "", "equalsOrNotEquals": True}
        for number in range(count):
            group = VmGroup(
                id=self.engine.shelf.next_id("subclient"),
                guid=str(uuid.uuid4()).upper(),
                hypervisor_id=hypervisor.id,
                name=f"group-{number:03d}",
                created_at=self.engine.now(),
                plan_id=1,
                content=[{**rule, "allOrAnyChildren": True, "path": "", "value": ""}],
            )
            self.engine.shelf.save(group)

    def start_jobs(self, count: int) -> list[str]:
        """Start jobs that wait for resources as long as the bench looks at them."""
        self.server.faults.arm("commvault-job-pending", times=None)
        secret, trust = SecretStr("secret"), Trust(ca=str(self.server.ca))
        client = CommvaultClient(self.server.url, "admin", secret, trust=trust)
        groups = [g for g in self.engine.shelf.all(VmGroup) if not g.is_default][:count]
        jobs = [client.jobs.start(str(g.id), "full").jobs[0] for g in groups]
        client.close()
        return jobs


@contextmanager
def bench(nodes: int) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="safepoint-bench-") as folder:
        made = Bench(Path(folder), nodes)
        try:
            yield made
        finally:
            made.server.faults.clear()
            made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    import cvpysdk.job  # noqa: PLC0415 - needed by the comparison only

    real = time.sleep
    cvpysdk.job.time.sleep = lambda seconds: real(min(seconds, 0.1))  # type: ignore[attr-defined]
    rows: list[tuple[str, tuple[int, float], tuple[int, float]]] = []
    with bench(chosen.nodes) as one:
        theirs = one.measured(one.sdk_register)
    with bench(chosen.nodes) as one:
        ours = one.measured(one.register)
        rows.append((f"register a cluster of {chosen.nodes} nodes", ours, theirs))
        one.add_groups(chosen.groups)
        name = one.cluster.name
        ours = one.measured(one.observe)
        theirs = one.measured(lambda: one.sdk_observe(name))
        rows.append((f"observe {chosen.groups} VM groups", ours, theirs))
        jobs = one.start_jobs(chosen.jobs)
        ours = one.measured(lambda: one.follow(jobs))
        theirs = one.measured(lambda: one.sdk_follow(jobs))
        rows.append((f"follow {chosen.jobs} jobs, {LOOKS} looks", ours, theirs))
    print("| what | safepoint: requests | seconds | cvpysdk: requests | seconds | times |")
    print("| --- | --- | --- | --- | --- | --- |")
    for what, (mine, mine_seconds), (sdk, sdk_seconds) in rows:
        times = f"{sdk / mine:.1f} / {sdk_seconds / mine_seconds:.1f}"
        print(f"| {what} | {mine} | {mine_seconds:.1f} | {sdk} | {sdk_seconds:.1f} | {times} |")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
