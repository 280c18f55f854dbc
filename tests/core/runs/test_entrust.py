"""Runs that a product carries out: under our leases, never twice, and with the hosts as witness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from safepoint.drivers import DriverContext
from safepoint.errors import (
    AuthenticationError,
    BusyError,
    LeaseHeldError,
    OutcomeUnknownError,
    RunTimedOutError,
    UnreachableError,
    UnsupportedError,
)
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.leftovers import LeftoverKind
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunState, Task
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.concluding import Conclusion
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.entrust import Entrust, Wanted
from safepoint.runs.following import Tools
from safepoint.runs.occupants import Occupants
from safepoint.runs.pacing import Wishes
from safepoint.runs.progress import Silent
from safepoint.runs.recover import lease_key, settle_runs
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import Failure, ReferenceDriver, ReferenceSettings, World


class Killed(BaseException):
    """Stands for the death of the process."""


@dataclass
class Desk(Silent):
    """One process that has a product carry out runs."""

    world: World
    store: Store
    name: str = "acme"
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(delete_seconds=60.0))
    said: list[str] = field(default_factory=list)
    seen: list[Task] = field(default_factory=list)
    wishes: Wishes = field(default_factory=Wishes)
    at_look: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        context = DriverContext(self.name, self.world.clock.now, Path("unused"))
        self.driver = ReferenceDriver(self.world, ReferenceSettings(), context)
        self.hosts = ReferenceDriver(
            self.world,
            ReferenceSettings(),
            DriverContext("hosts", self.world.clock.now, Path("unused")),
        )
        self.executor = self.store.executors.enter()

    def task_changed(self, task: Task, /) -> None:
        self.seen.append(task)
        self.at_look()

    def wanted(self, *names: str, **more: object) -> Wanted:
        listed = self.hosts.workloads(WorkloadQuery(cluster=self.world.cluster))
        chosen = tuple(w for w in listed if w.name in (names or ("alpha", "beta")))
        return Wanted("gold", self.world.cluster, chosen, only_these=bool(names), **more)  # type: ignore[arg-type]

    def entrust(self, *, blind: bool = False) -> Entrust:
        clock = self.world.clock
        tools = Tools(
            store=self.store,
            executor=self.executor.id,
            connection=self.name,
            product=self.driver,
            sink=self,
            say=self.said.append,
            wishes=self.wishes,
            deadlines=self.deadlines,
            waiter=Waiter(sleep=clock.sleep, monotonic=clock.monotonic),
        )
        products = {self.name: self.driver}
        occupants = Occupants(products, lambda *_: False, self.said.append, clock.monotonic)
        return Entrust(tools, None if blind else self.hosts, occupants)

    def run(self, *names: str, **more: object) -> Conclusion:
        return self.entrust().run(self.wanted(*names, **more))

    def die(self) -> None:
        self.executor.close()
        raise Killed


@pytest.fixture
def desk(world: World, store: Store) -> Desk:
    alpha, beta = world.add_machine("alpha"), world.add_machine("beta")
    world.add_machine("gamma")
    world.add_job("gold", alpha, beta)
    return Desk(world, store)


def by_name(conclusion: Conclusion) -> dict[str, Task]:
    return {task.workload_name: task for task in conclusion.run.tasks}


# --- what is done -----------------------------------------------------------------------------


def test_run_ends_with_every_checkpoint_proved_gone_and_merged(desk: Desk) -> None:
    """The product's word and the hosts' word are both in the journal."""
    ended = desk.run()

    assert ended.run.state is RunState.SUCCEEDED
    assert not ended.has_findings
    for task in by_name(ended).values():
        assert (task.state, task.is_released, task.leftovers) == (RunState.SUCCEEDED, True, ())
        assert task.held_seconds == pytest.approx(4.0, abs=3.0)
        assert task.point is not None
    assert desk.store.runs.get(ended.run.id) == ended.run
    assert desk.store.leases.held() == {}


def test_progress_of_each_vm_is_told_while_it_happens(desk: Desk) -> None:
    desk.run()

    states = [task.state for task in desk.seen if task.workload_name == "alpha"]
    assert states[0] in {RunState.QUEUED, RunState.RUNNING}
    assert states[-1] is RunState.SUCCEEDED


def test_single_vm_is_run_alone(desk: Desk) -> None:
    ended = desk.run("beta")

    assert list(by_name(ended)) == ["beta"]
    assert desk.world.machines.keys() >= {t.workload.id for t in ended.run.tasks}
    assert len(desk.world.repository.points) == 1


def test_level_is_passed_on_and_a_missing_one_refused_by_the_product(desk: Desk) -> None:
    assert desk.run(level=RunLevel.FULL).run.level is RunLevel.FULL

    with pytest.raises(UnsupportedError):
        desk.run(level=RunLevel.SYNTHETIC_FULL)

    (last, *_) = desk.store.runs.list()
    assert (last.state, last.message) == (
        RunState.FAILED,
        "the product has no synthetic-full run",
    )


# --- checkpoint truth ---------------------------------------------------------------------------


def test_success_that_leaves_a_checkpoint_is_a_finding(desk: Desk) -> None:
    """Whatever the product said: the host still has it."""
    desk.world.faults.leave_checkpoint()

    ended = desk.run()

    assert ended.has_findings
    assert ended.run.state is RunState.WARNING
    (left,) = [task for task in ended.run.tasks if task.leftovers]
    assert left.is_released is False
    assert left.leftovers[0].kind is LeftoverKind.CHECKPOINT
    assert left.leftovers[0].checkpoint is not None
    assert left.leftovers[0].checkpoint.id in desk.world.checkpoint_ids()
    assert ended.run.id in left.leftovers[0].evidence
    assert "acme" in left.leftovers[0].evidence
    others = [task for task in ended.run.tasks if not task.leftovers]
    assert [task.is_released for task in others] == [True]


def test_merge_that_never_ends_is_a_finding(desk: Desk) -> None:
    desk.world.faults.slow("merge")
    desk.deadlines = Deadlines(delete_seconds=30.0, merge_seconds=120.0)

    ended = desk.run()

    (left,) = [one for task in ended.run.tasks for one in task.leftovers]
    assert left.kind is LeftoverKind.MERGE
    assert left.files
    assert "by hand" in left.advice


def test_checkpoint_that_was_there_before_is_not_blamed_on_the_run(desk: Desk) -> None:
    alpha = next(iter(desk.world.machines))
    desk.world.add_foreign_checkpoint(alpha, name="Steady state of another product")

    ended = desk.run()

    assert [task.is_released for task in ended.run.tasks] == [True, True]
    assert not ended.has_findings


def test_checkpoint_of_a_person_is_not_blamed_on_the_run(desk: Desk) -> None:
    def patch_day() -> None:
        if not desk.world.checkpoint_ids():
            return
        alpha = next(iter(desk.world.machines))
        desk.world.add_foreign_checkpoint(alpha, name="Patch", kind=CheckpointKind.PRODUCTION)
        desk.at_look = lambda: None

    desk.at_look = patch_day

    ended = desk.run()

    assert not ended.has_findings
    assert len(desk.world.checkpoint_ids()) == 1


def test_hosts_that_cannot_be_looked_at_are_never_called_released(desk: Desk) -> None:
    refusal = AuthenticationError("no access to the hosts", operation="checkpoints")
    desk.world.faults.refuse("checkpoints", refusal, times=1000)

    ended = desk.run()

    assert ended.has_findings
    for task in ended.run.tasks:
        assert task.is_released is None
        assert "nobody could look" in task.warnings[0]


def test_cluster_without_anything_that_reads_its_hosts_is_said(desk: Desk) -> None:
    ended = desk.entrust(blind=True).run(desk.wanted())

    assert ended.has_findings
    assert [task.is_released for task in ended.run.tasks] == [None, None]
    assert any("will not be proved" in text for text in desk.said)


# --- what the product says ------------------------------------------------------------------------


def test_partial_success_is_partial_and_says_which_vm_and_why(desk: Desk) -> None:
    desk.world.faults.fail("backup", Failure("quiesce", "the guest does not answer"))

    ended = desk.run()

    assert ended.run.state is RunState.PARTIAL
    (failed,) = [task for task in ended.run.tasks if task.state is RunState.FAILED]
    assert failed.error is not None
    assert failed.error["message"] == "the guest does not answer"
    assert failed.is_released is True


def test_vm_that_the_products_job_does_not_have_is_told(desk: Desk) -> None:
    """The document selects it, the product's own job does not: nobody protects it."""
    wanted = desk.wanted()
    gamma = next(w for w in desk.hosts.workloads(WorkloadQuery()) if w.name == "gamma")

    ended = desk.entrust().run(Wanted("gold", wanted.cluster, (*wanted.workloads, gamma)))

    assert ended.run.state is RunState.PARTIAL
    error = by_name(ended)["gamma"].error
    assert error is not None
    assert "did not have this VM" in error["message"]


def test_unknown_word_is_given_up_after_a_stated_time(desk: Desk) -> None:
    desk.world.faults.use_word("quiescing the flux")
    began = desk.world.clock.monotonic()

    with pytest.raises(RunTimedOutError) as caught:
        desk.run()

    assert "quiescing the flux" in caught.value.message
    assert "runs follow" in caught.value.hint
    waited = desk.world.clock.monotonic() - began
    assert 900 <= waited < 1000
    (run,) = desk.store.runs.list()
    assert run.state is RunState.INTERRUPTED
    assert desk.store.leases.held() == {}


def test_end_in_an_unknown_word_is_no_success_and_is_not_waited_for(desk: Desk) -> None:
    """The hosts are looked at all the same, and no VM is called good."""
    desk.world.faults.end_with_word("Nearly There")
    began = desk.world.clock.monotonic()

    ended = desk.run()

    assert ended.run.state is RunState.FAILED
    for task in by_name(ended).values():
        assert (task.state, task.is_released) == (RunState.FAILED, True)
        assert task.error is not None
        assert "'Nearly There', which is not known" in task.error["message"]
    assert desk.world.clock.monotonic() - began < 200
    assert desk.store.leases.held() == {}


def test_unwatched_end_in_an_unknown_word_does_not_stand_in_the_way(desk: Desk) -> None:
    """It is written down, and the job is run anew."""
    desk.world.faults.end_with_word("Nearly There")
    desk.at_look = desk.die
    with pytest.raises(Killed):
        desk.run()
    desk.world.clock.sleep(60)
    settle_runs(desk.store)

    ended = Desk(desk.world, desk.store).run()

    assert ended.run.state is RunState.SUCCEEDED
    first = desk.store.runs.list()[-1]
    assert (first.state, first.native_state) == (RunState.FAILED, "Nearly There")


def tell_no_vms(desk: Desk, monkeypatch: pytest.MonkeyPatch, at_look: Callable[[], None]) -> None:
    """Let the product tell of the run as a whole only, as before it has come to any VM."""
    look = desk.driver.follow_runs

    def mute(runs: tuple[Ref, ...]) -> list[Run]:
        at_look()
        return [run.model_copy(update={"tasks": (), "message": "no route"}) for run in look(runs)]

    monkeypatch.setattr(desk.driver, "follow_runs", mute)


def test_vms_of_a_run_that_was_cancelled_before_it_came_to_them_are_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_no_vms(desk, monkeypatch, desk.wishes.cancel.set)

    ended = desk.run()

    assert ended.run.state is RunState.CANCELLED
    assert {(task.state, task.error is None) for task in ended.run.tasks} == {
        (RunState.CANCELLED, True)
    }


def test_vms_of_a_run_that_failed_before_it_came_to_them_say_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.world.faults.fail("backup", Failure("quiesce", "unseen"), times=2)
    tell_no_vms(desk, monkeypatch, lambda: None)

    ended = desk.run()

    assert ended.run.state is RunState.FAILED
    for task in ended.run.tasks:
        assert task.error is not None
        assert task.error["message"].endswith("before it came to any VM: no route")


def test_product_out_of_reach_is_borne_and_then_followed_on(desk: Desk) -> None:
    desk.world.faults.refuse("follow_runs", UnreachableError("no route"), times=20)

    ended = desk.run()

    assert ended.run.state is RunState.SUCCEEDED
    assert any("answers again" in text for text in desk.said)


def test_product_out_of_reach_for_too_long_is_left_to_be_resumed(desk: Desk) -> None:
    desk.world.faults.refuse("follow_runs", UnreachableError("no route"), times=200)

    with pytest.raises(UnreachableError):
        desk.run()

    (run,) = desk.store.runs.list()
    assert (run.state, run.message) == (RunState.INTERRUPTED, "no route")
    assert len(desk.store.product_runs.unsettled("acme")) == 1


# --- lost answers and dead processes ---------------------------------------------------------------


def test_lost_answer_at_start_is_settled_by_looking(desk: Desk) -> None:
    desk.world.faults.lose_answer("start_run")

    ended = desk.run()

    assert ended.run.state is RunState.SUCCEEDED
    assert len(desk.world.backups.runs) == 1


def test_request_that_arrives_late_is_found_all_the_same(desk: Desk) -> None:
    desk.world.faults.lose_answer_and_come_late("start_run", late_seconds=20.0)

    ended = desk.run()

    assert ended.run.state is RunState.SUCCEEDED
    assert len(desk.world.backups.runs) == 1


def test_start_that_never_arrived_is_not_repeated(desk: Desk) -> None:
    desk.world.faults.lose_answer("start_run", after_effect=False)

    with pytest.raises(OutcomeUnknownError) as caught:
        desk.run()

    assert "no run of job 'gold' began" in caught.value.message
    assert not desk.world.backups.runs
    assert desk.store.product_runs.unsettled("acme") == ()
    assert desk.store.leases.held() == {}


def test_killed_process_is_resumed_and_nothing_is_started_twice(desk: Desk) -> None:
    """Running the job again goes on with the run that still goes on."""
    desk.at_look = desk.die
    with pytest.raises(Killed):
        desk.run()
    settle_runs(desk.store)
    second = Desk(desk.world, desk.store)

    ended = second.run()

    assert len(desk.world.backups.runs) == 1
    assert len(desk.store.runs.list()) == 1
    assert ended.run.state is RunState.SUCCEEDED
    assert [task.is_released for task in ended.run.tasks] == [True, True]


def test_killed_process_leaves_an_intent_that_is_found_in_the_product(desk: Desk) -> None:
    """Dead between the request and its answer: the handle was never written down."""
    start = desk.driver.start_run

    def answer_and_die(request, /, *, key):
        start(request, key=key)
        desk.die()

    desk.driver.start_run = answer_and_die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        desk.run()

    ended = Desk(desk.world, desk.store).run()

    assert ended.run.state is RunState.SUCCEEDED
    assert len(desk.world.backups.runs) == 1


def test_run_that_ended_unwatched_is_written_down_before_a_new_one(desk: Desk) -> None:
    desk.at_look = desk.die
    with pytest.raises(Killed):
        desk.run()
    desk.world.drain()

    second = Desk(desk.world, desk.store)
    second.run()

    newest, oldest = desk.store.runs.list()
    assert [newest.state, oldest.state] == [RunState.SUCCEEDED] * 2
    assert len(desk.world.backups.runs) == 2
    assert desk.store.product_runs.unsettled("acme") == ()


def test_interrupted_run_can_be_followed_by_name(desk: Desk) -> None:
    desk.at_look = desk.die
    with pytest.raises(Killed):
        desk.run()
    (run,) = desk.store.runs.list()

    ended = Desk(desk.world, desk.store).entrust().resume(run.id)

    assert ended.run.id == run.id
    assert ended.run.state is RunState.SUCCEEDED


def test_run_that_a_live_process_follows_is_not_taken_over(desk: Desk) -> None:
    caught: list[Exception] = []

    def look_twice() -> None:
        desk.at_look = lambda: None
        run = desk.store.runs.list()[0]
        try:
            Desk(desk.world, desk.store).entrust().resume(run.id)
        except LeaseHeldError as error:
            caught.append(error)

    desk.at_look = look_twice

    desk.run()

    assert len(caught) == 1


# --- cancelling and leaving -------------------------------------------------------------------------


def test_cancel_stops_the_products_run_and_checks_the_hosts(desk: Desk) -> None:
    desk.at_look = desk.wishes.cancel.set

    ended = desk.run()

    assert ended.run.state is RunState.CANCELLED
    assert not desk.world.checkpoint_ids()
    assert {task.is_released for task in ended.run.tasks} == {True}


def test_cancel_from_another_process_is_heard(desk: Desk) -> None:
    desk.at_look = lambda: desk.store.runs.request_cancel(desk.store.runs.list()[0].id)

    assert desk.run().run.state is RunState.CANCELLED


def test_leaving_lets_the_product_go_on_and_can_be_taken_up_again(desk: Desk) -> None:
    desk.at_look = desk.wishes.leave.set

    left = desk.run()

    assert left.is_left
    assert left.run.state is RunState.INTERRUPTED
    assert next(iter(desk.world.backups.runs.values())).is_active
    assert desk.store.leases.held() == {}
    again = Desk(desk.world, desk.store).entrust().resume(left.run.id)
    assert again.run.state is RunState.SUCCEEDED


# --- who else is at work -----------------------------------------------------------------------------


def test_vm_that_another_run_holds_is_refused_before_anything_is_begun(desk: Desk) -> None:
    alpha = desk.wanted().workloads[0]
    other = desk.store.executors.enter()
    desk.store.leases.take(lease_key(alpha.ref), other.id, purpose="run of ours")

    with pytest.raises(LeaseHeldError, match="alpha"):
        desk.run()

    assert not desk.world.backups.runs
    assert desk.store.runs.list() == ()


def test_vm_that_another_run_holds_is_waited_for_when_wished(desk: Desk) -> None:
    alpha = desk.wanted().workloads[0]
    other = desk.store.executors.enter()
    lease = desk.store.leases.take(lease_key(alpha.ref), other.id, purpose="run of ours")
    sleep = desk.world.clock.sleep

    def hand_over(seconds: float) -> None:
        sleep(seconds)
        if desk.world.clock.monotonic() > 30:
            desk.store.leases.give_back(lease)

    desk.world.clock.sleep = hand_over  # type: ignore[method-assign]

    assert desk.run(wait_seconds=300.0).run.state is RunState.SUCCEEDED
    assert any(text.startswith("waiting: VM alpha") for text in desk.said)


def test_products_own_run_of_the_job_is_refused_or_joined(desk: Desk) -> None:
    world = desk.world
    alpha, beta, _ = world.machines
    world.backups.start(world, "gold", [alpha, beta], RunLevel.INCREMENTAL)

    with pytest.raises(BusyError, match="runs already") as caught:
        desk.run()
    joined = desk.run(joins=True)

    assert "--follow" in caught.value.hint
    assert len(world.backups.runs) == 1
    assert joined.run.state is RunState.SUCCEEDED
    assert joined.run.level is RunLevel.INCREMENTAL
    assert [task.is_released for task in joined.run.tasks] == [True, True]


def test_cancel_of_a_joined_run_only_stops_watching(desk: Desk) -> None:
    """It was begun by somebody else, and is theirs to cancel."""
    world = desk.world
    alpha, beta, _ = world.machines
    theirs = world.backups.start(world, "gold", [alpha, beta], RunLevel.FULL)
    desk.at_look = desk.wishes.cancel.set

    ended = desk.run(joins=True)

    assert ended.is_left
    assert theirs.is_active


def test_another_job_of_the_product_on_the_vm_is_refused(desk: Desk) -> None:
    world = desk.world
    alpha = next(iter(world.machines.values()))
    world.add_job("silver", alpha)
    world.backups.start(world, "silver", [alpha.id], RunLevel.FULL)

    with pytest.raises(BusyError, match="silver"):
        desk.run()
