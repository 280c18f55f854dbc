"""Packs in which damage was seen: still read, but no new point leans on them.

Otherwise every later copy would find its content "stored already", in the damaged place, and
fail its own verification for ever. A mark is an empty file beside the pack.
"""

from __future__ import annotations

from collections.abc import Iterable

from safepoint.errors import DriverError
from safepoint_native.repository.layout import Layout
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["mark_suspects", "usable_packs"]


def mark_suspects(files: FileSystem, layout: Layout, pack_ids: Iterable[str]) -> None:
    """Mark packs. Best effort: the findings themselves are reported in any case."""
    for pack_id in pack_ids:
        mark = layout.suspect(pack_id)
        try:
            layout.make_folder(files, mark.parent)
            if not files.exists(mark):
                files.create(mark).close()
        except DriverError:
            # A repository that is read only or full can still be verified.
            return


def usable_packs(files: FileSystem, layout: Layout, pack_ids: Iterable[str]) -> set[str]:
    """Return those packs that are there and were never seen damaged."""
    return {
        pack_id
        for pack_id in pack_ids
        if files.exists(layout.pack(pack_id)) and not files.exists(layout.suspect(pack_id))
    }
