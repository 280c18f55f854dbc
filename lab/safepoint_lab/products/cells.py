"""Where the simulator keeps the bytes: cells of 1 MiB, each once, named by its digest."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

from safepoint_lab.world.cells import CELL_BYTES

__all__ = ["CellStore"]

_ZEROS = bytes(CELL_BYTES)


class CellStore:
    """A folder of cells; thread-safe. No product's format, only the same bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> tuple[str, bool]:
        """Keep a cell; return its name (empty for zeros) and whether it is new here."""
        if data == _ZEROS[: len(data)]:
            return "", False
        name = blake3(data).hexdigest()
        path = self._path(name)
        if path.exists():
            return name, False
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{uuid.uuid4().hex}.part")
        part.write_bytes(data)
        part.replace(path)
        return name, True

    def get(self, name: str, length: int) -> bytes:
        """Return a cell of `length` bytes."""
        return self._path(name).read_bytes() if name else bytes(length)

    def used_bytes(self) -> int:
        """Return what all cells take."""
        return sum(path.stat().st_size for path in self._folder.glob("*/*"))

    def sweep(self, wanted: Iterable[str]) -> int:
        """Remove the cells that nobody wants; return how many. No copy may run meanwhile."""
        keep = set(wanted)
        with self._lock:
            doomed = [path for path in self._folder.glob("*/*") if path.name not in keep]
            for path in doomed:
                path.unlink(missing_ok=True)
        return len(doomed)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name
