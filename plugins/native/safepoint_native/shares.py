"""The shares of one cluster, each reached in the way the estate says."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from safepoint.models.systems import ClusterInfo, ShareInfo
from safepoint_native.sources.mounted import MountedShares, ShareMap
from safepoint_native.sources.port import ByteSink, ShareAccess, ShareEntry
from safepoint_native.sources.smb import SmbShares
from safepoint_native.sources.unc import UncPath
from safepoint_native.vhdx import ByteSource

__all__ = ["ClusterShares"]


class ClusterShares(ShareAccess):
    """Sends every path to the access of its share.

    A path on no declared share is opened natively on Windows and not found elsewhere.
    """

    def __init__(self, cluster: ClusterInfo) -> None:
        self._by_root = {
            UncPath.parse(share.path).folded(): _access(share) for share in cluster.shares
        }
        self._native = MountedShares(ShareMap())

    def _of(self, path: str) -> ShareAccess:
        folded = UncPath.parse(path).folded()
        matching = [root for root in self._by_root if folded[: len(root)] == root]
        return self._by_root[max(matching, key=len)] if matching else self._native

    @override
    def open(self, path: str, /) -> ByteSource:
        return self._of(path).open(path)

    @override
    def create(self, path: str, /) -> ByteSink:
        return self._of(path).create(path)

    @override
    def read_file(self, path: str, /) -> bytes:
        return self._of(path).read_file(path)

    @override
    def write_file(self, path: str, data: bytes, /) -> None:
        self._of(path).write_file(path, data)

    @override
    def exists(self, path: str, /) -> bool:
        return self._of(path).exists(path)

    @override
    def entries(self, path: str, /) -> Sequence[ShareEntry]:
        return self._of(path).entries(path)

    @override
    def make_directory(self, path: str, /) -> None:
        self._of(path).make_directory(path)

    @override
    def rename(self, source: str, target: str, /) -> None:
        self._of(source).rename(source, target)

    @override
    def remove(self, path: str, /) -> None:
        self._of(path).remove(path)

    @override
    def free_bytes(self, path: str, /) -> int:
        return self._of(path).free_bytes(path)

    @override
    def is_writable(self, path: str, /) -> bool:
        return self._of(path).is_writable(path)

    @override
    def close(self) -> None:
        for access in self._by_root.values():
            access.close()


def _access(share: ShareInfo) -> ShareAccess:
    if share.smb is not None:
        return SmbShares(share.path, share.smb)
    folders = {share.path: share.mount} if share.mount else {}
    return MountedShares(ShareMap.of(folders))
