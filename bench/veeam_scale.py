"""What it costs to look at a large backup server: requests and seconds.

    python bench/veeam_scale.py

A simulated server on loopback is filled with 1,000 jobs of 10 restore points each, and with 50
sessions that run. The seconds are those of this machine, simulator included; the requests are the
same everywhere. The naive figures are those of one GET for each run and one for its VMs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safepoint.drivers import DriverContext
from safepoint.models.refs import Ref
from safepoint.models.resources import ResourceQuery
from safepoint.models.restore_points import RestorePointQuery
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.veeam import VeeamServer, VeeamSettings
from safepoint_lab.veeam.jobs.defaults import filled
from safepoint_lab.veeam.records import (
    Backup,
    BackupObject,
    Job,
    Repository,
    RestorePoint,
    Session,
    Task,
    new_id,
)
from safepoint_lab.world.building import EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings as Settings

JOBS, POINTS, RUNNING = 1_000, 10, 50
NOW = datetime.now(UTC)


def fill(server: VeeamServer, vms: list[Any]) -> None:
    """Write the records of a busy server."""
    shelf = server.engine.shelf
    repository = shelf.all(Repository)[0].id
    for number in range(JOBS):
        vm = vms[number % len(vms)]
        row = {
            "platform": "HyperV",
            "size": "1 GB",
            "hostName": "clu1.lab.example.test",
            "name": vm.name,
            "type": "VirtualMachine",
            "objectId": vm.guid.lower(),
        }
        body = {
            "name": f"job-{number:04}",
            "type": "HyperVBackup",
            "virtualMachines": {"includes": [row]},
        }
        job = Job(new_id(), NOW, filled(body, repository))
        backup = Backup(new_id(), job.id, job.name, NOW, repository)
        item = BackupObject(new_id(), backup.id, vm.guid, vm.name, "")
        points = [_point(backup, item, vm, age) for age in range(POINTS)]
        shelf.save(job, backup, item, *points)
        if number < RUNNING:
            session = Session(
                new_id(), job.name, "BackupJob", job.id, NOW, number, "x", state="Working"
            )
            task = Task(new_id(), "Backup", session.id, "BackupJob", NOW, number, vm.name, vm.guid)
            shelf.save(session, task)


def _point(backup: Backup, item: BackupObject, vm: Any, age: int) -> RestorePoint:
    return RestorePoint(
        id=new_id(),
        backup_id=backup.id,
        object_id=item.id,
        session_id=new_id(),
        name=vm.name,
        vm=vm.guid,
        created_at=NOW - timedelta(days=age),
        full=age == 0,
        node=vm.node,
        generation=2,
        processors=1,
        memory_mb=1024,
        guest_os="",
        config_root="",
        file_id=new_id(),
        consistency="application",
        checkpoint="",
        disks=[],
    )


def measured(driver: VeeamDriver, what: str, look: Callable[[], int]) -> None:
    """Print how many rows, requests and seconds a look takes."""
    before, began = driver.client.request_count, time.perf_counter()
    rows = look()
    took = time.perf_counter() - began
    print(f"{what:<42} {rows:>6} {driver.client.request_count - before:>9} {took:>8.2f}")


def main() -> None:
    """Fill a server and look at it."""
    folder = Path(tempfile.mkdtemp(prefix="veeam-scale-"))
    tls = LabTls(folder / "tls")
    tls.ensure(())
    world = World.open(folder / "world", Timings(speed=40.0))
    plan = EstatePlan(clusters=1, nodes=2, vms=4, disk_bytes=4 << 20, bulk_bytes=1 << 20)
    build_estate(world.registry, world.storage, plan, folder / "shares")
    settings = VeeamSettings(username="u", password="p", speed=40.0)
    with VeeamServer(world, folder / "veeam", tls, settings=settings) as server:
        fill(server, list(world.vms()))
        raw: dict[str, Any] = {
            "url": server.url,
            "username": "u",
            "password": "p",
            "ca": str(tls.ca),
        }
        raw["clusterNames"] = {"clu1": "clu1.lab.example.test"}
        nodes = tuple(NodeAddress(name=n.name, address=n.name) for n in world.nodes())
        info = ClusterInfo(name="clu1", nodes=nodes)
        context = DriverContext("vbr", lambda: datetime.now(UTC), folder, (info,))
        driver = VeeamDriver(Settings.model_validate(raw, by_alias=True), context)
        driver.support()
        print(f"{'what':<42} {'rows':>6} {'requests':>9} {'seconds':>8}")
        measured(driver, "observe", lambda: len(list(driver.observe(ResourceQuery()))))
        listing = RestorePointQuery()
        measured(driver, "restore points", lambda: len(list(driver.restore_points(listing))))
        sessions = [s for s in server.engine.shelf.all(Session) if s.state == "Working"]
        refs = tuple(Ref(kind="run", system="vbr", id=one.id) for one in sessions)
        measured(driver, "follow, first look", lambda: len(list(driver.follow_runs(refs))))
        measured(driver, "follow, every further look", lambda: len(list(driver.follow_runs(refs))))

        def naive() -> int:
            client = driver.client
            return sum(
                bool(client.sessions.get(ref.id)) and bool(list(client.sessions.tasks(ref.id)))
                for ref in refs
            )

        measured(driver, "follow one by one", naive)
        driver.close()


if __name__ == "__main__":
    main()
