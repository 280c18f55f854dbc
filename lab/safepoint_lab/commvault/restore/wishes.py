"""What a restore request asks for, whatever dialect it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["RestoreWish", "VmRestore"]


@dataclass(frozen=True, slots=True)
class VmRestore:
    """One VM to bring back. Empty fields: as it was.

    `folders` are by disk file name in lower case, `folder` is for all others and for the
    configuration. `disks` names the files of a restore of disks, with their new names.
    """

    vm: str
    name: str = ""
    host: str = ""
    folder: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)
    disks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """A restore of one or several VMs.

    Attributes:
        machines: What to bring back.
        in_place: To where it was, over what is there.
        disks_only: Only disk files, into the folder of each machine.
        proxy: Name of the access node that does it; empty lets the coordinator do it.
        overwrite: Whether something that is there may be replaced.
        power_on: Whether the VM is started afterwards.
        job: Only data of this job; 0 for the newest.
        until: Only data of this time or before.
        group: Only data of this group; 0 for any.
        hypervisor: Whose access nodes may do it; 0 for the one that backed it up.
    """

    machines: tuple[VmRestore, ...]
    in_place: bool
    disks_only: bool = False
    proxy: str = ""
    overwrite: bool = False
    power_on: bool = False
    job: int = 0
    until: datetime | None = None
    group: int = 0
    hypervisor: int = 0
