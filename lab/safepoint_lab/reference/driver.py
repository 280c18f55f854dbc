"""The reference driver: every ability of the boundary, and no vendor behind it."""

from __future__ import annotations

from safepoint_lab.reference.checkpointing import CheckpointingSession
from safepoint_lab.reference.copying import CopyingSession
from safepoint_lab.reference.inspecting import InspectingSession
from safepoint_lab.reference.managing import ManagingSession
from safepoint_lab.reference.recovering import RecoveringSession
from safepoint_lab.reference.replicating import ReplicatingSession
from safepoint_lab.reference.restoring import RestoringSession, VerifyingSession
from safepoint_lab.reference.running import RunningSession

__all__ = ["ReferenceDriver"]


class ReferenceDriver(
    CheckpointingSession,
    InspectingSession,
    CopyingSession,
    RestoringSession,
    VerifyingSession,
    ManagingSession,
    RunningSession,
    RecoveringSession,
    ReplicatingSession,
):
    """What a plugin author may read first: the boundary kept to the letter, in memory."""
