"""One deed for one VM or for a whole group, from the command line to its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from safepoint.cli.confirm import confirm
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.replicas import Desk, deed_facts, deed_lines, desk
from safepoint.cli.rows import local_time, seconds_text
from safepoint.cli.session import Session
from safepoint.errors import ReplicaRefusedError, UsageError
from safepoint.models.replicas import ReplicaPoint, ReplicaState
from safepoint.replicas.choosing import GroupMember, choose_pair, choose_point, members_of
from safepoint.replicas.deeds import DEEDS, TAKES_BACK, Deed, Option
from safepoint.replicas.groups import MemberReport, run_waves
from safepoint.replicas.guarding import check_before, check_group, refused
from safepoint.replicas.heading import heading
from safepoint.replicas.looking import Look, Pair
from safepoint.replicas.orders import DeedOrder, DeedReport
from safepoint.replicas.pictures import FACTS, Fact
from safepoint.replicas.refusals import DONE_BEFORE
from safepoint.store import DeedState

__all__ = ["ReplicaCommand"]

_GROUP_COLUMNS: Final = (
    Column("order", "ORDER", right=True),
    Column("vm", "VM"),
    Column("outcome", "OUTCOME"),
    Column("took", "TOOK", right=True),
    Column("reason", "REASON"),
)


_STANDING: Final = frozenset({ReplicaState.FAILED_OVER, ReplicaState.COMMITTED})

_Chosen = Callable[[Pair], tuple[Deed, frozenset[Option]]]


class ReplicaCommand:
    """One deed for one VM or for all of a group."""

    def __init__(
        self,
        session: Session,
        connection: str | None,
        vm: str | None,
        group: str | None,
        *,
        third: bool = False,
    ) -> None:
        if (vm is None) == (group is None):
            msg = "name one VM, or a group with --group"
            raise UsageError(msg, hint="`safepoint replica status` shows the VMs.")
        self._session = session
        document = session.estate.replica_group(group) if group is not None else None
        if connection is None and document is not None:
            connection = session.estate.replica(document.spec.members[0].replica).spec.connection
        self._desk: Desk = desk(session, connection)
        self._found: Look = self._desk.look()
        self._group = document
        self._members: tuple[GroupMember, ...] = ()
        if document is not None:
            self._members = members_of(
                session.estate, document, self._found, lambda _name: self._desk.driver
            )
        else:
            self._pair = choose_pair(self._found, str(vm), third=third)

    def run(
        self,
        deed: Deed,
        options: Iterable[Option],
        *,
        to_point: str = "latest",
        folder: str = "",
        yes: str = "",
    ) -> int:
        """Do the same deed for all."""
        chosen = frozenset(options)

        def choose(pair: Pair) -> tuple[Deed, frozenset[Option]]:
            if deed is Deed.REVERSE and self._is_reversed(pair):
                raise refused(pair.name, "replica-runs-there")
            return deed, chosen

        return self.run_chosen(choose, to_point, folder, yes=yes)

    def _is_reversed(self, pair: Pair) -> bool:
        """Tell of a VM of a group whether its roles were swapped before."""
        if self._group is None or pair.primary is None:
            return False
        estate = self._session.estate
        homes = {estate.replica(one.replica).spec.cluster for one in self._group.spec.members}
        is_open = pair.replica is not None and pair.replica.state in _STANDING
        return pair.primary.ref.system not in homes and not is_open

    def run_planned(self, options: Iterable[Option], to: str | None, *, yes: str) -> int:
        """Fail over without loss, to `to` where it is given; what runs there is left alone."""
        chosen = frozenset(options)
        pairs = [member.pair for member in self._members] or [self._pair]
        begun = {pair.id: place for pair in pairs if (place := self._place_begun(pair))}
        name = self._group.name if self._group is not None else self._pair.name
        place = heading(name, pairs, begun, to)

        def choose(pair: Pair) -> tuple[Deed, frozenset[Option]]:
            is_there = pair.primary is not None and pair.primary.ref.system == place
            if is_there and pair.id not in begun:
                raise refused(pair.name, "replica-runs-there", detail=str(place))
            return Deed.PLANNED, chosen

        return self.run_chosen(choose, yes=yes)

    def run_chosen(
        self, choose: _Chosen, to_point: str = "latest", folder: str = "", *, yes: str
    ) -> int:
        """Do what `choose` says for each."""
        if self._group is None:
            order = self._order(self._pair, choose, to_point, folder)
            check_before(order, self._found, self._session.store)
            self._ask([order], self._pair.name, yes)
            with self._told_when_interrupted():
                report = self._desk.conduct.do(order)
            self._session.output.facts("ReplicaDeed", deed_facts(report), deed_lines(report))
            return 0
        orders: dict[str, DeedOrder] = {}
        settled: dict[str, ReplicaRefusedError] = {}
        for member in self._members:
            pair = member.pair
            try:
                orders[pair.id] = self._order(pair, choose, to_point, folder)
            except ReplicaRefusedError as error:
                if error.refusal not in DONE_BEFORE:
                    raise
                settled[pair.id] = error
        check_group(self._group.name, list(orders.values()), self._found, self._session.store)
        self._ask(list(orders.values()), self._group.name, yes)
        conduct = self._desk.conduct

        def work(member: GroupMember) -> DeedReport:
            if member.pair.id in settled:
                raise settled[member.pair.id]
            return conduct.do(orders[member.pair.id])

        with self._told_when_interrupted():
            reports = run_waves(self._members, work, self._desk.crew.waiter.sleep)
        return self._show_group(reports)

    @contextmanager
    def _told_when_interrupted(self) -> Iterator[None]:
        """What was asked of a host goes on without us: say how to go on."""
        try:
            yield
        except KeyboardInterrupt:
            self._session.output.say(
                "interrupted: the host may still carry out what was asked. Give the same command "
                "again to finish it, or `safepoint replica cancel` to take it back."
            )
            raise

    def undoing(self, pair: Pair, *, start_primary: bool | None) -> tuple[Deed, frozenset[Option]]:
        """Return what takes back whatever was begun."""
        order = self._desk.orders(Deed.END_TEST, pair)
        picture = self._found.picture(order.pair, order.source, order.target)
        is_planned = FACTS[Fact.SOURCE_PREPARED](picture)
        deeds = self._session.store.replica_deeds
        half = deeds.open(self._desk.connection, pair.id)
        for row in half:
            if Deed(row.deed) in TAKES_BACK:  # goes on, also when all of it can be seen
                return Deed(row.deed), frozenset(DeedOrder.model_validate(row.order).options)
        last = deeds.of_pair(self._desk.connection, pair.id)[-1:]
        # One that was refused half-way is over, and leaves the primary off all the same.
        failed = [row for row in last if row.state is DeedState.FAILED]
        is_begun = any(row.deed == Deed.PLANNED for row in (*half, *failed))
        wants_start = start_primary if start_primary is not None else is_planned or is_begun
        options = frozenset({Option.START_PRIMARY} if wants_start else ())
        if FACTS[Fact.TEST_EXISTS](picture):
            return Deed.END_TEST, frozenset()
        if FACTS[Fact.TARGET_FAILED_OVER](picture):
            return Deed.CANCEL_FAILOVER, options
        if is_planned or is_begun:
            return Deed.CANCEL_PREPARE, options
        if any(row.deed == Deed.TEST for row in half):
            return Deed.END_TEST, frozenset()
        raise refused(pair.name, "replica-nothing-to-cancel")

    def _order(self, pair: Pair, choose: _Chosen, to_point: str, folder: str) -> DeedOrder:
        deed, options = choose(pair)
        point: ReplicaPoint | None = None
        if pair.replica is not None and deed in {Deed.TEST, Deed.UNPLANNED}:
            point = choose_point(self._desk.driver, pair.replica.ref, to_point)
        return self._desk.orders(deed, pair, options, point=point, folder=folder)

    def _place_begun(self, pair: Pair) -> str | None:
        """Return where a half-done planned failover goes."""
        for row in self._session.store.replica_deeds.open(self._desk.connection, pair.id):
            target = DeedOrder.model_validate(row.order).target
            if row.deed == Deed.PLANNED and target is not None:
                return target.system
        return None

    def _ask(self, orders: list[DeedOrder], word: str, yes: str) -> None:
        """Make a person type the name before something is lost; what goes on was asked before."""
        deeds = self._session.store.replica_deeds
        costs = []
        for order in orders:
            half = deeds.open(order.connection, order.pair)
            text = DEEDS[order.deed].costs
            if text and not any(row.deed == order.deed for row in half):
                costs.append(f"{text}{self._loss(order)} ({order.vm}{_way(order)})")
        if costs:
            more = f", and the like for {len(costs) - 1} more" if len(costs) > 1 else ""
            confirm(costs[0] + more, word, yes)

    def _loss(self, order: DeedOrder) -> str:
        """Say how much a failover to a point would lose."""
        if order.deed is not Deed.UNPLANNED:
            return ""
        picture = self._found.picture(order.pair, order.source, order.target)
        state = order.point_at or (picture.target.last_replicated_at if picture.target else None)
        if state is None:
            return " since a moment that is not known"
        age = (self._session.store.clock() - state).total_seconds()
        return f" since {local_time(state)}, {seconds_text(age)} ago"

    def _show_group(self, reports: tuple[MemberReport, ...]) -> int:
        rows = [_group_row(one.member, one) for one in reports]
        facts = [
            {
                **row,
                "deed": deed_facts(one.report) if one.report else None,
                "error": one.error.to_dict() if one.error else None,
            }
            for row, one in zip(rows, reports, strict=True)
        ]
        self._session.output.rows("ReplicaDeedList", facts, _GROUP_COLUMNS, show=rows)
        errors = [one.error for one in reports if one.error is not None]
        for error in errors:
            self._session.output.say(f"{error.message} {error.hint}", style="red")
        if not errors:
            return 0
        is_partial = any(one.report is not None or one.was_done for one in reports)
        return EXIT_FINDINGS if is_partial else errors[0].exit_code


def _way(order: DeedOrder) -> str:
    """Say from where to where it goes, when both are known."""
    if order.source is None or order.target is None:
        return ""
    return f", {order.source.system} to {order.target.system}"


def _group_row(member: GroupMember, one: MemberReport) -> dict[str, Any]:
    took = None
    if one.report is not None:
        took = (one.report.ended_at - one.report.began_at).total_seconds()
    return {
        "order": member.start_order,
        "vm": member.pair.name,
        "outcome": one.outcome,
        "took": seconds_text(took),
        "reason": one.error.message if one.error else "",
    }
