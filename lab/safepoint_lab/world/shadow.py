"""The shadow of a disk: its content as the guest wrote it, kept in a raw file of our own.

This is the ground truth of the lab: it never goes through VHDX code. For every checkpoint it
keeps the pages that were overwritten since (an undo file), so that applying a checkpoint can be
followed, and it knows the digest of every moment that was frozen.
"""

from __future__ import annotations

import struct
from pathlib import Path

from safepoint_lab.world.cells import CELL_BYTES, cell_digest
from safepoint_lab.world.device import RawFile

__all__ = ["Shadow"]

_PAGE = 4096
_RECORD = struct.Struct("<Q")


class _Undo:
    """Pages as they were when a checkpoint was made; append-only, a torn tail is ignored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pages: set[int] = set()
        for page, _ in self.records():
            self._pages.add(page)
        self._file = path.open("ab", buffering=0)
        self._file.truncate(len(self._pages) * (_RECORD.size + _PAGE))

    def knows(self, page: int) -> bool:
        return page in self._pages

    def keep(self, page: int, before: bytes) -> None:
        self._file.write(_RECORD.pack(page) + before.ljust(_PAGE, b"\0"))
        self._pages.add(page)

    def records(self) -> list[tuple[int, bytes]]:
        if not self.path.exists():
            return []
        data = self.path.read_bytes()
        size = _RECORD.size + _PAGE
        return [
            (_RECORD.unpack_from(data, at)[0], data[at + _RECORD.size : at + size])
            for at in range(0, len(data) - size + 1, size)
        ]

    def close(self) -> None:
        self._file.close()


class Shadow:
    """The raw content of one disk in `folder`. The owner serialises all calls.

    Args:
        folder: Holds ``disk.raw`` and one ``<checkpoint>.undo`` a checkpoint.
        size_bytes: Size of the disk; the file is created sparse when it is not there.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._raw = RawFile(folder / "disk.raw", size_bytes)
        self._undo = {path.stem: _Undo(path) for path in sorted(folder.glob("*.undo"))}
        count = -(-size_bytes // CELL_BYTES)
        self._cells = [b""] * count
        self._stale = set(range(count))

    @property
    def size_bytes(self) -> int:
        """Size of the disk."""
        return self._raw.size_bytes

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoints whose moment can still be gone back to."""
        return tuple(self._undo)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes."""
        return self._raw.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write, keeping what was there for every checkpoint that has not kept it yet."""
        if not data:
            return
        for page in range(offset // _PAGE, (offset + len(data) - 1) // _PAGE + 1):
            self._keep(page)
        self._raw.write_at(offset, data)
        self._stale.update(range(offset // CELL_BYTES, (offset + len(data) - 1) // CELL_BYTES + 1))

    def freeze(self, checkpoint: str) -> list[bytes]:
        """Remember this moment under a checkpoint's GUID; return the digests of its cells."""
        if checkpoint not in self._undo:
            self._undo[checkpoint] = _Undo(self._folder / f"{checkpoint}.undo")
        return self.cells()

    def revert(self, checkpoint: str) -> None:
        """Bring the content back to a frozen moment; may be repeated after a crash."""
        for page, before in self._undo[checkpoint].records():
            room = min(_PAGE, self.size_bytes - page * _PAGE)
            self.write_at(page * _PAGE, before[:room])

    def release(self, checkpoint: str) -> None:
        """Forget how to go back to a checkpoint; nothing happens when it is unknown."""
        undo = self._undo.pop(checkpoint, None)
        if undo is not None:
            undo.close()
            undo.path.unlink()

    def cells(self) -> list[bytes]:
        """Return the digests of the content as it is now."""
        for cell in sorted(self._stale):
            offset = cell * CELL_BYTES
            length = min(CELL_BYTES, self.size_bytes - offset)
            self._cells[cell] = cell_digest(self._raw.read_at(offset, length))
        self._stale.clear()
        return list(self._cells)

    def assume_cells(self, cells: list[bytes]) -> None:
        """Take digests that somebody knows already for the content as it is now."""
        self._cells = list(cells)
        self._stale.clear()

    def close(self) -> None:
        """Close the files."""
        self._raw.close()
        for undo in self._undo.values():
            undo.close()

    def _keep(self, page: int) -> None:
        wanting = [undo for undo in self._undo.values() if not undo.knows(page)]
        if wanting:
            length = min(_PAGE, self.size_bytes - page * _PAGE)
            before = self._raw.read_at(page * _PAGE, length)
            for undo in wanting:
                undo.keep(page, before)
