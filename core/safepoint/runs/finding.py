"""Which of a VM's checkpoints is the one we asked for. Nothing is matched by luck."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from safepoint.lifecycle import is_our_name
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.store import CheckpointRow

__all__ = ["find_ours", "foreign_backups"]

#: How far host clock and ours may differ, plus the delay between intent and request.
CLOCK_MARGIN: Final = timedelta(minutes=5)


def find_ours(row: CheckpointRow, present: Iterable[Checkpoint]) -> Checkpoint | None:
    """Return the checkpoint behind a journal row, or None when none of them is.

    In order of strength: the id that was journaled; our name, which contains the tag; and, for
    a request whose answer never came, the only checkpoint that is new since the intent, of the
    kind we asked for, made at that time and not claimed by anybody's name.
    """
    candidates = tuple(present)
    for checkpoint in candidates:
        if row.native is not None and checkpoint.ref == row.native:
            return checkpoint
    for checkpoint in candidates:
        if checkpoint.name == row.name or is_our_name(checkpoint.name) == row.tag:
            return checkpoint
    unclaimed = [c for c in candidates if _could_be(row, c)]
    return unclaimed[0] if len(unclaimed) == 1 else None


def _could_be(row: CheckpointRow, checkpoint: Checkpoint) -> bool:
    return (
        checkpoint.ref.id not in row.baseline
        and checkpoint.has_default_name
        and _same_sort(row.kind, checkpoint.kind)
        and abs(checkpoint.created_at - row.intended_at) <= CLOCK_MARGIN
    )


def _same_sort(asked: CheckpointKind, found: CheckpointKind) -> bool:
    if asked is CheckpointKind.BACKUP:
        return found is CheckpointKind.BACKUP
    return found in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}


def foreign_backups(
    present: Iterable[Checkpoint], known_ids: Iterable[str]
) -> tuple[Checkpoint, ...]:
    """Return the backup checkpoints that our journal does not know: another product's."""
    known = frozenset(known_ids)
    return tuple(c for c in present if c.kind is CheckpointKind.BACKUP and c.ref.id not in known)


def age_text(checkpoint: Checkpoint, now: datetime) -> str:
    """Return how old a checkpoint is, in the unit a person would use."""
    seconds = max(0, int((now - checkpoint.created_at).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
