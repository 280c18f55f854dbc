"""Machines that run from the product's storage until they are moved or stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from safepoint.models.workloads import PowerState
from safepoint_lab.reference.operations import Failure

if TYPE_CHECKING:
    from safepoint_lab.reference.world import World

__all__ = ["Mount", "MountWord", "Mounts"]


class MountWord(StrEnum):
    """The product's words for a mount."""

    COMING = "being mounted"
    UP = "mounted"
    MOVING = "being moved"
    BROKEN = "broken"


@dataclass
class Mount:
    """One machine that runs from a restore point."""

    id: str
    point: str
    name: str
    node: str
    in_place: bool
    power_on: bool
    asked_seconds: float
    due_seconds: float
    word: str = MountWord.COMING
    machine: str = ""
    message: str = ""
    failure: Failure | None = None


@dataclass
class Mounts:
    """The mounts there are, with the truth for tests. A moved one is no mount any more."""

    mounts: dict[str, Mount] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Request key to the mount it made."""

    def start(self, world: World, mount: Mount) -> None:
        """Begin to mount."""
        seconds = world.faults.durations.take("start_instant_recovery")
        wait = world.pace.mount_seconds if seconds is None else seconds
        mount.due_seconds = world.clock.monotonic() + wait
        mount.failure = world.faults.failures.take("start_instant_recovery")
        self.mounts[mount.id] = mount

    def move(self, world: World, mount: Mount) -> None:
        """Begin to move to production storage."""
        mount.word, mount.message = MountWord.MOVING, ""
        mount.due_seconds = world.clock.monotonic() + world.pace.migrate_seconds
        mount.failure = world.faults.failures.take("migrate_instant_recovery")

    def stop(self, world: World, mount: Mount) -> None:
        """Remove the machine and what it wrote."""
        world.machines.pop(mount.machine, None)
        self.mounts.pop(mount.id, None)

    def dues(self) -> Iterator[float]:
        """Yield when something comes due."""
        yield from (mount.due_seconds for mount in self.mounts.values())

    def advance(self, world: World) -> bool:
        """Take one step that came due; False when none did."""
        now = world.clock.monotonic()
        due = next((m for m in self.mounts.values() if m.due_seconds <= now), None)
        if due is None:
            return False
        due.due_seconds = math.inf
        if due.word == MountWord.COMING:
            _register(world, due)
        elif due.failure is not None:
            due.word, due.message, due.failure = MountWord.UP, due.failure.message, None
        else:
            self.mounts.pop(due.id)
        return True


def _register(world: World, mount: Mount) -> None:
    if mount.failure is not None:
        mount.word, mount.message, mount.failure = MountWord.BROKEN, mount.failure.message, None
        return
    copy = world.repository.find_point(mount.point)
    original = world.machines.get(copy.point.workload.id) if mount.in_place else None
    machine = original or world.add_machine(mount.name, node=mount.node or "node1", disks=0)
    machine.contents = dict(copy.contents)
    machine.guest_os = copy.guest_os
    machine.power = PowerState.RUNNING if mount.power_on else PowerState.OFF
    mount.word, mount.machine = MountWord.UP, machine.id
