"""The states a checkpoint of ours passes, and the only ways between them.

The table is the single source: the journal refuses what is not in it, the documentation's
diagram is drawn from it, and the crash tests walk every row of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from safepoint.errors import IllegalTransitionError

__all__ = ["OPEN_STATES", "TABLE", "CheckpointEvent", "CheckpointState", "next_state"]


class CheckpointState(StrEnum):
    """Where a checkpoint stands, as far as the journal knows."""

    REQUESTED = "requested"
    """Intent journaled; nothing was asked of the hypervisor yet."""
    CREATING = "creating"
    """Asked, or about to be asked: from here on a checkpoint may exist."""
    HELD = "held"
    """Seen on the hypervisor under our name."""
    COPYING = "copying"
    """Its frozen disks are being read."""
    RELEASING = "releasing"
    """Deletion asked, or about to be asked."""
    MERGING = "merging"
    """Gone from the list; its differencing files are not proved merged yet."""
    RELEASED = "released"
    """Proved gone and merged. Final."""
    FAILED_CREATE = "failed-create"
    """Proved that none was made. Final."""
    RELEASE_FAILED = "release-failed"
    """The hypervisor refuses to delete it; tried again at the next occasion."""
    LOST = "lost"
    """Asked, and no answer came: it may or may not exist."""
    FOREIGN = "foreign"
    """What was found under this intent is another product's. Never ours to delete. Final."""


class CheckpointEvent(StrEnum):
    """What happened, as an observation or a decision that is journaled before it is acted on."""

    ASK = "ask"
    SEEN = "seen"
    REFUSED = "refused"
    ANSWER_LOST = "answer-lost"
    NEVER_CREATED = "never-created"
    COPY = "copy"
    RELEASE = "release"
    DELETED = "deleted"
    DELETE_REFUSED = "delete-refused"
    MERGED = "merged"
    DISOWNED = "disowned"


S = CheckpointState
E = CheckpointEvent

#: (state, event) → next state. What is not here is an error.
TABLE: Final[dict[tuple[CheckpointState, CheckpointEvent], CheckpointState]] = {
    (S.REQUESTED, E.ASK): S.CREATING,
    (S.REQUESTED, E.NEVER_CREATED): S.FAILED_CREATE,
    (S.CREATING, E.SEEN): S.HELD,
    (S.CREATING, E.REFUSED): S.FAILED_CREATE,
    (S.CREATING, E.ANSWER_LOST): S.LOST,
    (S.LOST, E.SEEN): S.HELD,
    (S.LOST, E.NEVER_CREATED): S.FAILED_CREATE,
    (S.LOST, E.DISOWNED): S.FOREIGN,
    (S.HELD, E.COPY): S.COPYING,
    (S.HELD, E.RELEASE): S.RELEASING,
    (S.COPYING, E.RELEASE): S.RELEASING,
    (S.RELEASING, E.RELEASE): S.RELEASING,
    (S.RELEASING, E.DELETED): S.MERGING,
    (S.RELEASING, E.DELETE_REFUSED): S.RELEASE_FAILED,
    (S.RELEASE_FAILED, E.RELEASE): S.RELEASING,
    (S.RELEASE_FAILED, E.DELETED): S.MERGING,
    (S.HELD, E.DELETED): S.MERGING,
    (S.COPYING, E.DELETED): S.MERGING,
    (S.MERGING, E.MERGED): S.RELEASED,
}

#: A checkpoint in one of these may exist or may still be merging: the VM is not free.
OPEN_STATES: Final = frozenset(set(CheckpointState) - {S.RELEASED, S.FAILED_CREATE, S.FOREIGN})


def next_state(state: CheckpointState, event: CheckpointEvent) -> CheckpointState:
    """Return the state after `event`.

    Raises:
        IllegalTransitionError: the table has no such row; the message names what it allows.
    """
    after = TABLE.get((state, event))
    if after is None:
        allowed = ", ".join(sorted(e for s, e in TABLE if s is state)) or "nothing: it is final"
        msg = f"a checkpoint that is {state!s} cannot take {event!s}; allowed: {allowed}"
        raise IllegalTransitionError(msg)
    return after
