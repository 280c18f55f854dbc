"""A drill: a test failover of a group, boot and application checked, everything cleaned up.

Replication goes on meanwhile, and the primaries are not touched.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from safepoint.drivers import CanReplicate
from safepoint.errors import SafepointError
from safepoint.models.replica_documents import ReplicaGroup
from safepoint.models.replicas import ReplicaMode, ReplicaPointQuery, ReplicaQuery, ReplicaSide
from safepoint.models.workloads import GuestState, PowerState
from safepoint.replicas.choosing import GroupMember, OrderMaker
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.deeds import Deed, Option
from safepoint.replicas.groups import MemberReport, run_waves
from safepoint.replicas.guarding import check_group
from safepoint.replicas.looking import Pair, look
from safepoint.replicas.orders import DeedOrder, DeedReport, ReplicaCrew
from safepoint.store import DeedState

__all__ = ["Check", "Drill", "DrillLine", "DrillReport", "run_program"]

_BOOT_WITHIN: Final = timedelta(minutes=10)
_CHECK_SECONDS: Final = 300.0
_PAUSE_SECONDS: Final = 0.5

#: Runs the group's check for one test VM; returns what is wrong, or nothing.
Check = Callable[[Sequence[str]], str]


def run_program(arguments: Sequence[str]) -> str:
    """Run a program of this machine without a shell; returns what is wrong, or nothing."""
    try:
        done = subprocess.run(  # noqa: S603 - the estate's own check, no shell
            list(arguments),
            capture_output=True,
            text=True,
            timeout=_CHECK_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"the check did not end in {_CHECK_SECONDS:.0f} s"
    except OSError as error:
        return f"the check cannot be run: {error.strerror or error}"
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"the check ended with {done.returncode}" + (f": {said[-1][:200]}" if said else "")


@dataclass
class DrillLine:
    """One VM of a drill."""

    vm: str
    system: str
    test_vm: str = ""
    point_at: datetime | None = None
    """The state that was tested."""
    rpo_seconds: float | None = None
    """How old that state was when the drill began: what a failover then would have lost."""
    rto_seconds: float | None = None
    """From the beginning of the drill until it had booted, waits for others included."""
    has_booted: bool = False
    is_consistent: bool | None = None
    """None when the group has no check."""
    is_cleaned_up: bool = False
    problem: str = ""

    @property
    def is_good(self) -> bool:
        """True when it booted, is consistent as far as that is checked, and is gone again."""
        return self.has_booted and self.is_consistent is not False and self.is_cleaned_up

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self.__dict__, "point_at": _text(self.point_at), "good": self.is_good}


@dataclass
class DrillReport:
    """A drill as it ended."""

    group: str
    began_at: datetime
    ended_at: datetime
    lines: list[DrillLine] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """True when every VM is."""
        return bool(self.lines) and all(line.is_good for line in self.lines)

    @property
    def rto_seconds(self) -> float | None:
        """Until the last VM had booted; None when one never did."""
        times = [line.rto_seconds for line in self.lines]
        return (
            max((t for t in times if t is not None), default=None) if None not in times else None
        )

    @property
    def rpo_seconds(self) -> float | None:
        """The oldest state of all; None when one is not known."""
        ages = [line.rpo_seconds for line in self.lines]
        return max((a for a in ages if a is not None), default=None) if None not in ages else None

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "group": self.group,
            "good": self.is_good,
            "began_at": _text(self.began_at),
            "ended_at": _text(self.ended_at),
            "rto_seconds": self.rto_seconds,
            "rpo_seconds": self.rpo_seconds,
            "vms": [line.facts() for line in self.lines],
        }


class Drill:
    """Carries out drills on one connection."""

    def __init__(
        self,
        crew: ReplicaCrew,
        conduct: Conduct,
        orders: OrderMaker,
        *,
        check: Check = run_program,
    ) -> None:
        self._crew = crew
        self._conduct = conduct
        self._orders = orders
        self._check = check

    def run(self, group: ReplicaGroup, members: Sequence[GroupMember]) -> DrillReport:
        """Test every VM of a group; whatever happens, test VMs of this drill are deleted.

        Raises:
            LeaseHeldError: another process is at a drill of this group; nothing was begun.
            ReplicaRefusedError: one of the VMs would be refused; nothing was begun.
        """
        leases = self._crew.store.leases
        key = f"drill {self._crew.connection}/{group.name}"
        lease = leases.take(key, self._crew.executor, purpose="drill")
        try:
            return self._run(group, members)
        finally:
            leases.give_back(lease)

    def _run(self, group: ReplicaGroup, members: Sequence[GroupMember]) -> DrillReport:
        clock = self._crew.store.clock
        label = f"drill {group.name}"
        for member in members:
            self._clear(member.pair, label)
        self._check_all(group, members, label)
        began = clock()
        lines = {m.pair.id: self._line(m.pair, began) for m in members}
        try:
            done = run_waves(
                members,
                lambda member: self._test(group, member, lines[member.pair.id], label, began),
                self._crew.waiter.sleep,
            )
            _note_failures(done, lines)
        finally:
            for member in members:
                self._end(member.pair, lines[member.pair.id], label)
        return DrillReport(group.name, began, clock(), list(lines.values()))

    def _check_all(self, group: ReplicaGroup, members: Sequence[GroupMember], label: str) -> None:
        """Refuse the drill when one VM would be refused, before the first one starts."""
        found = look(self._driver, self._orders.clusters, with_servers=False)
        orders = [self._order(member.pair, label) for member in members]
        check_group(group.name, orders, found, self._crew.store)

    def _order(self, pair: Pair, label: str) -> DeedOrder:
        return self._orders(Deed.TEST, pair, (Option.START,), label=label)

    def _line(self, pair: Pair, began: datetime) -> DrillLine:
        line = DrillLine(vm=pair.name, system=pair.replica.ref.system if pair.replica else "")
        if pair.replica is not None:
            line.point_at = self._newest(pair.replica)
        if line.point_at is not None:
            line.rpo_seconds = max(0.0, (began - line.point_at).total_seconds())
        return line

    def _newest(self, replica: ReplicaSide) -> datetime | None:
        query = ReplicaPointQuery(cluster=replica.ref.system, replica=replica.ref)
        points = [point.created_at for point in self._driver.replica_points(query)]
        known = [*points, replica.last_applied_at, replica.last_replicated_at]
        return max((moment for moment in known if moment is not None), default=None)

    @property
    def _driver(self) -> CanReplicate:
        return self._crew.driver

    def _test(
        self,
        group: ReplicaGroup,
        member: GroupMember,
        line: DrillLine,
        label: str,
        began: datetime,
    ) -> DeedReport:
        report = self._conduct.do(self._order(member.pair, label))
        within = group.spec.drill.boot_within or _BOOT_WITHIN
        test = self._booted(member.pair, within)
        if test is None:
            line.problem = f"the guest did not answer within {within.total_seconds():.0f} s"
            return report
        line.test_vm, line.has_booted = test.name, True
        line.rto_seconds = (self._crew.store.clock() - began).total_seconds()
        if group.spec.drill.check:
            words = [_filled(word, member.pair, test) for word in group.spec.drill.check]
            line.problem = self._check(words)
            line.is_consistent = not line.problem
        return report

    def _booted(self, pair: Pair, within: timedelta) -> ReplicaSide | None:
        end = self._crew.waiter.monotonic() + within.total_seconds()
        while True:
            test = self._test_vm(pair)
            is_up = test is not None and test.power is PowerState.RUNNING
            if test is not None and is_up and test.guest is GuestState.READY:
                return test
            if self._crew.waiter.monotonic() >= end:
                return None
            self._crew.waiter.sleep(_PAUSE_SECONDS)

    def _test_vm(self, pair: Pair) -> ReplicaSide | None:
        if pair.replica is None:
            return None
        query = ReplicaQuery(cluster=pair.replica.ref.system, workload=pair.replica.ref)
        sides = self._driver.replicas(query)
        tests = [s for s in sides if s.pair == pair.id and s.mode is ReplicaMode.TEST]
        return tests[0] if tests else None

    def _end(self, pair: Pair, line: DrillLine, label: str) -> None:
        """Delete the test VM of this drill; a problem is noted and keeps no other from going."""
        try:
            self._clear(pair, label)
            line.is_cleaned_up = self._test_vm(pair) is None
        except SafepointError as error:
            line.problem = line.problem or f"not cleaned up: {error.message}"

    def _clear(self, pair: Pair, label: str) -> None:
        """Delete a test VM that a drill of this group made, also one that is still on its way."""
        rows = self._crew.store.replica_deeds.of_pair(self._crew.connection, pair.id)
        ours = [r for r in rows if r.deed == Deed.TEST and r.order.get("label") == label]
        if not ours:
            return
        last = rows[-1]
        # Once a deletion was proved, a test VM that is there is somebody else's.
        is_half_ended = last.deed == Deed.END_TEST and last.state is not DeedState.DONE
        is_on_its_way = last in ours and last.state is DeedState.OPEN
        is_there = (last in ours or is_half_ended) and self._test_vm(pair) is not None
        if is_on_its_way or is_there:
            self._conduct.do(self._orders(Deed.END_TEST, pair, label=label))


def _note_failures(done: Sequence[MemberReport], lines: dict[str, DrillLine]) -> None:
    for one in done:
        line = lines[one.member.pair.id]
        if one.error is not None:
            line.problem = line.problem or one.error.message
        elif one.outcome == "not begun":
            line.problem = "not begun: an earlier VM failed"


def _filled(word: str, pair: Pair, test: ReplicaSide) -> str:
    values = {
        "{vm}": pair.name,
        "{test_vm}": test.name,
        "{test_id}": test.ref.id,
        "{cluster}": test.ref.system,
        "{node}": test.node,
    }
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
