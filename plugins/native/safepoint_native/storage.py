"""The files of virtual disks on a cluster's shares, read from the shares themselves.

Hosts tell only of files that a VM or checkpoint of theirs uses; what nobody uses any more is seen
by looking into the folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from safepoint.errors import DriverError, InvalidRequestError, RunError
from safepoint.models.storage import DiskFile, DiskFileKind, ShareSpace
from safepoint.models.systems import ClusterInfo
from safepoint_native.chains import parent_of
from safepoint_native.sources.port import ShareAccess, ShareEntry

__all__ = ["disk_files", "share_spaces"]

_KINDS: Final = {
    "vhd": DiskFileKind.BASE,
    "vhdx": DiskFileKind.BASE,
    "vhds": DiskFileKind.BASE,
    "avhd": DiskFileKind.DIFFERENCING,
    "avhdx": DiskFileKind.DIFFERENCING,
    "rct": DiskFileKind.TRACKING,
    "mrt": DiskFileKind.TRACKING,
}
#: A share with folders nested deeper than this leads in circles.
_DEEPEST: Final = 32


def share_spaces(cluster: ClusterInfo, shares: ShareAccess) -> Iterator[ShareSpace]:
    """Yield the shares that the estate declares, with the room on each."""
    for share in cluster.shares:
        try:
            yield ShareSpace(path=share.path, free_bytes=shares.free_bytes(share.path))
        except DriverError as error:
            yield ShareSpace(path=share.path, problem=error.message)


def disk_files(shares: ShareAccess, root: str) -> Iterator[DiskFile]:
    """Yield every file of a virtual disk below a folder, by the endings that Hyper-V gives.

    Raises:
        DriverError: a folder cannot be listed; files in it would be missing in silence.
    """
    pending = [(root.rstrip("\\"), 0)]
    while pending:
        folder, depth = pending.pop()
        if depth > _DEEPEST:
            msg = f"folders below {root} are nested deeper than {_DEEPEST} levels at {folder}"
            raise InvalidRequestError(msg, operation="list", system=root)
        for entry in shares.entries(folder):
            path = f"{folder}\\{entry.name}"
            kind = _KINDS.get(entry.name.rpartition(".")[2].casefold())
            if entry.is_directory:
                pending.append((path, depth + 1))
            elif kind is not None:
                yield _disk_file(shares, path, kind, entry)


def _disk_file(shares: ShareAccess, path: str, kind: DiskFileKind, entry: ShareEntry) -> DiskFile:
    parent, problem = "", ""
    if kind is DiskFileKind.DIFFERENCING:
        try:
            parent = parent_of(shares, path)
        except (DriverError, RunError) as error:
            problem = error.message
    moment = (
        datetime.fromtimestamp(entry.modified_seconds, UTC) if entry.modified_seconds else None
    )
    return DiskFile(
        path=path,
        kind=kind,
        size_bytes=entry.size_bytes,
        modified_at=moment,
        parent=parent,
        problem=problem,
    )
