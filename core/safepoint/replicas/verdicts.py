"""Health by Microsoft's own thresholds, and what else a person should see. Pure.

Microsoft warns when a fifth of the cycles was missed or nothing was sent for an hour, and asks for
a comparison when the logs exceed half of the disks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.replicas import (
    ReplicaHealth,
    ReplicaServerState,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
)
from safepoint.models.workloads import PowerState
from safepoint.replicas.logs import LOG_SHARE, ReplicaLog, log_of
from safepoint.replicas.looking import Pair

__all__ = [
    "MISSED_SHARE",
    "OUT_OF_SYNC",
    "VERDICTS",
    "Verdict",
    "judge_pair",
    "judge_server",
    "missed_share",
]

#: From this share of missed cycles on Hyper-V warns.
MISSED_SHARE: Final = 0.2
#: After this long without a transfer a replica counts as out of sync.
OUT_OF_SYNC: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sort of finding of `replica status`."""

    code: str
    severity: Severity
    title: str
    meaning: str
    advice: str


_ALL: Final = (
    Verdict(
        "replica-critical",
        Severity.ERROR,
        "replication has stopped",
        "The product reports an error state or critical health: changes do not arrive, and what a "
        "failover would lose grows.",
        "Read the product's own words in the finding; resume or resynchronise when the cause is "
        "gone.",
    ),
    Verdict(
        "replica-resync-required",
        Severity.ERROR,
        "both sides have to be compared",
        "The change log was lost, overflowed, or does not fit the replica any more. Until both "
        "sides were read and compared nothing is replicated.",
        "`safepoint replica resync VM`; on shares that flicker, declare a resync window.",
    ),
    Verdict(
        "replica-out-of-sync",
        Severity.ERROR,
        "nothing was sent for more than an hour",
        "Microsoft counts a replica as out of sync from then on. A failover would lose more than "
        "the frequency promises.",
        "Check the link, the replica server and its storage.",
    ),
    Verdict(
        "replica-cycles-missed",
        Severity.WARNING,
        "a fifth or more of the cycles was missed",
        "Microsoft warns from 20 % on: the link or the storage does not keep up with what is "
        "written.",
        "Compare the size of a cycle with the link; take a lower frequency or leave disks out.",
    ),
    Verdict(
        "replica-log-large",
        Severity.WARNING,
        "the change log is larger than half of the disks",
        "At half the size of the disks Hyper-V gives up the log and asks for a comparison.",
        "Repair the link soon, or pause what writes so much.",
    ),
    Verdict(
        "replica-paused",
        Severity.WARNING,
        "replication is paused",
        "The log grows on the primary as long as it stays paused.",
        "`safepoint replica resume VM`.",
    ),
    Verdict(
        "replica-first-copy-due",
        Severity.WARNING,
        "the first copy is not there yet",
        "There is nothing to fail over to.",
        "Wait for it; with media: carry it over and `safepoint replica import-media VM`.",
    ),
    Verdict(
        "replica-failover-open",
        Severity.WARNING,
        "a failover waits to be committed or taken back",
        "The VM runs without protection until it is reversed, and the other points are kept "
        "meanwhile.",
        "`safepoint replica commit`, `reverse` or `cancel`.",
    ),
    Verdict(
        "replica-prepared",
        Severity.WARNING,
        "a planned failover was prepared and not carried out",
        "The primary is off and refuses to start.",
        "Go on with `safepoint replica failover --planned`, or `safepoint replica cancel`.",
    ),
    Verdict(
        "replica-two-run",
        Severity.ERROR,
        "two copies of one VM run",
        "Both write, each in its own direction: whichever is kept, the other's changes are lost.",
        "Turn one of them off at once; decide which by what their users did.",
    ),
    Verdict(
        "replica-test-vm-left",
        Severity.INFO,
        "a test VM exists",
        "It grows on the replica's storage, and the replica cannot be failed over before it is "
        "gone.",
        "`safepoint replica cancel VM` deletes it.",
    ),
    Verdict(
        "replica-reversed",
        Severity.INFO,
        "it runs on the other side than declared",
        "A failover swapped the roles, and the documents still say where it came from. It is "
        "protected as before; `apply` does not write it in this state.",
        "Fail back with `safepoint replica failover --planned`, or change the document.",
    ),
    Verdict(
        "replica-one-sided",
        Severity.ERROR,
        "only one side knows the relationship",
        "Both sides could be read, and the other one shows nothing: the replica was deleted, or "
        "the relationship was removed on one side only.",
        "`safepoint replica remove VM` clears the rest; `safepoint apply` makes it anew.",
    ),
    Verdict(
        "replica-system-unread",
        Severity.ERROR,
        "a system could not be read",
        "What it holds is not in this picture. A list without it would look complete.",
        "`safepoint doctor` helps.",
    ),
    Verdict(
        "replica-deed-unfinished",
        Severity.WARNING,
        "a deed on it was begun and has not ended",
        "Somebody works on it right now, or a process died at it.",
        "Give the same command again to finish it.",
    ),
    Verdict(
        "replica-server-full",
        Severity.WARNING,
        "the storage of a replica server is nearly full",
        "Less than a tenth of what its replicas take is free: points, logs and test VMs need room.",
        "Make room, or move replicas elsewhere.",
    ),
)

#: Every verdict by its id.
VERDICTS: Final[Mapping[str, Verdict]] = MappingProxyType({one.code: one for one in _ALL})
_LEAST_FREE_SHARE: Final = 0.1
_ON: Final = frozenset({PowerState.RUNNING, PowerState.PAUSED})


def verdict(code: str, place: str, text: str = "") -> Diagnostic:
    """Return a finding of a known sort about a VM or a system."""
    kind = VERDICTS[code]
    more = f": {text}" if text else ""
    return Diagnostic(
        severity=kind.severity,
        code=code,
        summary=f"{place}: {kind.title}{more}",
        hint=kind.advice,
        field=place,
    )


def missed_share(statistics: ReplicaStatistics | None) -> float | None:
    """Return which share of the cycles was missed; None when nothing was counted."""
    if statistics is None:
        return None
    total = statistics.cycles_succeeded + statistics.cycles_missed
    return statistics.cycles_missed / total if total else None


def judge_pair(
    pair: Pair,
    now: datetime,
    *,
    is_complete: bool,
    has_open_deed: bool = False,
    is_reversed: bool = False,
) -> Iterator[Diagnostic]:
    """Find what is wrong with one relationship.

    Args:
        pair: Its sides.
        now: By our clock.
        is_complete: Every system could be read, so that a missing side really is missing.
        has_open_deed: The journal has a deed on it that did not end.
        is_reversed: Its primary is where the documents want the replica.
    """
    found = _judge(
        pair, now, is_complete=is_complete, has_open_deed=has_open_deed, is_reversed=is_reversed
    )
    yield from map(_of_third_copy, found) if pair.is_third_copy else found


def _of_third_copy(one: Diagnostic) -> Diagnostic:
    """Say so, also in the commands that help."""
    place = str(one.field)
    return one.model_copy(
        update={
            "summary": f"{place} (third copy){one.summary.removeprefix(place)}",
            "hint": one.hint.replace(" VM`", " VM --third`"),
        }
    )


def _judge(
    pair: Pair, now: datetime, *, is_complete: bool, has_open_deed: bool, is_reversed: bool
) -> Iterator[Diagnostic]:
    if is_reversed:
        yield verdict("replica-reversed", pair.name)
    if is_complete and (pair.primary is None or pair.replica is None):
        yield verdict("replica-one-sided", pair.name)
    if has_open_deed:
        yield verdict("replica-deed-unfinished", pair.name)
    if len([side for side in pair.sides if side.power in _ON]) > 1:
        yield verdict("replica-two-run", pair.name)
    if pair.test is not None:
        yield verdict("replica-test-vm-left", pair.name, pair.test.name)
    log = log_of(pair.primary, now) if pair.primary is not None else None
    yield from _judge_state(pair, log.text if log is not None else "")
    if pair.primary is not None:
        yield from _judge_transfer(pair, pair.primary, log, now)


def _judge_state(pair: Pair, log: str) -> Iterator[Diagnostic]:
    states = {side.state for side in pair.sides}
    said = "; ".join(dict.fromkeys(issue for side in pair.sides for issue in side.issues))
    if ReplicaState.FAILED_OVER in states or ReplicaState.COMMITTED in states:
        yield verdict("replica-failover-open", pair.name)
    elif states & {ReplicaState.RESYNC_REQUIRED, ReplicaState.RESYNC_PAUSED}:
        yield verdict("replica-resync-required", pair.name, said)
    elif ReplicaState.CRITICAL in states:
        yield verdict("replica-critical", pair.name, said)
    elif ReplicaState.PREPARED in states:
        yield verdict("replica-prepared", pair.name)
    elif ReplicaState.PAUSED in states:
        yield verdict("replica-paused", pair.name, log)
    elif states & {ReplicaState.READY, ReplicaState.INITIAL}:
        yield verdict("replica-first-copy-due", pair.name)
    elif any(side.health is ReplicaHealth.CRITICAL for side in pair.sides):
        yield verdict("replica-critical", pair.name, said)


def _judge_transfer(
    pair: Pair, primary: ReplicaSide, log: ReplicaLog | None, now: datetime
) -> Iterator[Diagnostic]:
    sent = primary.last_replicated_at
    if primary.state is ReplicaState.REPLICATING and sent is not None and now - sent > OUT_OF_SYNC:
        minutes = int((now - sent).total_seconds() // 60)
        grown = log.text if log is not None else ""
        yield verdict("replica-out-of-sync", pair.name, f"{minutes} minutes; {grown}".rstrip("; "))
    share = missed_share(primary.statistics)
    if share is not None and share >= MISSED_SHARE:
        yield verdict("replica-cycles-missed", pair.name, f"{share:.0%}")
    if log is not None and log.share is not None and log.share > LOG_SHARE:
        yield verdict("replica-log-large", pair.name, f"{log.share:.0%}")


def judge_server(server: ReplicaServerState, held_bytes: int) -> Iterator[Diagnostic]:
    """Find a replica server that runs out of room for what it holds."""
    for storage in server.storages:
        if storage.free_bytes is not None and storage.free_bytes < _LEAST_FREE_SHARE * held_bytes:
            yield verdict("replica-server-full", server.cluster, storage.path)
