"""What the systems show of one relationship at one moment, and the facts that rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaMode, ReplicaSide, ReplicaState
from safepoint.models.workloads import PowerState, Workload

__all__ = ["FACTS", "Fact", "Part", "Picture", "parts_of", "picture_of"]


class Part(StrEnum):
    """Which VM a step is about. Source and target keep their names when roles are swapped."""

    SOURCE = "source"
    """The VM that was the primary when the deed began."""
    TARGET = "target"
    """The VM that was the replica when the deed began."""
    TEST = "test"


@dataclass(frozen=True)
class Picture:
    """One relationship as it is now."""

    source_ref: Ref | None
    target_ref: Ref | None
    source: ReplicaSide | None = None
    """None: no relationship there any more, or its system could not be read."""
    target: ReplicaSide | None = None
    test: ReplicaSide | None = None
    strays: tuple[Workload, ...] = ()
    """VMs with the id of a side whose system knows no relationship of them any more."""
    others: tuple[ReplicaSide, ...] = ()
    """Sides of the same VM in other relationships: a third copy, or what feeds it."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Systems that could not be read, with the reason."""
    receivers: Mapping[str, bool] = field(default_factory=dict)
    """Per system whether it is set up to receive replicas; systems nobody asked are left out."""

    @property
    def is_source_unread(self) -> bool:
        """True when nobody can tell what the source is doing."""
        return self.source_ref is None or self.source_ref.system in self.unread

    @property
    def is_target_unread(self) -> bool:
        """True when nobody can tell what the target is doing."""
        return self.target_ref is None or self.target_ref.system in self.unread


def picture_of(
    sides: Iterable[ReplicaSide],
    pair: str,
    source_ref: Ref | None,
    target_ref: Ref | None,
    *,
    unread: Mapping[str, str],
    receivers: Mapping[str, bool] | None = None,
    strays: Iterable[Workload] = (),
) -> Picture:
    """Put together what was listed."""
    listed = tuple(sides)
    of_pair = [side for side in listed if side.pair == pair]
    real = {side.ref: side for side in of_pair if side.mode is not ReplicaMode.TEST}
    families = {side.family for side in of_pair}
    return Picture(
        source_ref=source_ref,
        target_ref=target_ref,
        source=real.get(source_ref) if source_ref is not None else None,
        target=real.get(target_ref) if target_ref is not None else None,
        test=next((side for side in of_pair if side.mode is ReplicaMode.TEST), None),
        strays=tuple(strays),
        others=tuple(s for s in listed if s.family in families and s.pair != pair),
        unread=dict(unread),
        receivers=dict(receivers or {}),
    )


_ON: Final = frozenset({PowerState.RUNNING, PowerState.PAUSED, PowerState.CHANGING})
_STANDING: Final = frozenset({ReplicaState.FAILED_OVER, ReplicaState.COMMITTED})
_RESYNC: Final = frozenset(
    {ReplicaState.RESYNC_REQUIRED, ReplicaState.CRITICAL, ReplicaState.RESYNC_PAUSED}
)
_USABLE: Final = frozenset(
    {
        ReplicaState.REPLICATING,
        ReplicaState.PREPARED,
        ReplicaState.PAUSED,
        ReplicaState.CRITICAL,
        ReplicaState.RESYNC_REQUIRED,
        ReplicaState.RESYNC_PAUSED,
    }
)
_RECEIVING: Final = frozenset({ReplicaMode.REPLICA, ReplicaMode.EXTENDED})


class Fact(StrEnum):
    """Something that is or is not so in a picture; the words stand in messages."""

    ALL_READ = "every system that may hold a copy can be read"
    SOURCE_READ = "the primary's side can be read"
    TARGET_READ = "the replica's side can be read"
    SOURCE_IS_PRIMARY = "the primary is still the primary"
    SOURCE_OFF = "the primary is off"
    SOURCE_ON = "the primary runs"
    SOURCE_NOT_ON = "the primary does not run, as far as it can be read"
    SOURCE_READY = "the first copy has not begun"
    SOURCE_STARTED = "the first copy has begun"
    SOURCE_REPLICATING = "the primary replicates"
    SOURCE_SENDING = "the primary replicates or is being compared"
    SOURCE_PREPARED = "the primary has sent its last change"
    SOURCE_HALF_WAY = "a planned failover was begun: the primary is off"
    SOURCE_NOT_PREPARED = "the primary is not prepared for a failover"
    SOURCE_SETTLED = "the primary replicates or is prepared"
    SOURCE_PAUSED = "replication is paused"
    SOURCE_STOPPED = "replication is paused, or was stopped by an error"
    SOURCE_NEEDS_RESYNC = "both sides have to be compared"
    SOURCE_RESYNCING = "both sides are compared or alike"
    SOURCE_RELATED = "the primary's side knows the relationship"
    SOURCE_UNRELATED = "the primary's side knows no relationship any more"
    SOURCE_CAN_RECEIVE = "the primary's side is set up to receive"
    TARGET_IS_REPLICA = "the replica is a replica"
    TARGET_RECEIVING = "the replica receives and is not failed over"
    TARGET_USABLE = "the replica holds a state to fail over to"
    TARGET_WAITS_FOR_MEDIA = "the replica waits for its first copy"
    TARGET_REPLICATING = "the replica has its first copy"
    TARGET_FAILED_OVER = "the replica is failed over"
    TARGET_OPEN = "the failover can still be undone"
    TARGET_COMMITTED = "the failover is final"
    TARGET_NOT_OPEN = "no failover waits to be committed or taken back"
    TARGET_NOT_PRIMARY = "the roles are not swapped"
    TARGET_IS_PRIMARY = "the replica has become the primary"
    TARGET_NEEDS_RESYNC = "the new primary has to be compared with its replica"
    TARGET_RESYNCING = "the new primary replicates or is being compared"
    TARGET_ON = "the replica's VM runs"
    TARGET_OFF = "the replica's VM is off"
    TARGET_RELATED = "the replica's side knows the relationship"
    TARGET_UNRELATED = "the replica's side knows no relationship any more"
    ANY_RELATED = "a side that can be read knows the relationship"
    NONE_SEEN = "no side that can be read knows the relationship any more"
    TEST_EXISTS = "a test VM exists"
    NO_TEST = "no test VM exists"
    NO_TEST_SEEN = "no test VM is seen"
    TEST_ON = "the test VM runs"
    TEST_OFF = "the test VM is off"
    NO_THIRD_COPY = "no third copy hangs on the replica"
    NO_OTHER_RUNS = "no other copy of the VM runs"
    NOT_TWO = "at most one copy of the VM runs"


def _state(side: ReplicaSide | None, states: Iterable[ReplicaState]) -> bool:
    return side is not None and side.state in set(states)


def _mode(side: ReplicaSide | None, *modes: ReplicaMode) -> bool:
    return side is not None and side.mode in modes


def _is_on(side: ReplicaSide | None) -> bool:
    return side is not None and side.power in _ON


def _is_off(side: ReplicaSide | None) -> bool:
    return side is not None and side.power is PowerState.OFF


def _is_failed_over(p: Picture) -> bool:
    return _state(p.target, _STANDING) and not _mode(p.target, ReplicaMode.PRIMARY)


def _is_open(p: Picture) -> bool:
    return _is_failed_over(p) and _state(p.target, {ReplicaState.FAILED_OVER})


def _is_receiving(p: Picture) -> bool:
    quiet = p.target is not None and p.target.state not in _STANDING | {ReplicaState.CHANGING}
    return quiet and _mode(p.target, *_RECEIVING)


def _count_running(p: Picture) -> int:
    running = {side.ref for side in (p.source, p.target, *p.others) if _is_on(side) and side}
    return len(running | _running_strays(p))


def _running_strays(p: Picture) -> set[Ref]:
    return {stray.ref for stray in p.strays if stray.power in _ON}


def _is_source_on(p: Picture) -> bool:
    return _is_on(p.source) or p.source_ref in _running_strays(p)


_S = ReplicaState
#: What each fact means. Pure, and total: a picture with gaps makes facts false, never errors.
FACTS: Final[Mapping[Fact, Callable[[Picture], bool]]] = {
    Fact.ALL_READ: lambda p: not p.unread and p.source_ref is not None,
    Fact.SOURCE_READ: lambda p: not p.is_source_unread,
    Fact.TARGET_READ: lambda p: not p.is_target_unread,
    Fact.SOURCE_IS_PRIMARY: lambda p: _mode(p.source, ReplicaMode.PRIMARY),
    Fact.SOURCE_OFF: lambda p: _is_off(p.source),
    Fact.SOURCE_ON: lambda p: _is_on(p.source),
    Fact.SOURCE_NOT_ON: lambda p: not _is_source_on(p),
    Fact.SOURCE_READY: lambda p: _state(p.source, {_S.READY}),
    Fact.SOURCE_STARTED: lambda p: _state(
        p.source, {_S.INITIAL, _S.REPLICATING, _S.PAUSED, _S.RESYNC_REQUIRED, _S.CRITICAL}
    ),
    Fact.SOURCE_REPLICATING: lambda p: _state(p.source, {_S.REPLICATING}),
    Fact.SOURCE_SENDING: lambda p: _state(
        p.source, {_S.REPLICATING, _S.RESYNCING, _S.RESYNC_REQUIRED}
    ),
    Fact.SOURCE_PREPARED: lambda p: (
        _state(p.source, {_S.PREPARED}) and _mode(p.source, ReplicaMode.PRIMARY)
    ),
    Fact.SOURCE_HALF_WAY: lambda p: (
        _mode(p.source, ReplicaMode.PRIMARY)
        and _is_off(p.source)
        and _state(p.source, {_S.PREPARED, _S.REPLICATING})
    ),
    Fact.SOURCE_NOT_PREPARED: lambda p: p.source is not None and p.source.state is not _S.PREPARED,
    Fact.SOURCE_SETTLED: lambda p: _state(p.source, {_S.REPLICATING, _S.PREPARED}),
    Fact.SOURCE_PAUSED: lambda p: _state(p.source, {_S.PAUSED, _S.RESYNC_PAUSED}),
    Fact.SOURCE_STOPPED: lambda p: _state(p.source, {_S.PAUSED, _S.RESYNC_PAUSED, _S.CRITICAL}),
    Fact.SOURCE_NEEDS_RESYNC: lambda p: _state(p.source, _RESYNC),
    Fact.SOURCE_RESYNCING: lambda p: _state(p.source, {_S.RESYNCING, _S.REPLICATING}),
    Fact.SOURCE_RELATED: lambda p: p.source is not None,
    Fact.SOURCE_UNRELATED: lambda p: p.source is None and not p.is_source_unread,
    Fact.SOURCE_CAN_RECEIVE: lambda p: (
        p.source_ref is not None and p.receivers.get(p.source_ref.system, False)
    ),
    Fact.TARGET_IS_REPLICA: lambda p: _mode(p.target, *_RECEIVING),
    Fact.TARGET_RECEIVING: _is_receiving,
    Fact.TARGET_USABLE: lambda p: _is_receiving(p) and _state(p.target, _USABLE),
    Fact.TARGET_WAITS_FOR_MEDIA: lambda p: _state(p.target, {_S.INITIAL, _S.READY}),
    Fact.TARGET_REPLICATING: lambda p: _state(p.target, {_S.REPLICATING}),
    Fact.TARGET_FAILED_OVER: lambda p: _is_failed_over(p) or _mode(p.target, ReplicaMode.PRIMARY),
    Fact.TARGET_OPEN: _is_open,
    Fact.TARGET_COMMITTED: lambda p: (
        _state(p.target, {_S.COMMITTED}) or _mode(p.target, ReplicaMode.PRIMARY)
    ),
    Fact.TARGET_NOT_OPEN: lambda p: not _is_open(p),
    Fact.TARGET_NOT_PRIMARY: lambda p: not _mode(p.target, ReplicaMode.PRIMARY),
    Fact.TARGET_IS_PRIMARY: lambda p: _mode(p.target, ReplicaMode.PRIMARY),
    Fact.TARGET_NEEDS_RESYNC: lambda p: (
        _mode(p.target, ReplicaMode.PRIMARY) and _state(p.target, _RESYNC)
    ),
    Fact.TARGET_RESYNCING: lambda p: _state(p.target, {_S.RESYNCING, _S.REPLICATING}),
    Fact.TARGET_ON: lambda p: _is_on(p.target),
    Fact.TARGET_OFF: lambda p: _is_off(p.target),
    Fact.TARGET_RELATED: lambda p: p.target is not None,
    Fact.TARGET_UNRELATED: lambda p: p.target is None and not p.is_target_unread,
    Fact.ANY_RELATED: lambda p: p.source is not None or p.target is not None,
    Fact.NONE_SEEN: lambda p: p.source is None and p.target is None,
    Fact.TEST_EXISTS: lambda p: p.test is not None,
    Fact.NO_TEST: lambda p: p.test is None and not p.is_target_unread,
    Fact.NO_TEST_SEEN: lambda p: p.test is None,
    Fact.TEST_ON: lambda p: _is_on(p.test),
    Fact.TEST_OFF: lambda p: _is_off(p.test),
    Fact.NO_THIRD_COPY: lambda p: not any(s.ref == p.target_ref for s in p.others),
    Fact.NO_OTHER_RUNS: lambda p: not any(_is_on(s) for s in p.others if s.ref != p.target_ref),
    Fact.NOT_TWO: lambda p: _count_running(p) <= 1,
}


#: A fact about one side bears its name first; what is on the target's side knows of the test VM.
_ABOUT: Final = {"SOURCE": Part.SOURCE, "TARGET": Part.TARGET, "TEST": Part.TARGET}


def parts_of(facts: Iterable[Fact]) -> frozenset[Part] | None:
    """Return whose system has to be looked at to know these facts; None for every system."""
    found = {_ABOUT.get(fact.name.removeprefix("NO_").partition("_")[0]) for fact in facts}
    return None if None in found else frozenset(part for part in found if part is not None)
