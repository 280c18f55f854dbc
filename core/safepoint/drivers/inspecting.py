"""The ability to look at the storage under VMs. Nothing is ever changed through it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from safepoint.drivers.base import Driver
from safepoint.models.storage import DiskFile, DiskFileQuery, ShareSpace

__all__ = ["CanInspectStorage"]


class CanInspectStorage(Driver):
    """Shares with their room, and every file of a virtual disk on them, whoever uses it."""

    @abstractmethod
    def share_spaces(self, cluster: str, /) -> Iterator[ShareSpace]:
        """List the shares that VMs of the cluster lie on. One that is away is a row with a problem."""

    @abstractmethod
    def disk_files(self, query: DiskFileQuery, /) -> Iterator[DiskFile]:
        """List the files of virtual disks on one share, in every folder, attached or not.

        Complete or raises. A differencing file whose parent cannot be told is a row with a
        problem: it is just what somebody looks for.
        """
