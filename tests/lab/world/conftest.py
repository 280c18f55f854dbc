"""Small worlds that run fast."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.cells import cell_digests
from safepoint_lab.world.enums import Consistency, JobState, SnapshotRequest
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.model import Checkpoint, CheckpointDisk, Disk, Job, Vm
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.truth import DiskTruth, differing_cells
from safepoint_lab.world.world import World

SPEED = 25.0
RUN_SECONDS = 20.0


class MakeWorld(Protocol):
    def __call__(
        self,
        *,
        vms: int = ...,
        clusters: int = ...,
        nodes: int = ...,
        seed: int = ...,
        disk_mib: int = ...,
        speed: float = ...,
        started: bool = ...,
    ) -> World: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Build worlds under the test's folder; every one is stopped, and none may have failed."""
    made: list[World] = []

    def make(
        *,
        vms: int = 2,
        clusters: int = 1,
        nodes: int = 2,
        seed: int = 1,
        disk_mib: int = 8,
        speed: float = SPEED,
        started: bool = True,
    ) -> World:
        folder = tmp_path / f"world{len(made)}"
        world = World.open(folder, Timings(speed=speed))
        plan = EstatePlan(clusters, nodes, vms, seed, disk_mib * MIB, bulk_bytes=MIB)
        build_estate(world.registry, world.storage, plan, folder / "shares")
        made.append(world)
        if started:
            world.start()
        return world

    yield make
    for world in made:
        world.stop()
        assert world.scheduler.failures == []


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two VMs on two nodes, running."""
    return make_world()


class Bench:
    """Short words for what most tests do with one VM."""

    def __init__(self, world: World, name: str = "sql01") -> None:
        self.world = world
        self.vm: Vm = world.vm_named(name)
        self.guest = world.guest(name)

    def run(self, steps: int) -> None:
        """Let the guest do page writes now."""
        done, end = 0, time.monotonic() + RUN_SECONDS
        while done < steps:
            done += self.guest.step()
            assert time.monotonic() < end, self._standing()

    def _standing(self) -> str:
        guest = self.guest
        is_same = self.world.guest(self.vm.key) is guest
        return f"{self.vm.power}, on: {guest.on}, same: {is_same}, problem: {guest.problem!r}"

    def finish(self, job: Job) -> Job:
        """Wait for a job that must succeed."""
        assert self.world.wait_job(job, RUN_SECONDS)
        assert job.state is JobState.COMPLETED, job.error_description
        return job

    def checkpoint(
        self,
        request: SnapshotRequest = SnapshotRequest.RECOVERY,
        consistency: Consistency = Consistency.APPLICATION,
    ) -> Checkpoint:
        job = self.finish(
            self.world.create_checkpoint(
                self.vm.guid, node=self.vm.node, request=request, consistency=consistency
            )
        )
        return self.world.checkpoint(job.affected[0].key)

    def destroy(self, checkpoint: Checkpoint, *, tree: bool = False) -> None:
        """Delete and wait until nothing is left to merge."""
        node = self.vm.node
        self.finish(self.world.destroy_checkpoint(checkpoint.guid, node=node, tree=tree))
        assert self.world.wait_merged(self.vm.guid, RUN_SECONDS)

    def apply(self, checkpoint: Checkpoint) -> None:
        self.finish(self.world.apply_checkpoint(checkpoint.guid, node=self.vm.node))

    def power(self, requested: int) -> None:
        self.finish(self.world.request_power(self.vm.guid, requested, node=self.vm.node))

    def differing(self, checkpoint: Checkpoint) -> dict[str, list[int]]:
        """Return where frozen files are not what the ground truth says."""
        truth = self.world.truth(checkpoint.guid)
        with self.guest.lock:  # or a merge might move the frozen files meanwhile
            pairs = zip(checkpoint.disks, truth.disks, strict=True)
            return {wanted.slot: self._compare(frozen, wanted) for frozen, wanted in pairs}

    def _compare(self, frozen: CheckpointDisk, wanted: DiskTruth) -> list[int]:
        disk = self.world.registry.disk(self.vm, frozen.slot)
        with open_chain(self.world.storage.chain(disk, frozen.path)) as chain:
            return differing_cells(wanted, chain.read_at, chain.size_bytes)

    def disk_is_shadow(self, disk: Disk) -> bool:
        """Compare the active chain of a disk with what its guest wrote."""
        with self.guest.lock:
            shadow = self.world.storage.shadow(self.vm, disk).cells()
            with open_chain(self.world.storage.chain(disk)) as chain:
                return cell_digests(chain.read_at, chain.size_bytes) == shadow

    def all_is_shadow(self) -> bool:
        return all(self.disk_is_shadow(disk) for disk in self.vm.disks)

    def files(self) -> set[str]:
        """Return the names beside the VM's first disk."""
        return {path.name for path in self.world.host_path(self.vm.disks[0].path).parent.iterdir()}


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world)


@pytest.fixture
def bench_of() -> Callable[[World, str], Bench]:
    return Bench


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20261123)
