"""What follows from which facts: a table, read from the top; the first row that fits decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safepoint.audit.report import Verdict

__all__ = ["VERDICTS", "Fact", "VerdictRule", "verdict_of"]


class Fact(StrEnum):
    """One thing that is known about a checkpoint, a chain or a file."""

    CHECKPOINT = "checkpoint"
    CHAIN = "chain"
    FILE = "file"
    OURS = "ours"
    """Our journal has an open row for it."""
    WORKED_ON = "worked-on"
    """A live process of safepoint holds the VM."""
    WANTED = "wanted"
    """Asked for by a person through safepoint, to stay until deleted."""
    EXPIRED = "expired"
    OTHER_JOURNAL = "other-journal"
    PERSON = "person"
    REPLICA = "replica"
    TEST_COPY = "test-copy"
    """The VM was made by a test failover, and stands on files of a replica."""
    PRODUCT = "product"
    """A named product's."""
    BACKUP = "backup"
    """Made for a copy: of the kind that backup products make."""
    JOB_RUNNING = "job-running"
    """A product that can be asked has a job running on this VM, or may have."""
    JOB_ENDED = "job-ended"
    """The product was asked: no job runs, and the run that may have made it has ended."""
    KEEPS_ONE = "keeps-one"
    SEVERAL = "several"
    """The VM has more than one of this product's."""
    OLD = "old"
    """Older than patience with its sort."""
    MERGING = "merging"
    """The hypervisor says that it merges disks of this VM."""
    STILL = "still"
    """Nothing has moved for longer than patience with merges."""
    TRACKING = "tracking"
    """A change-tracking file, not a disk."""


F = Fact
V = Verdict


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """One row: all of these facts and none of those give this verdict.

    `next_step` is a template; it may use {vm}, {name}, {product} and {cluster}.
    """

    id: str
    verdict: Verdict
    needs: frozenset[Fact]
    next_step: str
    without: frozenset[Fact] = frozenset()

    def fits(self, facts: frozenset[Fact]) -> bool:
        """Tell whether this row is the one, were it read first."""
        return self.needs <= facts and not self.without & facts


_NEVER_BY_HAND: Final = "Never merge or delete its files by hand."
_ASK_FIRST: Final = "Ask {product} whether a job works on {vm}; if none does, remove it there."

VERDICTS: Final[tuple[VerdictRule, ...]] = (
    # -- checkpoints of our own
    VerdictRule(
        "ours-worked-on",
        V.IN_USE,
        frozenset({F.CHECKPOINT, F.OURS, F.WORKED_ON}),
        "Nothing: safepoint is working on {vm}.",
    ),
    VerdictRule(
        "ours-expired",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.OURS, F.WANTED, F.EXPIRED}),
        "safepoint checkpoint clean --vm {vm}",
    ),
    VerdictRule(
        "ours-wanted",
        V.IN_USE,
        frozenset({F.CHECKPOINT, F.OURS, F.WANTED}),
        "Nothing; when it is not needed any more: "
        "safepoint checkpoint delete {vm} '{name}' --cluster {cluster}",
    ),
    VerdictRule(
        "ours-left",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.OURS}),
        "safepoint checkpoint clean --vm {vm}",
    ),
    # -- checkpoints of others
    VerdictRule(
        "replica-point",
        V.STEADY_STATE,
        frozenset({F.CHECKPOINT, F.REPLICA}),
        "Nothing: Hyper-V Replica makes and removes its recovery points itself.",
    ),
    VerdictRule(
        "product-works",
        V.IN_USE,
        frozenset({F.CHECKPOINT, F.BACKUP, F.JOB_RUNNING}),
        "Nothing while the job of {product} runs.",
    ),
    VerdictRule(
        "product-keeps-it",
        V.STEADY_STATE,
        frozenset({F.CHECKPOINT, F.KEEPS_ONE}),
        "Nothing: {product} keeps one between its runs. Deleting it breaks its next increment.",
        without=frozenset({F.SEVERAL, F.OLD}),
    ),
    VerdictRule(
        "product-disowns",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.JOB_ENDED}),
        "safepoint checkpoint clean --vm {vm} --confirm '{name}'",
        without=frozenset({F.KEEPS_ONE}),
    ),
    VerdictRule(
        "other-journal-left",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.OTHER_JOURNAL, F.OLD}),
        "Find the safepoint that made it and run `safepoint doctor --fix` there.",
    ),
    VerdictRule(
        "product-left",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.BACKUP, F.OLD}),
        _ASK_FIRST,
    ),
    VerdictRule(
        "product-kept-several",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.KEEPS_ONE, F.SEVERAL}),
        "{product} keeps one between its runs, and {vm} has several. " + _ASK_FIRST,
    ),
    VerdictRule(
        "person-forgot",
        V.LINGERING,
        frozenset({F.CHECKPOINT, F.PERSON, F.OLD}),
        "Ask who made it. If nobody needs it: delete it in Hyper-V Manager, wait for the merge.",
    ),
    VerdictRule(
        "others",
        V.FOREIGN,
        frozenset({F.CHECKPOINT}),
        "Leave it alone; look again later.",
    ),
    # -- chains without a checkpoint
    VerdictRule(
        "replica-test",
        V.STEADY_STATE,
        frozenset({F.CHAIN, F.TEST_COPY}),
        "Nothing while the test lasts: `safepoint replica cancel` deletes {vm}. "
        "It stands on its replica's files; nothing is to be merged.",
    ),
    VerdictRule(
        "merge-stalled",
        V.MERGE_FAILED,
        frozenset({F.CHAIN, F.MERGING, F.STILL}),
        "Make room on the share, stop backups of {vm}, see the node's VMMS log (19100); live-migrate "
        "the VM to start the merge anew. " + _NEVER_BY_HAND,
    ),
    VerdictRule(
        "merging",
        V.MERGE_PENDING,
        frozenset({F.CHAIN, F.MERGING}),
        "Wait; look again later.",
    ),
    VerdictRule(
        "merge-queued",
        V.MERGE_PENDING,
        frozenset({F.CHAIN}),
        "Wait; look again in an hour.",
        without=frozenset({F.STILL}),
    ),
    VerdictRule(
        "orphan-chain",
        V.MERGE_FAILED,
        frozenset({F.CHAIN, F.STILL}),
        "Check room and backups, then make a checkpoint of {vm} and delete it: that starts the merge. "
        "Else live-migrate it, or shut it down and start it. " + _NEVER_BY_HAND,
    ),
    # -- files that nobody uses
    VerdictRule(
        "file-in-motion",
        V.FOREIGN,
        frozenset({F.FILE}),
        "Look again later: it is young, and somebody may be about to use it.",
        without=frozenset({F.OLD}),
    ),
    VerdictRule(
        "stray-tracking",
        V.LINGERING,
        frozenset({F.FILE, F.TRACKING, F.OLD}),
        "Its disk is gone. Make sure that no other host uses this folder, then remove it.",
    ),
    VerdictRule(
        "stray-disk",
        V.LINGERING,
        frozenset({F.FILE, F.OLD}),
        "Make sure that no other host and no VM that is turned off elsewhere uses it; copy it away "
        "before you remove it. safepoint deletes no files.",
    ),
)


def verdict_of(facts: frozenset[Fact]) -> VerdictRule:
    """Return the first row that fits; the rows of a subject leave no combination out."""
    return next(rule for rule in VERDICTS if rule.fits(facts))
