"""Verifications of restore points."""

from __future__ import annotations

from safepoint.models.base import Model
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.restore_points import VerifyReport

__all__ = ["VerifyStatus"]


class VerifyStatus(Model):
    """One look at a verification."""

    ref: Ref
    state: OperationState
    done_bytes: int = 0
    total_bytes: int = 0
    report: VerifyReport | None = None
    """Set once the state is SUCCEEDED; a report with findings is a success of the verification."""
    code: str = ""
    message: str = ""
