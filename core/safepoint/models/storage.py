"""The storage under VMs as a hypervisor uses it: shares, room, and the files of virtual disks."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime

__all__ = ["DiskFile", "DiskFileKind", "DiskFileQuery", "ShareSpace"]


class DiskFileKind(StrEnum):
    """What a file on a share is to virtual disks, by the name of its sort."""

    BASE = "base"
    """Stands on no other file."""
    DIFFERENCING = "differencing"
    """Holds what was written since the file below it was frozen."""
    TRACKING = "tracking"
    """What has changed since when, beside a base file; belongs to it."""


class DiskFile(Model):
    """One file of a virtual disk."""

    path: str
    """As VMs name it: a UNC path on a share."""
    kind: DiskFileKind
    size_bytes: int
    """What it takes up as a file, not the size that a guest sees."""
    modified_at: UtcTime | None = None
    """By the file server's clock; None when it does not say."""
    parent: str = ""
    """Of a differencing file: the file it stands on, as the file itself says."""
    problem: str = ""
    """Why the parent cannot be told: the file is damaged or locked, or the parent is gone."""


class DiskFileQuery(Model):
    """The files of which share."""

    cluster: str
    share: str
    """A path that `share_spaces` told."""


class ShareSpace(Model):
    """A share that VMs of a cluster lie on, and the room on it."""

    path: str
    free_bytes: int | None = None
    """What may still be written there; None when it could not be read."""
    problem: str = ""
    """Why it cannot be read; empty when it can."""
