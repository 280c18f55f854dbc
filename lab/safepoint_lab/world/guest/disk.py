"""A guest's disk: every write goes to the VHDX and to the shadow."""

from __future__ import annotations

from safepoint_lab.world.guest.intent import Intent, IntentFile
from safepoint_lab.world.images import DiskFile
from safepoint_lab.world.replication.changelog import ChangeLog
from safepoint_lab.world.shadow import Shadow

__all__ = ["GuestDisk"]

_PIECE = 1 << 20


class GuestDisk:
    """A `BlockDevice` over the VM's active file, with its ground truth. Not thread-safe."""

    def __init__(
        self,
        number: int,
        file: DiskFile,
        shadow: Shadow,
        intent: IntentFile,
        log: ChangeLog | None = None,
    ) -> None:
        self.shadow = shadow
        self._log = log
        self._number = number
        self._file = file
        self._intent = intent

    @property
    def size_bytes(self) -> int:
        """Size of the disk."""
        return self._file.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes, read through the VHDX chain."""
        return self._file.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the log of a replicated disk, then to the VHDX, then to the shadow."""
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self._intent.note(Intent(self._number, offset + at, len(piece)))
            if self._log is not None:
                self._log.append(offset + at, piece)
            self._file.write_at(offset + at, piece)
            self.shadow.write_at(offset + at, piece)

    def settle(self, intent: Intent) -> None:
        """Make shadow and log agree with the VHDX where a write was cut off."""
        data = self._file.read_at(intent.offset, intent.length)
        if self._log is not None:
            self._log.append(intent.offset, data)
        if self.shadow.read_at(intent.offset, intent.length) != data:
            self.shadow.write_at(intent.offset, data)

    def close(self) -> None:
        """Close the VHDX; the shadow belongs to somebody else."""
        self._file.close()
