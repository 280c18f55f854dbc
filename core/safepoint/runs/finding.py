"""Which of a VM's checkpoints is the one we asked for. Nothing is matched by luck."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from safepoint.lifecycle import is_our_name
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.models.durations import rough_duration
from safepoint.store import CheckpointRow

__all__ = [
    "CLOCK_MARGIN",
    "age_text",
    "find_ours",
    "foreign_backups",
    "named_ours",
    "unclaimed",
]

#: How far host clock and ours may differ, plus the delay between intent and request.
CLOCK_MARGIN: Final = timedelta(minutes=5)


def find_ours(row: CheckpointRow, present: Iterable[Checkpoint]) -> Checkpoint | None:
    """Return the checkpoint behind a journal row, or None when none of them is.

    As `named_ours`, else the only `unclaimed` one made at that time. That one is ours only when
    ours is known to be there, or has had its time to come: see `settling`.
    """
    candidates = tuple(present)
    named = named_ours(row, candidates)
    if named is not None or row.native is not None:
        return named
    nameless = [c for c in unclaimed(row, candidates) if _is_of_that_time(row, c)]
    return nameless[0] if len(nameless) == 1 else None


def named_ours(row: CheckpointRow, present: Iterable[Checkpoint]) -> Checkpoint | None:
    """Return the checkpoint that is proved to be the row's: by its id, or by our name.

    Once an id was journaled, that one and no other: after it is gone, a newer one of another
    product must never be taken for it. Before that, among those that are new since the intent:
    our name, which contains the tag.
    """
    if row.native is not None:
        return next((c for c in present if c.ref == row.native), None)
    for checkpoint in present:
        if checkpoint.ref.id in row.baseline:
            continue
        if checkpoint.name == row.name or is_our_name(checkpoint.name) == row.tag:
            return checkpoint
    return None


def unclaimed(row: CheckpointRow, present: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return those that may be the effect of a request whose answer never came.

    They are new since the intent, of the kind we asked for and not claimed by anybody's name.
    As long as there is one, the request cannot be said to have had no effect.
    """
    return tuple(
        checkpoint
        for checkpoint in present
        if checkpoint.ref.id not in row.baseline
        and checkpoint.has_default_name
        and _same_sort(row.kind, checkpoint.kind)
    )


def _is_of_that_time(row: CheckpointRow, checkpoint: Checkpoint) -> bool:
    return abs(checkpoint.created_at - row.intended_at) <= CLOCK_MARGIN


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
    return rough_duration(max(0.0, (now - checkpoint.created_at).total_seconds()))
