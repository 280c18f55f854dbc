"""`replica status` of a large estate: seconds, CPU seconds and requests a relationship.

The relationships are made in the lab's world; what is measured asks over WS-Management, as users
do, a lab that is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.replicas.status import gather
from safepoint_lab.daemon import Lab
from safepoint_lab.daemon.client import LabClient
from safepoint_lab.daemon.config import DOMAIN, USERNAME
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, start_lab
from safepoint_lab.world.model import Job
from safepoint_lab.world.replication.numbers import InitialCopy
from safepoint_lab.world.replication.records import Authorization, ReplicationSettings
from safepoint_lab.world.replication.servers import ServerChanges
from safepoint_lab.world.world import World
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings

SOURCES = ("clu1", "clu2")
SHARES = {
    "clu1": ("fs01", "vmstore1"),
    "clu2": ("fs02", "vmstore2"),
    "clu-dr": ("fs-dr", "replica1"),
}


def now() -> datetime:
    return datetime.now(UTC)


def replicate(world: World) -> None:
    """Let every VM of both clusters be replicated to the other site."""
    replication = world.replication
    replication.modify_server(ServerChanges(enabled=True, authentication=1), node="hvr01")
    replication.add_entry(Authorization("*", "bench", r"\\fs-dr\replica1"), node="hvr01")
    settings = ReplicationSettings("clu-dr-broker.lab.example.test", 80, interval_seconds=900)
    machines = [vm for name in SOURCES for vm in world.vms(cluster=name)]

    def finish(jobs: list[Job]) -> None:
        for job in jobs:
            assert world.wait_job(job, 600), job
            assert not job.error_code, job.error_description

    finish([replication.create(vm.guid, settings, node=vm.node) for vm in machines])
    network = InitialCopy.NETWORK
    finish([replication.start_replication(vm.guid, network, node=vm.node) for vm in machines])


def clusters_of(lab: LabClient, folder: LabFolder) -> tuple[ClusterInfo, ...]:
    """Return the clusters as a connection reads them."""
    found = []
    for name, (server, share) in SHARES.items():
        mine = [n for n in lab.status().nodes if n.cluster == name]
        mount = folder.shares / server / share
        found.append(
            ClusterInfo(
                name=name,
                nodes=tuple(NodeAddress(name=n.name, address=n.url) for n in mine),
                shares=(ShareInfo(path=rf"\\{server}\{share}", mount=str(mount)),),
            )
        )
    return tuple(found)


def measure(folder: LabFolder, lab: LabClient, rounds: int) -> dict[str, Any]:
    """Ask as often, each time with a driver of its own: logging in is part of it."""
    clusters = clusters_of(lab, folder)
    settings = NativeSettings(
        username=f"{DOMAIN}\\{USERNAME}",
        password=SecretStr(folder.password.read_text("utf-8").strip()),
        ca=next(folder.tls.glob("ca*.pem")),
    )
    context = DriverContext("bench", now, folder.root, clusters, replicates=True)
    seconds, cpu, requests = [], [], 0
    for _ in range(rounds):
        driver = NativeDriver(settings, context)
        began, used = time.perf_counter(), time.process_time()
        found = gather("bench", driver, tuple(SHARES), now())
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
        requests = driver.request_count
        driver.close()
    assert all(pair.pair.primary and pair.pair.primary.statistics for pair in found.pairs)
    assert all(pair.pair.replica and pair.pair.replica.disk_bytes for pair in found.pairs)
    assert not [one for one in found.findings if one.code == "replica-system-unread"]
    return {
        "relationships": len(found.pairs),
        "nodes": sum(len(one.nodes) for one in clusters),
        "findings": len(found.findings),
        "seconds": [round(one, 2) for one in sorted(seconds)],
        "median_seconds": round(statistics.median(seconds), 2),
        "cpu_seconds": round(statistics.median(cpu), 2),
        "requests": requests,
        "requests_per_relationship": round(requests / len(found.pairs), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relationships", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=9, help="of each of the two clusters")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = LabFolder.at(Path(tempfile.mkdtemp(prefix="safepoint-bench-")) / "lab")
    choices = {
        "vms": chosen.relationships,
        "clusters": len(SOURCES),
        "nodes": chosen.nodes,
        "disk_bytes": 4 << 20,
        "bulk_bytes": 0,
        "smb": "path",
        "scenario": "replica",
    }
    try:
        with Lab.start(folder.root, **choices, speed=1000.0) as made:
            replicate(made.world)
        lab = start_lab(folder, {}, 900.0)
        print(json.dumps(measure(folder, lab, chosen.rounds), indent=2))
    finally:
        end_lab(folder)
        shutil.rmtree(folder.root.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
