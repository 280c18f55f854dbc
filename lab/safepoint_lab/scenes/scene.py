"""What a scene is made of, and putting it into a world."""

from __future__ import annotations

import ntpath
import os
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from safepoint_lab.world.enums import CheckpointType, MergePhase
from safepoint_lab.world.model import Vm
from safepoint_lab.world.world import World

__all__ = ["Expectation", "Plant", "Scene", "Sort", "StrayPlant"]

_SECONDS = 60.0


class Sort(Enum):
    """What lies on a VM."""

    BACKUP = "a recovery checkpoint"
    STANDARD = "a checkpoint made by hand"
    STALLED_MERGE = "a merge that does not progress"
    ORPHAN_CHAIN = "differencing files without a checkpoint, and nothing merges them"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the audit has to say of something."""

    verdict: str
    rule: str
    owner: str
    risk: str = ""
    """Only compared when given."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One thing on one VM. `{vm}` in the name is the VM's."""

    vm: str
    sort: Sort
    age: timedelta
    expects: Expectation
    name: str = ""


@dataclass(frozen=True, slots=True)
class StrayPlant:
    """A file beside the disks of a VM, or in a folder of its own."""

    folder: str
    name: str
    age: timedelta
    expects: Expectation | None
    """None: not worth a word."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole estate in a certain state.

    Attributes:
        structure: Fields of `LabConfig` it needs; larger labs than that are fine, too.
        plants: What lies on VMs.
        strays: Files that nobody uses.
        full_share: UNC path of a share without room; needs shares served by samba to be seen.
        full_free_bytes: The room that is left there.
    """

    structure: dict[str, int]
    plants: tuple[Plant, ...]
    strays: tuple[StrayPlant, ...]
    full_share: str = ""
    full_free_bytes: int = 0

    def arm(self, world: World) -> None:
        """Arm what keeps merges from ending; before the world starts, which begins with them."""
        for plant in self.plants:
            fault = _HOLDING.get(plant.sort)
            if fault is not None:
                world.arm_fault(fault, vm=plant.vm, times=None)

    def fill(self, world: World) -> None:
        """Take the room from the share that is to be full; the world runs."""
        if self.full_share:
            parameters = {"share": self.full_share, "free_bytes": str(self.full_free_bytes)}
            world.arm_fault("share-full", parameters=parameters)

    def plant(self, world: World) -> None:
        """Put everything in its place, once, into a running world whose faults are armed."""
        for plant in self.plants:
            vm = world.vm_named(plant.vm)
            if plant.sort in _HOLDING:
                _leave_chain(world, vm, plant)
            else:
                _leave_checkpoint(world, vm, plant)
        for stray in self.strays:
            _leave_file(world, stray)


_HOLDING = {Sort.STALLED_MERGE: "merge-stalls", Sort.ORPHAN_CHAIN: "merge-fails"}
_ENDS = {Sort.STALLED_MERGE: MergePhase.STALLED, Sort.ORPHAN_CHAIN: MergePhase.FAILED}


def _leave_checkpoint(world: World, vm: Vm, plant: Plant) -> None:
    by_hand = plant.sort is Sort.STANDARD
    kind = CheckpointType.REALIZED if by_hand else CheckpointType.RECOVERY
    name = plant.name.format(vm=vm.name)
    world.plant_checkpoint(vm.guid, name, kind=kind, age=plant.age)
    _age_parents(world, vm, plant.age)


def _leave_chain(world: World, vm: Vm, plant: Plant) -> None:
    made = world.plant_checkpoint(vm.guid, "left over", age=plant.age)
    job = world.destroy_checkpoint(made.guid, node=vm.node)
    assert world.wait_job(job, _SECONDS), f"{vm.name}: its checkpoint was not deleted"

    def rests() -> bool:
        phases = {merge.phase for merge in world.merges(vm.guid)}
        return phases == {_ENDS[plant.sort]}

    assert world.wait_until(rests, _SECONDS), f"{vm.name}: its merge does not rest"
    _age_parents(world, vm, plant.age)


def _age_parents(world: World, vm: Vm, age: timedelta) -> None:
    """Date frozen files back: what they froze was last written when they were frozen."""
    for disk in vm.disks:
        for image in disk.images.values():
            if image.parent is not None:
                _date(world.host_path(image.parent), world, age)


def _leave_file(world: World, stray: StrayPlant) -> None:
    path = world.host_path(ntpath.join(stray.folder, stray.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left over by an earlier backup\n" * 64)
    _date(path, world, stray.age)


def _date(path: Path, world: World, age: timedelta) -> None:
    moment = (world.now() - age).timestamp()
    os.utime(path, (moment, moment))
