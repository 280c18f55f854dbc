"""Worlds with replicas, and a pair of VMs with short words for what tests do to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.cells import cell_digests
from safepoint_lab.world.enums import JobState, ReturnValue
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.model import Checkpoint, Job, Vm
from safepoint_lab.world.replication.numbers import InitialCopy, ReplicationState
from safepoint_lab.world.replication.records import (
    Authorization,
    Replication,
    ReplicationSettings,
)
from safepoint_lab.world.replication.servers import ServerChanges
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

DOMAIN = "lab.example.test"
BROKER = f"clu-dr-broker.{DOMAIN}"
HOME = f"clu1-broker.{DOMAIN}"
THIRD = f"hvt01.{DOMAIN}"
STORAGE = {
    "hv01": r"\\fs01\vmstore1",
    "hvr01": r"\\fs-dr\replica1",
    "hvt01": r"\\fs-third\replica2",
}
MINUTES = timedelta(minutes=1)
CLEAN_OFF, START = 4, 2


def make_world(folder: Path, vms: int) -> World:
    """Build a world whose three sites accept one another."""
    world = World.open(folder, Timings(speed=50))
    plan = EstatePlan(1, 2, vms, 1, 4 * MIB, bulk_bytes=0, replica_site=True)
    build_estate(world.registry, world.storage, plan, folder / "shares")
    world.start()
    for node, storage in STORAGE.items():
        changes = ServerChanges(
            enabled=True, authentication=3, thumbprint=world.replication.thumbprint(node)
        )
        world.replication.modify_server(changes, node=node)
        world.replication.add_entry(Authorization("*", "lab", storage), node=node)
    return world


def wish(**changes: Any) -> ReplicationSettings:
    values: dict[str, Any] = {"recovery_point": BROKER, "port": 80}
    return ReplicationSettings(**(values | changes))


@dataclass
class Pair:
    """A VM and its replica, with short words for what tests do to them."""

    world: World
    name: str

    @property
    def vm(self) -> Vm:
        return self.world.vm_named(f"{self.name}@clu1")

    @property
    def replica(self) -> Vm:
        return self.world.vm_named(f"{self.name}@clu-dr")

    def record(self, vm: Vm, index: int = 0) -> Replication:
        return next(r for r in self.world.replication.of(vm) if r.index == index)

    def states(self) -> tuple[ReplicationState, ReplicationState]:
        return self.record(self.vm).state, self.record(self.replica).state

    def finish(self, job: Job) -> Job:
        assert self.world.wait_job(job, 20.0)
        assert job.state is JobState.COMPLETED, job.error_description
        return job

    def fail(self, job: Job) -> str:
        assert self.world.wait_job(job, 20.0)
        assert job.state is JobState.EXCEPTION
        assert job.error_code == ReturnValue.FAILED
        return job.error_description or ""

    def create(self, **changes: Any) -> None:
        settings = wish(**changes)
        self.finish(self.world.replication.create(self.vm.guid, settings, node=self.vm.node))

    def begin(self) -> None:
        copy = InitialCopy.NETWORK
        replication = self.world.replication
        self.finish(replication.start_replication(self.vm.guid, copy, node=self.vm.node))

    def write(self, text: str) -> None:
        self.world.guest(self.vm.key).write_file("NOTE.TXT", text.encode())

    def note(self, vm: Vm) -> str:
        try:
            return self.world.guest(vm.key).read_file("NOTE.TXT").decode()
        except FileNotFoundError:
            return ""

    def work(self, vm: Vm | None = None, writes: int = 40) -> None:
        guest = self.world.guest((vm or self.vm).key)
        done = 0
        while done < writes:
            done += guest.step()

    def cycle(self, minutes: float = 5) -> None:
        self.world.advance(timedelta(minutes=minutes))

    def power(self, vm: Vm, requested: int) -> None:
        self.finish(self.world.request_power(vm.guid, requested, node=vm.node))

    def state(self, vm: Vm, requested: int, index: int | None = None) -> None:
        job = self.world.replication.request_state(vm.guid, index, requested, node=vm.node)
        self.finish(job)

    def points(self) -> list[Checkpoint]:
        return list(self.world.checkpoints(self.replica.key))

    def fail_over(self, point: str | None = None) -> None:
        replica = self.replica
        job = self.world.replication.fail_over(replica.guid, point, node=replica.node)
        self.finish(job)

    def content(self, vm: Vm) -> list[list[bytes]]:
        found = []
        with self.world.guest(vm.key).lock:
            for disk in vm.disks:
                with open_chain(self.world.storage.chain(disk)) as chain:
                    found.append(cell_digests(chain.read_at, chain.size_bytes))
        return found

    def reverse(self) -> None:
        settings = ReplicationSettings(HOME, 80)
        replica = self.replica
        job = self.world.replication.reverse(replica.guid, settings, node=replica.node)
        self.finish(job)
