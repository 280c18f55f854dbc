"""Deeds on replicas: what they refuse, what they do, and what is so afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from safepoint.errors import (
    ConflictError,
    LeaseHeldError,
    OutcomeUnknownError,
    ReplicaRefusedError,
    RunTimedOutError,
    VendorFaultError,
)
from safepoint.models.replicas import ReplicaMode, ReplicaState, ReplicaStep
from safepoint.models.workloads import PowerState
from safepoint.replicas.deeds import DEEDS, TAKES_BACK, Deed, Option
from safepoint.replicas.pictures import FACTS, Fact, Part, parts_of
from safepoint.replicas.refusals import REFUSALS
from safepoint.runs.recover import lease_key
from safepoint.store import DeedState
from safepoint_lab.reference import Failure

RUNNING, OFF = PowerState.RUNNING, PowerState.OFF


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ReplicaRefusedError) as caught:
        call()
    assert caught.value.refusal in REFUSALS
    return caught.value.refusal


# --- the table ----------------------------------------------------------------------------------


def test_every_fact_is_total_and_every_refusal_is_explained(site) -> None:
    picture = site.picture()
    assert {fact: FACTS[fact](picture) for fact in Fact}.keys() == FACTS.keys()
    used = {guard.refusal for plan in DEEDS.values() for guard in plan.guards}
    elsewhere = {"replica-deed-open", "replica-runs-there", "replica-both-ways"}
    assert used | elsewhere == set(REFUSALS), "a refusal that nothing raises"


def test_a_fact_about_one_side_does_not_hang_on_the_other(site) -> None:
    """That is why one side's system only has to be looked at."""
    gone = {"source": None, "target": None, "test": None}
    site.do(Deed.TEST)
    for at_work in (site.picture(), replace(site.picture(), **gone)):
        for fact in Fact:
            parts = parts_of([fact])
            if parts == frozenset({Part.SOURCE}):
                alone = replace(at_work, target=None, test=None, others=())
            elif parts == frozenset({Part.TARGET}):
                alone = replace(at_work, source=None, others=(), strays=())
            else:
                continue
            assert FACTS[fact](alone) is FACTS[fact](at_work), fact


def test_every_deed_has_a_row_and_only_undoing_may_interrupt() -> None:
    assert set(DEEDS) == set(Deed)
    assert all(deed.value.startswith("cancel-") for deed in TAKES_BACK)


# --- planned ------------------------------------------------------------------------------------


def test_a_planned_failover_loses_nothing_and_swaps_the_roles(site) -> None:
    site.world.replication.write(site.relation, 7)

    report = site.do(Deed.PLANNED)

    ours, theirs = site.relation.copies["ref1"], site.relation.copies["dr1"]
    assert theirs.written == ours.written == 7
    assert (theirs.mode, theirs.power) == (ReplicaMode.PRIMARY, RUNNING)
    assert (ours.mode, ours.power) == (ReplicaMode.REPLICA, OFF)
    assert [step.step for step in report.steps] == [
        ReplicaStep.SHUT_DOWN,
        ReplicaStep.PREPARE,
        ReplicaStep.FAIL_OVER,
        ReplicaStep.REVERSE,
        ReplicaStep.POWER_ON,
    ]
    assert site.world.replication.two_ran == []


def test_a_planned_failover_is_refused_before_the_vm_is_touched(make_site) -> None:
    paused = make_site(state=ReplicaState.PAUSED)
    assert refusal(lambda: paused.do(Deed.PLANNED)) == "replica-not-replicating"

    deaf = make_site()
    deaf.world.replication.receivers["ref1"] = False
    assert refusal(lambda: deaf.do(Deed.PLANNED)) == "replica-cannot-receive"

    away = make_site()
    away.world.replication.down.add("ref1")
    assert refusal(lambda: away.do(Deed.PLANNED)) == "replica-side-unread"

    third = make_site()
    third.world.replication.relate(third.machine.id, "third1", source="dr1")
    assert refusal(lambda: third.do(Deed.PLANNED)) == "replica-third-copy"

    for one in (paused, deaf, away, third):
        assert one.machine.power is RUNNING
        assert one.world.writes == []
        assert one.store.replica_deeds.of_pair(one.connection, one.relation.pair) == ()


def test_with_a_third_copy_a_failover_without_reversal_works(site) -> None:
    site.world.replication.relate(site.machine.id, "third1", source="dr1")
    site.do(Deed.PLANNED, Option.START, Option.SHUT_DOWN)
    assert site.relation.copies["dr1"].state is ReplicaState.FAILED_OVER
    assert site.relation.copies["dr1"].power is RUNNING


def test_a_vm_that_was_not_to_be_started_is_not_said_to_run(site) -> None:
    report = site.do(Deed.PLANNED, Option.SHUT_DOWN, Option.REVERSE)
    assert site.relation.copies["dr1"].power is OFF
    assert report.said == "the other side has every change; the VM is off there"


def test_a_guest_that_does_not_shut_down_leaves_the_deed_open_and_can_be_turned_off(site) -> None:
    site.world.faults.slow("start_replica_step")
    with pytest.raises(RunTimedOutError):
        site.do(Deed.PLANNED)
    (deed,) = site.store.replica_deeds.open(site.connection)
    assert site.machine.power is RUNNING

    report = site.do(Deed.PLANNED, Option.TURN_OFF, Option.REVERSE, Option.START)

    assert report.was_resumed
    assert report.id == deed.id
    assert site.holds(Deed.PLANNED)


# --- unplanned ----------------------------------------------------------------------------------


def test_a_failover_is_refused_while_the_primary_runs(site) -> None:
    assert refusal(lambda: site.do(Deed.UNPLANNED)) == "replica-primary-runs"
    assert site.relation.copies["dr1"].state is ReplicaState.REPLICATING


def test_a_primary_that_runs_without_its_relationship_is_seen(site) -> None:
    del site.relation.copies["ref1"]
    assert refusal(lambda: site.do(Deed.UNPLANNED)) == "replica-primary-runs"


def test_an_unreadable_primary_needs_a_persons_word(site) -> None:
    site.world.replication.down.add("ref1")
    assert refusal(lambda: site.do(Deed.UNPLANNED)) == "replica-primary-unread"

    site.do(Deed.UNPLANNED, Option.PRIMARY_IS_DOWN, Option.START)

    assert site.relation.copies["dr1"].power is RUNNING


def test_the_word_of_a_person_does_not_outweigh_what_can_be_read(site) -> None:
    options = (Option.PRIMARY_IS_DOWN, Option.START)
    assert refusal(lambda: site.do(Deed.UNPLANNED, *options)) == "replica-primary-runs"


def test_a_failover_goes_to_the_point_that_was_chosen(site) -> None:
    replication = site.world.replication
    replication.write(site.relation, 3)
    replication.send(site.relation)
    replication.write(site.relation, 4)
    replication.send(site.relation)
    middle = site.relation.copies["dr1"].points[1]
    site.relation.copies["ref1"].power = site.machine.power = OFF

    point = site.target.model_copy(update={"kind": "replica-point", "id": middle.id})
    site.do(Deed.UNPLANNED, point=point)

    assert site.relation.copies["dr1"].written == 3


def test_a_third_copy_does_not_start_beside_a_running_primary(site) -> None:
    third = site.world.replication.relate(site.machine.id, "third1", source="dr1")
    order = site.order(Deed.UNPLANNED).model_copy(
        update={
            "pair": third.pair,
            "source": site.target,
            "target": site.target.model_copy(update={"system": "third1"}),
            "clusters": ("ref1", "dr1", "third1"),
        }
    )
    process = site.process()
    assert refusal(lambda: site.conduct(process).do(order)) == "replica-other-copy-runs"


# --- afterwards ---------------------------------------------------------------------------------


def failed_over(site: object) -> None:
    copies = site.relation.copies  # type: ignore[attr-defined]
    copies["ref1"].power = site.machine.power = OFF  # type: ignore[attr-defined]
    site.do(Deed.UNPLANNED)  # type: ignore[attr-defined]


def test_commit_is_final(site) -> None:
    failed_over(site)
    site.do(Deed.COMMIT)
    assert refusal(lambda: site.do(Deed.CANCEL_FAILOVER)) == "replica-final"
    assert refusal(lambda: site.do(Deed.COMMIT)) == "replica-final"


def test_cancel_puts_the_replica_back_to_receiving(site) -> None:
    failed_over(site)
    site.do(Deed.CANCEL_FAILOVER)
    assert site.relation.copies["dr1"].state is ReplicaState.REPLICATING
    assert site.relation.copies["dr1"].power is OFF


def test_cancel_after_a_planned_failover_starts_the_primary_again(site) -> None:
    site.do(Deed.PLANNED, Option.SHUT_DOWN, Option.START)
    site.do(Deed.CANCEL_FAILOVER, Option.START_PRIMARY)
    assert site.machine.power is RUNNING
    assert site.relation.copies["ref1"].state is ReplicaState.REPLICATING
    assert site.world.replication.two_ran == []


def test_reverse_is_refused_while_the_old_primary_runs(site) -> None:
    failed_over(site)
    site.relation.copies["dr1"].power = OFF
    site.relation.copies["ref1"].power = RUNNING
    assert refusal(lambda: site.do(Deed.REVERSE)) == "replica-primary-runs"


def test_reverse_after_an_unplanned_failover_compares_both_sides(site) -> None:
    failed_over(site)
    report = site.do(Deed.REVERSE)
    assert [one.step for one in report.steps][:2] == [ReplicaStep.REVERSE, ReplicaStep.RESYNC]
    assert site.relation.copies["dr1"].state is ReplicaState.REPLICATING


def test_pause_resume_resync_and_remove(site) -> None:
    site.do(Deed.PAUSE)
    assert refusal(lambda: site.do(Deed.PAUSE)) == "replica-not-replicating"
    site.do(Deed.RESUME)
    assert refusal(lambda: site.do(Deed.RESUME)) == "replica-not-paused"
    site.world.replication.set_states(site.relation, ReplicaState.CRITICAL)
    site.do(Deed.RESUME)
    assert site.relation.copies["ref1"].state is ReplicaState.REPLICATING
    assert refusal(lambda: site.do(Deed.RESYNC)) == "replica-no-resync-needed"
    site.world.replication.set_states(site.relation, ReplicaState.RESYNC_REQUIRED)
    site.do(Deed.RESYNC)
    site.do(Deed.REMOVE)
    assert site.world.replication.relations == {}
    assert refusal(lambda: site.do(Deed.REMOVE)) == "replica-none"


def test_remove_is_refused_while_a_failover_waits(site) -> None:
    failed_over(site)
    assert refusal(lambda: site.do(Deed.REMOVE)) == "replica-failed-over"


# --- tests --------------------------------------------------------------------------------------


def test_a_test_failover_leaves_replication_alone_and_is_taken_away(site) -> None:
    site.do(Deed.TEST)
    assert site.relation.test is not None
    assert site.relation.test.power is RUNNING
    assert site.machine.power is RUNNING
    assert refusal(lambda: site.do(Deed.TEST)) == "replica-test-left"
    assert refusal(lambda: site.do(Deed.PLANNED)) == "replica-test-left"
    site.do(Deed.END_TEST)
    assert site.relation.test is None


def test_a_replica_without_its_first_copy_is_not_tested(make_site) -> None:
    site = make_site(state=ReplicaState.INITIAL)
    assert refusal(lambda: site.do(Deed.TEST)) == "replica-no-state"


# --- trouble ------------------------------------------------------------------------------------


def test_a_lost_answer_is_looked_after_and_never_repeated_blindly(site) -> None:
    site.world.faults.lose_answer("start_replica_step")
    site.do(Deed.PAUSE)
    assert len(site.world.writes) == 1


def test_an_answer_lost_without_effect_is_asked_again_with_the_same_key(site) -> None:
    site.world.faults.lose_answer("start_replica_step", after_effect=False)
    site.do(Deed.PAUSE)
    (deed,) = site.store.replica_deeds.of_pair(site.connection, site.relation.pair)
    assert len(site.store.replica_deeds.steps(deed.id)) == 1


def refusing(site: object, times: int) -> list[ReplicaStep]:
    """Let the host refuse so many requests, as while a cycle runs; returns what was asked."""
    replication = site.world.replication  # type: ignore[attr-defined]
    accept, asked = replication.accept, []

    def refuse(step: ReplicaStep, *more: object) -> object:
        asked.append(step)
        if len(asked) <= times:
            msg = "the VM's state does not allow it now"
            raise ConflictError(msg)
        return accept(step, *more)

    replication.accept = refuse
    return asked


def test_what_is_refused_while_a_cycle_runs_is_asked_again(site) -> None:
    asked = refusing(site, 2)
    site.do(Deed.PAUSE)
    assert asked == [ReplicaStep.PAUSE] * 3
    assert site.holds(Deed.PAUSE)


def test_what_stays_refused_ends_the_deed(site) -> None:
    refusing(site, 1000)
    began = site.world.clock.monotonic()
    with pytest.raises(ConflictError):
        site.do(Deed.PAUSE)
    assert site.world.clock.monotonic() - began < 15
    assert site.store.replica_deeds.open(site.connection) == ()


def test_a_forgotten_operation_is_believed_when_its_effect_is_seen(site) -> None:
    site.world.faults.forget("start_replica_step")
    site.do(Deed.PAUSE)
    assert site.holds(Deed.PAUSE)


def test_a_forgotten_operation_without_effect_stays_unknown(site) -> None:
    site.world.faults.forget("start_replica_step")
    site.world.faults.slow("start_replica_step")
    with pytest.raises(OutcomeUnknownError):
        site.do(Deed.PAUSE)
    (deed,) = site.store.replica_deeds.open(site.connection)
    assert deed.deed == Deed.PAUSE


def test_a_refused_step_ends_the_deed_and_the_rest_is_said(site) -> None:
    site.world.faults.fail("start_replica_step", Failure("vendor-fault", "the broker is offline"))
    with pytest.raises(VendorFaultError, match="the broker is offline"):
        site.do(Deed.PAUSE)
    (deed,) = site.store.replica_deeds.of_pair(site.connection, site.relation.pair)
    assert deed.state is DeedState.FAILED
    site.do(Deed.PAUSE)


def test_two_processes_never_work_on_one_vm(site) -> None:
    other = site.process(name="other")
    lease = site.store.leases.take(lease_key(site.source), other.executor.id, purpose="run")
    with pytest.raises(LeaseHeldError):
        site.do(Deed.PLANNED)
    site.store.leases.give_back(lease)
    site.do(Deed.PLANNED)


def test_another_deed_is_refused_until_the_open_one_is_finished_or_taken_back(site) -> None:
    site.world.faults.slow("start_replica_step")
    with pytest.raises(RunTimedOutError):
        site.do(Deed.PLANNED)
    assert refusal(lambda: site.do(Deed.PAUSE)) == "replica-deed-open"
