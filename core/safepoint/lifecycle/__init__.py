"""The checkpoint lifecycle: a table as data and pure functions over it. No I/O lives here."""

from __future__ import annotations

from safepoint.lifecycle.naming import checkpoint_name, is_our_name, new_tag
from safepoint.lifecycle.table import TABLE, CheckpointEvent, CheckpointState, next_state

__all__ = [
    "TABLE",
    "CheckpointEvent",
    "CheckpointState",
    "checkpoint_name",
    "is_our_name",
    "new_tag",
    "next_state",
]
