"""Templates: the raw content of a new disk, made once a recipe and shared by many VMs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from safepoint_lab.world.cells import CELL_BYTES, cell_digest, cell_digests, cell_ranges
from safepoint_lab.world.content import Recipe, write_content
from safepoint_lab.world.device import RawFile

__all__ = ["Template", "TemplateShelf"]

_PIECE = CELL_BYTES


class Template:
    """One template in memory of where its data is: a raw file, its used pieces, its cells."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._raw = RawFile(path)
        self._lock = threading.Lock()
        self.size_bytes = size_bytes
        self.cells = cell_digests(self._raw.read_at, size_bytes)
        self._used = [
            offset
            for (offset, length), cell in zip(cell_ranges(size_bytes), self.cells, strict=True)
            if cell != cell_digest(bytes(length))
        ]

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield offset and bytes of every piece that is not all zeros, in order."""
        for at in self._used:
            with self._lock:
                data = self._raw.read_at(*self._span(at))
            yield from _without_zeros(at, data)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _span(self, at: int) -> tuple[int, int]:
        return at, min(_PIECE, self.size_bytes - at)


class TemplateShelf:
    """All templates of a lab, made when they are first asked for; kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._templates: dict[str, Template] = {}

    def get(self, recipe: Recipe) -> Template:
        """Return the template of a recipe."""
        with self._lock:
            template = self._templates.get(recipe.key)
            if template is None:
                template = Template(self._ensure(recipe), recipe.size_bytes)
                self._templates[recipe.key] = template
            return template

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for template in self._templates.values():
                template.close()
            self._templates.clear()

    def _ensure(self, recipe: Recipe) -> Path:
        path = self._folder / f"{recipe.key}.raw"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            making = path.with_suffix(".part")
            making.unlink(missing_ok=True)
            device = RawFile(making, recipe.size_bytes)
            write_content(device, recipe)
            device.close()
            making.replace(path)
        return path


def _without_zeros(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a piece into runs of 64 KiB blocks that are not all zeros."""
    block = 64 << 10
    zeros = bytes(block)
    start = None
    for offset in range(0, len(data), block):
        empty = data[offset : offset + block] == zeros
        if empty and start is not None:
            yield at + start, data[start:offset]
            start = None
        elif not empty and start is None:
            start = offset
    if start is not None:
        yield at + start, data[start:]
