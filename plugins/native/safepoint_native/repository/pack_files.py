"""Reading records out of packs, sealed or not; any number of threads may read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.index import PointIndex
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.records import RecordCodec
from safepoint_native.sources.filesystem import FileSystem, ReadableFile

__all__ = ["PackFiles"]

_MAX_OPEN_PACKS = 64


class PackFiles:
    """The packs of one restore point, opened on demand.

    With a `tag`, packs that still bear their unsealed name are found, too.
    """

    def __init__(self, files: FileSystem, layout: Layout, index: PointIndex, tag: str) -> None:
        self._files = files
        self._layout = layout
        self._index = index
        self._tag = tag
        self._codec = RecordCodec()
        self._lock = threading.Lock()
        self._open: OrderedDict[int, ReadableFile] = OrderedDict()
        self._readers: dict[int, int] = {}

    def path(self, pack: int) -> Path:
        """Return where a pack lies, sealed or unsealed."""
        pack_id = self._index.packs[pack].pack_id
        final = self._layout.pack(pack_id)
        if self._tag and not self._files.exists(final):
            return self._layout.partial_pack(pack_id, self._tag)
        return final

    def name(self, pack: int) -> str:
        """Return the name of a pack for messages."""
        return self._layout.relative(self.path(pack))

    def read_raw(self, pack: int, offset: int, length: int) -> bytes:
        """Return bytes of a pack, fewer when it ends before.

        Raises:
            DamagedDataError: the pack is missing.
        """
        file = self._take(pack)
        try:
            return file.read_at(offset, length)
        finally:
            self._give_back(pack)

    def read_record(self, record: int) -> bytes:
        """Return the plain bytes of a record, verified.

        Raises:
            DamagedDataError: naming the pack and the place.
        """
        records = self._index.records
        pack, offset = records.packs[record], records.offsets[record]
        stored = self.read_raw(pack, offset, records.stored[record])
        if len(stored) != records.stored[record]:
            msg = f"{self.name(pack)}: ends within the record at byte {offset}"
            raise DamagedDataError(msg)
        try:
            return self._codec.decode(stored, records.lengths[record], records.digest(record))
        except DamagedDataError as error:
            msg = f"{self.name(pack)}: record at byte {offset}: {error.message}"
            raise DamagedDataError(msg) from error

    def close(self) -> None:
        """Close all files. Nobody may be reading."""
        with self._lock:
            files = list(self._open.values())
            self._open.clear()
        for file in files:
            file.close()

    def _take(self, pack: int) -> ReadableFile:
        with self._lock:
            file = self._open.get(pack)
            if file is None:
                file = self._open[pack] = self._open_pack(pack)
            self._open.move_to_end(pack)
            self._readers[pack] = self._readers.get(pack, 0) + 1
            return file

    def _give_back(self, pack: int) -> None:
        with self._lock:
            self._readers[pack] -= 1
            for number in list(self._open):
                if len(self._open) <= _MAX_OPEN_PACKS:
                    break
                if not self._readers[number]:
                    self._open.pop(number).close()

    def _open_pack(self, pack: int) -> ReadableFile:
        try:
            return self._files.open(self.path(pack))
        except NotFoundError as error:
            msg = f"{self.name(pack)}: the pack is missing"
            raise DamagedDataError(msg) from error
