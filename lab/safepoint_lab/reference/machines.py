"""What the hypervisor holds: machines, their disks and their checkpoints. Plain state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from safepoint.models.checkpoints import CheckpointKind, Consistency
from safepoint.models.workloads import Activity, GuestState, PowerState

__all__ = ["Frozen", "Machine", "Merge"]


@dataclass
class Frozen:
    """A checkpoint: the bytes of every disk at one moment, and the file they are frozen in."""

    id: str
    machine: str
    default_name: str
    kind: CheckpointKind
    created_at: datetime
    consistency: Consistency
    contents: dict[str, bytes]
    layer: str
    """Suffix of the differencing files that the machine has written to since."""
    given_name: str | None = None
    parent: str = ""

    @property
    def name(self) -> str:
        """The name it bears now."""
        return self.given_name if self.given_name is not None else self.default_name


@dataclass
class Merge:
    """Files of a deleted checkpoint on their way back into their parents."""

    layer: str
    ends_at_seconds: float
    """On the fake clock; infinite when it stalls."""


@dataclass
class Machine:
    """A virtual machine. `contents` are the bytes its guest sees, by disk name."""

    id: str
    name: str
    cluster: str
    node: str
    contents: dict[str, bytes]
    share: str = r"\\fs01\vmstore1"
    power: PowerState = PowerState.RUNNING
    guest: GuestState = GuestState.READY
    guest_os: str = "windows"
    activity: Activity = Activity.NONE
    """What somebody else does with it; our own operations and merges are added by the world."""
    unprotectable: frozenset[str] = frozenset()
    frozen: list[Frozen] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    @property
    def layers(self) -> tuple[str, ...]:
        """Suffixes of the differencing files in use, oldest first."""
        return (*(m.layer for m in self.merges), *(f.layer for f in self.frozen))

    def file_of(self, disk: str, layer: str = "") -> str:
        """Return the UNC path of a disk's file: the base, or the one of a layer."""
        ending = f"{disk}-{layer}.avhdx" if layer else f"{disk}.vhdx"
        return f"{self.share}\\{self.name}\\{ending}"

    def frozen_file_of(self, disk: str, checkpoint: Frozen) -> str:
        """Return the file that holds what the checkpoint froze: the one below its own layer."""
        place = self.layers.index(checkpoint.layer)
        return self.file_of(disk, self.layers[place - 1] if place else "")

    def active_file_of(self, disk: str) -> str:
        """Return the file the machine writes to now."""
        return self.file_of(disk, self.layers[-1] if self.layers else "")
