"""A drill: boots, checks, measures, and cleans up whatever happens."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from safepoint.errors import LeaseHeldError, ReplicaRefusedError
from safepoint.models.replica_documents import ReplicaGroup
from safepoint.models.replicas import ReplicaState
from safepoint.replicas.choosing import GroupMember, OrderMaker
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.drill import Drill, DrillReport, run_program
from safepoint.replicas.looking import look, pairs_of
from safepoint_lab.reference.replicating import ReplicatingSession

GROUP = ReplicaGroup.model_validate(
    {
        "metadata": {"name": "shop"},
        "spec": {
            "members": [{"replica": "dr"}],
            "drill": {"bootWithin": "1m", "check": ["check", "{vm}", "{test_id}"]},
        },
    },
    by_alias=True,
)


def drill(site, check) -> DrillReport:
    process = site.process()
    conduct: Conduct = site.conduct(process)
    pairs = pairs_of(look(conduct._crew.driver, ("ref1", "dr1")).sides)
    orders = OrderMaker(site.connection, ("ref1", "dr1"))
    work = Drill(conduct._crew, conduct, orders, check=check)
    with process.running():
        return work.run(GROUP, [GroupMember(one, at, 0.0) for at, one in enumerate(pairs)])


def test_a_good_drill_measures_both_times_and_leaves_nothing(site) -> None:
    asked: list[list[str]] = []
    site.world.clock.sleep(timedelta(minutes=3).total_seconds())

    def note(words) -> str:
        asked.append(list(words))
        return ""

    report = drill(site, note)

    (line,) = report.lines
    assert report.is_good
    assert line.rpo_seconds is not None
    assert line.rpo_seconds >= 180
    assert line.rto_seconds is not None
    ((word, vm, test_id),) = asked
    assert (word, vm) == ("check", "sql01")
    assert test_id not in site.world.machines
    assert site.relation.test is None
    assert site.world.replication.two_ran == []


def test_an_inconsistent_application_fails_the_drill_and_is_cleaned_up(site) -> None:
    report = drill(site, lambda _words: "accounts do not add up")

    (line,) = report.lines
    assert (line.has_booted, line.is_consistent, line.is_cleaned_up) == (True, False, True)
    assert line.problem == "accounts do not add up"
    assert not report.is_good


def test_a_drill_that_died_is_cleared_by_the_next_one(site) -> None:
    def die(_words) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drill(site, die)
    assert drill(site, lambda _words: "").is_good
    assert site.relation.test is None


def test_an_interrupted_drill_deletes_what_is_still_on_its_way(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ReplicatingSession.start_replica_step
    interrupts = iter([KeyboardInterrupt()])

    def start_and_interrupt(self, request, *, key):
        operation = start(self, request, key=key)
        for interrupt in interrupts:
            raise interrupt
        return operation

    monkeypatch.setattr(ReplicatingSession, "start_replica_step", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        drill(site, lambda _words: "")
    assert site.relation.test is None
    assert not site.store.replica_deeds.open(site.connection)


def test_a_test_vm_that_somebody_made_elsewhere_is_left_alone(site) -> None:
    assert drill(site, lambda _words: "").is_good
    site.world.replication.start_test(site.relation, site.relation.copies["dr1"])

    with pytest.raises(ReplicaRefusedError, match="a test VM of it exists already"):
        drill(site, lambda _words: "")

    assert site.relation.test is not None


def test_the_whole_group_is_looked_at_before_the_first_vm_starts(site) -> None:
    """One VM is ready and starts first; the other one has no complete state yet."""
    late = site.world.add_machine("web01", disks=1)
    site.world.replication.relate(late.id, "dr1", state=ReplicaState.INITIAL)

    with pytest.raises(ReplicaRefusedError, match=r"1 of 2 VMs .* web01: .* no complete state"):
        drill(site, lambda _words: "")

    assert site.relation.test is None
    assert not site.store.replica_deeds.of_pair(site.connection, site.relation.pair)


def test_a_second_drill_of_a_group_leaves_the_first_alone(site) -> None:
    def again(_words) -> str:
        with pytest.raises(LeaseHeldError, match="shop"):
            drill(site, lambda _words: "")
        return ""

    assert drill(site, again).is_good


def test_the_exit_code_of_the_check_decides() -> None:
    assert run_program([sys.executable, "-c", ""]) == ""
    said = run_program([sys.executable, "-c", "print('torn page'); raise SystemExit(3)"])
    assert said == "the check ended with 3: torn page"
    assert "cannot be run" in run_program(["/no/such/program"])
