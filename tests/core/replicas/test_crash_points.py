"""kill -9 at every effect of every deed: the same command, given again, ends where it should.

A point lies before every write statement and commit of the journal, after every commit, before
and after every request, and while a request is on its way: the process dies and the request is
executed seconds later, when its successor is at work already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from safepoint.errors import ReplicaRefusedError
from safepoint.models.replicas import ReplicaState
from safepoint.models.workloads import PowerState
from safepoint.replicas.deeds import Deed, Option
from safepoint_lab.reference.processes import watch_journals
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire


@dataclass(frozen=True)
class Case:
    """A deed and what was before it."""

    deed: Deed
    before: tuple[Deed, ...] = ()
    state: ReplicaState = ReplicaState.REPLICATING
    is_primary_off: bool = False
    options: tuple[Option, ...] = ()
    least_points: int = 15


CASES = (
    Case(Deed.TEST, least_points=25),
    Case(Deed.END_TEST, before=(Deed.TEST,), least_points=25),
    Case(Deed.PLANNED, least_points=60),
    Case(Deed.UNPLANNED, is_primary_off=True, least_points=25),
    Case(Deed.COMMIT, before=(Deed.UNPLANNED,), is_primary_off=True),
    Case(
        Deed.CANCEL_FAILOVER,
        before=(Deed.UNPLANNED,),
        is_primary_off=True,
        options=(Option.START_PRIMARY,),
        least_points=35,
    ),
    Case(Deed.REVERSE, before=(Deed.UNPLANNED,), is_primary_off=True, least_points=25),
    Case(Deed.RESYNC, state=ReplicaState.RESYNC_REQUIRED),
    Case(Deed.PAUSE),
    Case(Deed.RESUME, state=ReplicaState.PAUSED),
    Case(Deed.REMOVE, least_points=25),
    Case(Deed.START, state=ReplicaState.READY),
    Case(Deed.IMPORT, state=ReplicaState.INITIAL),
)


@pytest.fixture(scope="module", autouse=True)
def _watch() -> Iterator[None]:
    with watch_journals():
        yield


def staged(make_site: Callable[..., Any], case: Case) -> Any:
    site = make_site(state=case.state)
    if case.is_primary_off:
        site.machine.power = site.relation.copies["ref1"].power = PowerState.OFF
    for deed in case.before:
        site.do(deed)
    return site


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.deed.value)
def test_a_deed_survives_death_at_every_point(make_site: Callable[..., Any], case: Case) -> None:
    whole = Tripwire()
    site = staged(make_site, case)
    report = site.do(case.deed, *case.options, process=site.process(whole, name="whole"))
    assert site.holds(case.deed)
    assert len(whole.names) >= case.least_points, "points are missing"
    requests = len([one for one in site.world.writes if one.session == "whole"])
    assert requests == len([step for step in report.steps if step.outcome == "done"])

    for at, name in enumerate(whole.names):
        if case.deed is not Deed.PLANNED and name.startswith(("before commit", "before update")):
            continue  # nothing is written yet: for one deed that is shown
        if case.deed is not Deed.PLANNED and name.endswith(" lease"):
            continue  # the same for every deed
        site = staged(make_site, case)
        before = len(site.world.writes)
        dying = site.process(Tripwire(at), name="dying")
        with pytest.raises(SimulatedCrash):
            site.do(case.deed, *case.options, process=dying)

        # Refused only when the deed was finished but for its last line in the journal.
        with contextlib.suppress(ReplicaRefusedError):
            site.do(case.deed, *case.options, process=site.process(name="heir"))

        assert site.holds(case.deed), f"{case.deed} died at {name}"
        assert site.world.replication.two_ran == [], f"{case.deed} died at {name}"
        asked = len(site.world.writes) - before
        assert asked <= requests + 1, f"{case.deed} died at {name}: {asked} requests"
        site.world.drain()
        assert site.holds(case.deed), f"{case.deed} died at {name}: undone by a late request"
        assert site.store.replica_deeds.open(site.connection) == ()


@pytest.mark.slow
def test_a_half_done_failover_can_be_taken_back_at_every_point(
    make_site: Callable[..., Any],
) -> None:
    """Whatever was done, the undoing that the picture asks for ends with the primary running."""
    whole = Tripwire()
    site = staged(make_site, Case(Deed.PLANNED))
    options = (Option.SHUT_DOWN, Option.START)
    site.do(Deed.PLANNED, *options, process=site.process(whole, name="whole"))

    for at, name in enumerate(whole.names):
        if not name.startswith(("before start", "in flight", "after start")):
            continue  # what is between the requests makes no difference to what exists
        site = staged(make_site, Case(Deed.PLANNED))
        dying = site.process(Tripwire(at), name="dying")
        with pytest.raises(SimulatedCrash):
            site.do(Deed.PLANNED, *options, process=dying)
        site.world.drain()
        heir = site.process(name="heir")
        for deed in (Deed.CANCEL_FAILOVER, Deed.CANCEL_PREPARE):
            with contextlib.suppress(ReplicaRefusedError):
                site.do(deed, Option.START_PRIMARY, process=heir)
        state = site.relation.copies["ref1"].state
        assert state is ReplicaState.REPLICATING, f"died at {name}"
        assert site.machine.power is PowerState.RUNNING, f"died at {name}"
        assert site.world.replication.two_ran == [], f"died at {name}"


def test_taking_back_what_had_changed_nothing_yet_is_no_error(
    make_site: Callable[..., Any],
) -> None:
    whole = Tripwire()
    site = staged(make_site, Case(Deed.PLANNED))
    site.do(Deed.PLANNED, process=site.process(whole, name="whole"))
    first = next(at for at, name in enumerate(whole.names) if name.startswith("before start"))
    site = staged(make_site, Case(Deed.PLANNED))
    with pytest.raises(SimulatedCrash):
        site.do(Deed.PLANNED, process=site.process(Tripwire(first), name="dying"))
    assert len(site.store.replica_deeds.open(site.connection)) == 1

    heir = site.process(name="heir")
    report = site.do(Deed.CANCEL_PREPARE, Option.START_PRIMARY, process=heir)

    assert (report.steps, "put away" in report.said) == ([], True)
    assert site.store.replica_deeds.open(site.connection) == ()
    assert site.machine.power is PowerState.RUNNING
    with pytest.raises(ReplicaRefusedError):
        site.do(Deed.CANCEL_PREPARE, process=heir)
