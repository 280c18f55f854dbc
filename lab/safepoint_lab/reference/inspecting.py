"""`CanInspectStorage` of the reference driver."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from safepoint.drivers import CanInspectStorage
from safepoint.errors import NotFoundError
from safepoint.models.storage import DiskFile, DiskFileQuery, ShareSpace
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["InspectingSession"]


class InspectingSession(ReferenceSession, CanInspectStorage):
    """The shares of the machines in memory."""

    @override
    def share_spaces(self, cluster: str, /) -> Iterator[ShareSpace]:
        def read() -> list[ShareSpace]:
            return [
                ShareSpace(path=path, problem="the share is away")
                if path in self._world.storage.away
                else ShareSpace(path=path, free_bytes=free)
                for path, free in sorted(self._world.storage.free_bytes.items())
            ]

        return self._list("share_spaces", read)

    @override
    def disk_files(self, query: DiskFileQuery, /) -> Iterator[DiskFile]:
        def read() -> list[DiskFile]:
            storage = self._world.storage
            if query.share in storage.away or query.share not in storage.free_bytes:
                msg = f"the share {query.share} is away"
                raise NotFoundError(msg, operation="disk_files", system=query.cluster)
            return storage.files(query.share, self._world.machines.values())

        return self._list("disk_files", read)
