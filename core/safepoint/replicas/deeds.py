"""What can be done with a replica, as a table: guards, steps with their proofs, and the claim.

The table is the single source: the conductor follows it, the reference page is made from it, and
the crash tests walk every row of it. A step is skipped when its proof is there already, so that a
deed goes on from wherever it was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safepoint.models.replicas import ReplicaStep
from safepoint.replicas.pictures import Fact, Part

__all__ = ["DEEDS", "TAKES_BACK", "Deed", "DeedPlan", "Guard", "Option", "StepPlan"]


class Deed(StrEnum):
    """Something a person wants done with one relationship."""

    TEST = "test-failover"
    END_TEST = "cancel-test"
    PLANNED = "planned-failover"
    UNPLANNED = "failover"
    COMMIT = "commit"
    CANCEL_FAILOVER = "cancel-failover"
    CANCEL_PREPARE = "cancel-prepare"
    REVERSE = "reverse"
    RESYNC = "resync"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    START = "start"
    IMPORT = "import-media"


class Option(StrEnum):
    """What a person may say beside the deed. The first four are on unless switched off."""

    REVERSE = "reverse"
    """Let the old primary become the replica at once."""
    START = "start"
    """Start the VM on the new side."""
    START_PRIMARY = "start-primary"
    """Start the primary again after a failover was taken back."""
    SHUT_DOWN = "shut-down"
    """Let the guest shut the primary down."""
    TURN_OFF = "turn-off"
    """Turn the primary off hard, when the guest does not shut down."""
    PRIMARY_IS_DOWN = "primary-is-down"
    """The person knows that the unreadable side does not run."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A fact that has to be there before the deed begins, or the deed is refused."""

    fact: Fact
    refusal: str
    when: Option | None = None
    """Only with this option."""
    unless: Option | None = None
    """Not with this option."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step: on which VM, and the facts that prove that it has had its effect."""

    step: ReplicaStep
    on: Part
    proof: tuple[Fact, ...]
    """All of them."""
    when: Option | None = None
    only_if: Fact | None = None
    """Skipped unless this is so when its turn comes."""


@dataclass(frozen=True, slots=True)
class DeedPlan:
    """A deed from its guards to what it claims at its end."""

    deed: Deed
    guards: tuple[Guard, ...]
    steps: tuple[StepPlan, ...]
    claims: tuple[Fact, ...]
    costs: str = ""
    """What is lost, for the confirmation; empty when nothing is."""
    said: str = ""
    """The end as a person reads it."""
    said_off: str = ""
    """The same when the VM was not to be started; empty when it makes no difference."""

    def end(self, options: frozenset[Option]) -> str:
        """Return the end as a person reads it."""
        return self.said_off if self.said_off and Option.START not in options else self.said


_G, _P, _F, _O, _R = Guard, StepPlan, Fact, Option, ReplicaStep
_SOURCE, _TARGET, _TEST = Part.SOURCE, Part.TARGET, Part.TEST
_BOTH_READ: Final = (
    _G(_F.SOURCE_READ, "replica-side-unread"),
    _G(_F.TARGET_READ, "replica-side-unread"),
)
_TARGET_READ: Final = (_G(_F.TARGET_READ, "replica-side-unread"),)
_CAN_REVERSE: Final = (
    _G(_F.NO_THIRD_COPY, "replica-third-copy", when=_O.REVERSE),
    _G(_F.SOURCE_CAN_RECEIVE, "replica-cannot-receive", when=_O.REVERSE),
)

_PLANS: Final = (
    DeedPlan(
        Deed.TEST,
        guards=(
            *_TARGET_READ,
            _G(_F.TARGET_IS_REPLICA, "replica-none"),
            _G(_F.NO_TEST, "replica-test-left"),
            _G(_F.TARGET_USABLE, "replica-no-state"),
        ),
        steps=(
            _P(_R.START_TEST, _TARGET, (_F.TEST_EXISTS,)),
            _P(_R.POWER_ON, _TEST, (_F.TEST_ON,), when=_O.START),
        ),
        claims=(_F.TEST_EXISTS,),
        said="a test VM exists beside the replica; replication goes on",
    ),
    DeedPlan(
        Deed.END_TEST,
        guards=(*_TARGET_READ, _G(_F.TEST_EXISTS, "replica-nothing-to-cancel")),
        steps=(
            _P(_R.TURN_OFF, _TEST, (_F.TEST_OFF,), only_if=_F.TEST_ON),
            _P(_R.STOP_TEST, _TEST, (_F.NO_TEST,)),
        ),
        claims=(_F.NO_TEST,),
        said="the test VM is gone",
    ),
    DeedPlan(
        Deed.PLANNED,
        guards=(
            *_BOTH_READ,
            _G(_F.TARGET_IS_REPLICA, "replica-none"),
            _G(_F.SOURCE_IS_PRIMARY, "replica-none"),
            _G(_F.TARGET_RECEIVING, "replica-failed-over"),
            _G(_F.SOURCE_SETTLED, "replica-not-replicating"),
            _G(_F.NO_TEST, "replica-test-left"),
            _G(_F.NO_OTHER_RUNS, "replica-other-copy-runs"),
            *_CAN_REVERSE,
        ),
        steps=(
            _P(_R.SHUT_DOWN, _SOURCE, (_F.SOURCE_OFF,), when=_O.SHUT_DOWN),
            _P(_R.TURN_OFF, _SOURCE, (_F.SOURCE_OFF,), when=_O.TURN_OFF),
            _P(_R.PREPARE, _SOURCE, (_F.SOURCE_PREPARED,)),
            _P(_R.FAIL_OVER, _TARGET, (_F.TARGET_FAILED_OVER,)),
            _P(_R.REVERSE, _TARGET, (_F.TARGET_IS_PRIMARY,), when=_O.REVERSE),
            _P(_R.POWER_ON, _TARGET, (_F.TARGET_ON,), when=_O.START),
        ),
        claims=(_F.TARGET_FAILED_OVER, _F.NOT_TWO),
        costs="shut the VM down here and start it on the other side",
        said="the VM runs on the other side; no change was lost",
        said_off="the other side has every change; the VM is off there",
    ),
    DeedPlan(
        Deed.UNPLANNED,
        guards=(
            *_TARGET_READ,
            _G(_F.TARGET_IS_REPLICA, "replica-none"),
            _G(_F.TARGET_RECEIVING, "replica-failed-over"),
            _G(_F.TARGET_USABLE, "replica-no-state"),
            _G(_F.NO_TEST, "replica-test-left"),
            _G(_F.ALL_READ, "replica-primary-unread", unless=_O.PRIMARY_IS_DOWN),
            _G(_F.NOT_TWO, "replica-other-copy-runs"),
            _G(_F.SOURCE_NOT_ON, "replica-primary-runs"),
            _G(_F.NO_OTHER_RUNS, "replica-other-copy-runs"),
        ),
        steps=(
            _P(_R.FAIL_OVER, _TARGET, (_F.TARGET_FAILED_OVER,)),
            _P(_R.POWER_ON, _TARGET, (_F.TARGET_ON,), when=_O.START),
        ),
        claims=(_F.TARGET_FAILED_OVER, _F.NOT_TWO),
        costs="start the VM on the other side, losing what was not replicated",
        said="the VM was made from that point; commit it, or take it back",
        said_off="the VM was made from that point and is off; commit it, or take it back",
    ),
    DeedPlan(
        Deed.COMMIT,
        guards=(
            *_TARGET_READ,
            _G(_F.TARGET_RELATED, "replica-none"),
            _G(_F.TARGET_NOT_PRIMARY, "replica-final"),
            _G(_F.TARGET_FAILED_OVER, "replica-not-failed-over"),
            _G(_F.TARGET_OPEN, "replica-final"),
        ),
        steps=(_P(_R.COMMIT, _TARGET, (_F.TARGET_COMMITTED,)),),
        claims=(_F.TARGET_COMMITTED,),
        costs="give up every other recovery point: the failover cannot be taken back",
        said="the failover is final; reverse it to be protected again",
    ),
    DeedPlan(
        Deed.CANCEL_FAILOVER,
        guards=(
            *_TARGET_READ,
            _G(_F.TARGET_FAILED_OVER, "replica-not-failed-over"),
            _G(_F.TARGET_OPEN, "replica-final"),
        ),
        steps=(
            _P(_R.TURN_OFF, _TARGET, (_F.TARGET_OFF,), only_if=_F.TARGET_ON),
            _P(_R.CANCEL_FAIL_OVER, _TARGET, (_F.TARGET_RECEIVING,)),
            _P(
                _R.CANCEL_PREPARE,
                _SOURCE,
                (_F.SOURCE_NOT_PREPARED,),
                only_if=_F.SOURCE_PREPARED,
            ),
            _P(_R.POWER_ON, _SOURCE, (_F.SOURCE_ON,), when=_O.START_PRIMARY),
        ),
        claims=(_F.TARGET_RECEIVING, _F.NOT_TWO),
        costs="turn the VM off on the replica's side, losing what was written to it since",
        said="the replica receives again",
    ),
    DeedPlan(
        Deed.CANCEL_PREPARE,
        guards=(
            *_BOTH_READ,
            _G(_F.SOURCE_HALF_WAY, "replica-nothing-to-cancel"),
            _G(_F.TARGET_RECEIVING, "replica-failed-over"),
        ),
        steps=(
            _P(
                _R.CANCEL_PREPARE,
                _SOURCE,
                (_F.SOURCE_NOT_PREPARED,),
                only_if=_F.SOURCE_PREPARED,
            ),
            _P(_R.POWER_ON, _SOURCE, (_F.SOURCE_ON,), when=_O.START_PRIMARY),
        ),
        claims=(_F.SOURCE_NOT_PREPARED, _F.NOT_TWO),
        said="the primary replicates again",
    ),
    DeedPlan(
        Deed.REVERSE,
        guards=(
            *_BOTH_READ,
            _G(_F.TARGET_NOT_PRIMARY, "replica-final"),
            _G(_F.TARGET_FAILED_OVER, "replica-not-failed-over"),
            _G(_F.SOURCE_NOT_ON, "replica-primary-runs"),
            _G(_F.NO_OTHER_RUNS, "replica-other-copy-runs"),
            _G(_F.NO_THIRD_COPY, "replica-third-copy"),
            _G(_F.SOURCE_CAN_RECEIVE, "replica-cannot-receive"),
        ),
        steps=(
            _P(_R.REVERSE, _TARGET, (_F.TARGET_IS_PRIMARY,)),
            _P(
                _R.RESYNC,
                _TARGET,
                (_F.TARGET_RESYNCING,),
                only_if=_F.TARGET_NEEDS_RESYNC,
            ),
            _P(_R.POWER_ON, _TARGET, (_F.TARGET_ON,), when=_O.START),
        ),
        claims=(_F.TARGET_IS_PRIMARY, _F.TARGET_RESYNCING, _F.NOT_TWO),
        costs="overwrite the old primary with this side, losing what it never sent",
        said="the roles are swapped: changes go back to where the VM came from",
    ),
    DeedPlan(
        Deed.RESYNC,
        guards=(
            *_BOTH_READ,
            _G(_F.SOURCE_IS_PRIMARY, "replica-none"),
            _G(_F.SOURCE_NEEDS_RESYNC, "replica-no-resync-needed"),
        ),
        steps=(_P(_R.RESYNC, _SOURCE, (_F.SOURCE_RESYNCING,)),),
        claims=(_F.SOURCE_RESYNCING,),
        said="both sides are being compared",
    ),
    DeedPlan(
        Deed.PAUSE,
        guards=(
            _G(_F.SOURCE_READ, "replica-side-unread"),
            _G(_F.SOURCE_IS_PRIMARY, "replica-none"),
            _G(_F.SOURCE_REPLICATING, "replica-not-replicating"),
        ),
        steps=(_P(_R.PAUSE, _SOURCE, (_F.SOURCE_PAUSED,)),),
        claims=(_F.SOURCE_PAUSED,),
        said="paused; logs grow on the primary until it is resumed",
    ),
    DeedPlan(
        Deed.RESUME,
        guards=(
            _G(_F.SOURCE_READ, "replica-side-unread"),
            _G(_F.SOURCE_IS_PRIMARY, "replica-none"),
            _G(_F.SOURCE_STOPPED, "replica-not-paused"),
        ),
        steps=(_P(_R.RESUME, _SOURCE, (_F.SOURCE_SENDING,)),),
        claims=(_F.SOURCE_SENDING,),
        said="it replicates again",
    ),
    DeedPlan(
        Deed.REMOVE,
        guards=(
            _G(_F.ANY_RELATED, "replica-none"),
            _G(_F.NO_TEST_SEEN, "replica-test-left"),
            _G(_F.ALL_READ, "replica-side-unread", unless=_O.PRIMARY_IS_DOWN),
            _G(_F.TARGET_NOT_OPEN, "replica-failed-over"),
            _G(_F.NO_THIRD_COPY, "replica-third-copy"),
        ),
        steps=(
            _P(_R.REMOVE, _SOURCE, (_F.SOURCE_UNRELATED,), only_if=_F.SOURCE_RELATED),
            _P(_R.REMOVE, _TARGET, (_F.TARGET_UNRELATED,), only_if=_F.TARGET_RELATED),
        ),
        claims=(_F.NONE_SEEN,),
        costs="end the protection by this replica; its VM and disks stay where they are",
        said="the relationship is gone on every side that could be read",
    ),
    DeedPlan(
        Deed.START,
        guards=(
            *_BOTH_READ,
            _G(_F.SOURCE_IS_PRIMARY, "replica-none"),
            _G(_F.SOURCE_READY, "replica-first-copy-begun"),
        ),
        steps=(_P(_R.START_INITIAL, _SOURCE, (_F.SOURCE_STARTED,)),),
        claims=(_F.SOURCE_STARTED,),
        said="the first copy has begun",
    ),
    DeedPlan(
        Deed.IMPORT,
        guards=(
            *_TARGET_READ,
            _G(_F.TARGET_IS_REPLICA, "replica-none"),
            _G(_F.TARGET_WAITS_FOR_MEDIA, "replica-no-media-awaited"),
        ),
        steps=(_P(_R.IMPORT_INITIAL, _TARGET, (_F.TARGET_REPLICATING,)),),
        claims=(_F.TARGET_REPLICATING,),
        said="the first copy was imported",
    ),
)

#: Every deed.
DEEDS: Final[Mapping[Deed, DeedPlan]] = {plan.deed: plan for plan in _PLANS}

#: Which half-done deed may be left for which other one, because that takes it back.
TAKES_BACK: Final[Mapping[Deed, frozenset[Deed]]] = {
    Deed.END_TEST: frozenset({Deed.TEST}),
    Deed.CANCEL_PREPARE: frozenset({Deed.PLANNED}),
    Deed.CANCEL_FAILOVER: frozenset({Deed.PLANNED, Deed.UNPLANNED}),
}
