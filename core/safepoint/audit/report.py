"""What the audit says: findings with owner, evidence, verdict, risk and the next safe step."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref

__all__ = [
    "AuditFinding",
    "CheckpointAudit",
    "Evidence",
    "Owner",
    "OwnerKind",
    "Risk",
    "RiskLevel",
    "ShareReport",
    "Subject",
    "Unread",
    "Verdict",
]


class Subject(StrEnum):
    """What a finding is about."""

    CHECKPOINT = "checkpoint"
    CHAIN = "chain"
    """A VM that runs on differencing files which no checkpoint explains."""
    FILE = "file"
    """A file on a share that no VM and no checkpoint uses."""


class OwnerKind(StrEnum):
    """Whose it is."""

    OURS = "ours"
    """Our own journal says that we made it."""
    OTHER_JOURNAL = "other-journal"
    """It bears a name of safepoint that our journal does not know."""
    PRODUCT = "product"
    """Another product's, by its name or its job."""
    HYPERVISOR = "hypervisor"
    """The hypervisor's own, such as a recovery point of a replica."""
    PERSON = "person"
    """Made by hand."""
    UNKNOWN = "unknown"


class Evidence(Model):
    """One reason to believe in an owner."""

    source: str
    """`journal`, `job`, `name`, `kind` or `file`."""
    text: str


class Owner(Model):
    """Whose something is, and why we think so."""

    kind: OwnerKind
    name: str = ""
    """The product, for people."""
    connection: str = ""
    """The connection of the estate through which the product was asked."""
    evidence: tuple[Evidence, ...] = ()


class Verdict(StrEnum):
    """What is to be thought of it."""

    IN_USE = "in-use"
    STEADY_STATE = "steady-state"
    """The product keeps it on purpose between its runs."""
    LINGERING = "lingering"
    """Nobody needs it any more, as far as can be seen."""
    FOREIGN = "foreign"
    """Another owner's, and nothing proves that it is left behind."""
    MERGE_PENDING = "merge-pending"
    """The checkpoint is gone and its files are being merged, or about to be."""
    MERGE_FAILED = "merge-failed"
    """The checkpoint is gone and nothing merges its files any more."""

    @property
    def is_finding(self) -> bool:
        """True when somebody should look."""
        return self not in {Verdict.IN_USE, Verdict.STEADY_STATE}


class RiskLevel(StrEnum):
    """How urgent, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
    """The room on the share could not be read."""


class Risk(Model):
    """How urgent it is, and why."""

    level: RiskLevel
    reason: str = ""


class AuditFinding(Model):
    """One checkpoint, chain or file."""

    subject: Subject
    cluster: str
    share: str = ""
    vm: str = ""
    workload: Ref | None = None
    node: str = ""
    name: str
    """The checkpoint's name, the disk's name, or the file's path."""
    kind: str = ""
    """The kind of checkpoint or file."""
    checkpoint: Ref | None = None
    since: UtcTime | None = None
    """When it began to be so; None when nothing tells."""
    age_seconds: int | None = None
    files: tuple[str, ...] = ()
    chain_depth: int = 0
    """How many differencing files the longest chain of the VM has."""
    reclaimable_bytes: int | None = None
    """What differencing files take up that would be merged away; None when not known."""
    owner: Owner
    verdict: Verdict
    rule: str
    """The row of the table of verdicts that decided."""
    risk: Risk
    next_step: str
    facts: tuple[str, ...] = ()
    """What the verdict follows from."""

    @property
    def is_cleanable(self) -> bool:
        """True when clean-up may offer it: proved ours, or disowned by its product."""
        return self.subject is Subject.CHECKPOINT and self.rule in _CLEANABLE


_CLEANABLE = frozenset({"ours-left", "ours-expired", "product-disowns"})


class ShareReport(Model):
    """A share and how long its room will last at the present growth."""

    cluster: str
    path: str
    free_bytes: int | None = None
    differencing_bytes: int = 0
    growth_bytes_per_day: int = 0
    days_left: float | None = None
    problem: str = ""


class Unread(Model):
    """Something that could not be looked at: the audit says nothing about it."""

    where: str
    problem: str
    hint: str = ""


class CheckpointAudit(Model):
    """One look at every checkpoint of an estate."""

    began_at: UtcTime
    clusters: tuple[str, ...]
    vms: int = 0
    nodes: int = 0
    checkpoints: int = 0
    files: int = 0
    findings: tuple[AuditFinding, ...] = ()
    """Everything that was found, also what is in order."""
    shares: tuple[ShareReport, ...] = ()
    unread: tuple[Unread, ...] = ()
