"""Which write each VM had in hand: lets shadow and VHDX agree again after a kill -9.

A guest's write goes to the VHDX first and to the shadow second. Before it does, its place is
noted here (one fixed record a VM). After an unclean end the noted range is copied from the VHDX
to the shadow, whichever of the two the kill cut off.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from safepoint_lab.world.device import RawFile

__all__ = ["Intent", "IntentFile"]

_RECORD = struct.Struct("<IIQ")


@dataclass(frozen=True, slots=True)
class Intent:
    """A range of one disk (by its position in the VM) that may differ."""

    disk: int
    offset: int
    length: int


class IntentFile:
    """The record of one VM. The owner serialises all calls."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = RawFile(path, _RECORD.size)

    def note(self, intent: Intent) -> None:
        """Remember the write that is about to happen."""
        self._file.write_at(0, _RECORD.pack(intent.disk, intent.length, intent.offset))

    def clear(self) -> None:
        """Say that shadow and VHDX agree."""
        self._file.write_at(0, bytes(_RECORD.size))

    def pending(self) -> Intent | None:
        """Return the last noted write, None when both agree."""
        disk, length, offset = _RECORD.unpack(self._file.read_at(0, _RECORD.size))
        return Intent(disk, offset, length) if length else None

    def close(self) -> None:
        """Close the file."""
        self._file.close()
