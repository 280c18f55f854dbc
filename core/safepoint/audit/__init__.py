"""The truth about checkpoints: what there is, whose it is, what to do, and doing it safely.

`gathering` looks, `judging` thinks (pure), `cleaning` acts. The rules are data: `owners` says which
name belongs to whom, `verdicts` what follows from which facts, `risks` when it is urgent.
"""

from __future__ import annotations

from safepoint.audit.cleaning import (
    Clean,
    CleanAction,
    CleanOutcome,
    CleanStep,
    CleanWish,
    plan_cleaning,
)
from safepoint.audit.gathering import ClusterSource, Gather, ProductSource
from safepoint.audit.judging import judge
from safepoint.audit.patience import Patience
from safepoint.audit.picture import ClusterPicture, Picture, ProductView
from safepoint.audit.report import (
    AuditFinding,
    CheckpointAudit,
    Evidence,
    Owner,
    OwnerKind,
    Risk,
    RiskLevel,
    Subject,
    Unread,
    Verdict,
)

__all__ = [
    "AuditFinding",
    "CheckpointAudit",
    "Clean",
    "CleanAction",
    "CleanOutcome",
    "CleanStep",
    "CleanWish",
    "ClusterPicture",
    "ClusterSource",
    "Evidence",
    "Gather",
    "Owner",
    "OwnerKind",
    "Patience",
    "Picture",
    "ProductSource",
    "ProductView",
    "Risk",
    "RiskLevel",
    "Subject",
    "Unread",
    "Verdict",
    "judge",
    "plan_cleaning",
]
