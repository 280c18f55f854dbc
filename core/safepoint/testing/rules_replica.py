"""The rules of `CanReplicate`, and the harness they need."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from datetime import timedelta

from safepoint.drivers import CanReplicate
from safepoint.errors import ConflictError, NotFoundError, OutcomeUnknownError, UnreachableError
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaMode,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaSide,
    ReplicaState,
    ReplicaStep,
    ReplicaStepRequest,
)
from safepoint.models.workloads import PowerState
from safepoint.testing.harness import Harness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_recovery import unknown
from safepoint.testing.rules_required import raised, workloads

__all__ = ["REPLICA_RULES", "ReplicaHarness"]

rule: RuleBook[ReplicaHarness] = RuleBook()


class ReplicaHarness(Harness):
    """A harness for drivers with `CanReplicate`: one VM of `cluster` is replicated and runs."""

    #: The cluster that holds the replica.
    away: str

    @abstractmethod
    def open_replicating(self) -> CanReplicate:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def replicated(self) -> str:
        """Return the id of the replicated VM, equal on both sides or not as the product does."""

    @abstractmethod
    def true_systems(self) -> frozenset[str]:
        """Return on which clusters copies of that VM really are, test VMs not counted."""

    @abstractmethod
    def true_tests(self) -> int:
        """Return how many test VMs of it there really are."""

    @abstractmethod
    def take_down(self, cluster: str) -> None:
        """Let a cluster not answer until `heal`."""

    @abstractmethod
    def lose_step_answer(self) -> None:
        """Let the next step happen and its answer be lost."""

    @abstractmethod
    def forget_step(self) -> None:
        """Let the product forget the next step while its effect comes."""

    def step_ended(self, driver: CanReplicate, operation: Ref) -> OperationStatus:
        """Follow a step to its end, whatever that is."""

        def look() -> OperationStatus | None:
            status = driver.replica_operation(operation)
            return None if status.state is OperationState.RUNNING else status

        return self.until(look, f"step {operation} ends")


def sides(driver: CanReplicate, harness: ReplicaHarness) -> dict[str, ReplicaSide]:
    """Return both sides by cluster, test VMs left out."""
    found = [
        side
        for cluster in (harness.cluster, harness.away)
        for side in driver.replicas(ReplicaQuery(cluster=cluster))
    ]
    real = [side for side in found if side.mode is not ReplicaMode.TEST]
    return {side.ref.system: side for side in real}


def ask(driver: CanReplicate, side: ReplicaSide, step: ReplicaStep, key: str = "") -> Ref:
    """Ask for one step."""
    request = ReplicaStepRequest(step=step, side=side.ref, pair=side.pair)
    return driver.start_replica_step(request, key=key or secrets.token_hex(8))


def done(
    driver: CanReplicate, harness: ReplicaHarness, side: ReplicaSide, step: ReplicaStep
) -> OperationStatus:
    """Ask for one step and see it end well."""
    status = harness.step_ended(driver, ask(driver, side, step))
    assert status.state is OperationState.SUCCEEDED, f"{step}: {status.message}"
    return status


@rule
def both_sides_bear_one_pair(harness: ReplicaHarness) -> None:
    """Every copy is listed once on its own cluster, and all bear the same pair and family."""
    found = sides(harness.open_replicating(), harness)
    assert frozenset(found) == harness.true_systems(), "the list is not what there is"
    assert len({side.pair for side in found.values()}) == 1, "two pairs for one relationship"
    assert len({side.family for side in found.values()}) == 1, "two families for one VM"
    assert found[harness.cluster].mode is ReplicaMode.PRIMARY
    assert found[harness.away].mode is ReplicaMode.REPLICA


@rule
def a_side_is_the_workload_of_its_cluster(harness: ReplicaHarness) -> None:
    """The reference of a side is the one that `workloads` gives the same VM."""
    driver = harness.open_replicating()
    known = {workload.ref for workload in workloads(driver, harness.cluster)}
    assert sides(driver, harness)[harness.cluster].ref in known, "another reference"


@rule
def states_are_told_with_the_native_word(harness: ReplicaHarness) -> None:
    """A healthy relationship replicates, its times are UTC, and the product's word is kept."""
    for side in sides(harness.open_replicating(), harness).values():
        assert side.state is ReplicaState.REPLICATING, f"{side.ref.system}: {side.state}"
        assert side.native_state, "the product's own word is gone"
        assert side.last_replicated_at is not None, "nobody knows when it replicated"
        assert side.last_replicated_at.utcoffset() == timedelta(0), "the time is not UTC"


@rule
def a_cluster_that_is_away_raises(harness: ReplicaHarness) -> None:
    """A cluster that does not answer is an UnreachableError that names it, never a short list."""
    driver = harness.open_replicating()
    harness.take_down(harness.away)
    error = raised(lambda: driver.replicas(ReplicaQuery(cluster=harness.away)))
    harness.heal()
    assert isinstance(error, UnreachableError), repr(error)
    assert error.system, "the error does not say which system"


@rule
def a_query_for_one_vm_lists_its_sides_only(harness: ReplicaHarness) -> None:
    """Asked for one VM, its side is listed and no other; asked for a stranger, none."""
    driver = harness.open_replicating()
    mine = sides(driver, harness)[harness.away]
    found = list(driver.replicas(ReplicaQuery(cluster=harness.away, workload=mine.ref)))
    assert [side.ref for side in found] == [mine.ref], "the filter does not filter"
    query = ReplicaQuery(cluster=harness.away, workload=unknown(mine.ref))
    assert list(driver.replicas(query)) == [], "it lists another VM instead"


@rule
def statistics_come_when_asked_for(harness: ReplicaHarness) -> None:
    """Figures of the primary are there when they are asked for, and only then."""
    driver = harness.open_replicating()
    for wanted in (True, False):
        query = ReplicaQuery(cluster=harness.cluster, with_statistics=wanted)
        primary = [s for s in driver.replicas(query) if s.mode is ReplicaMode.PRIMARY]
        assert (primary[0].statistics is not None) is wanted, f"asked {wanted}"


@rule
def points_belong_to_their_replica(harness: ReplicaHarness) -> None:
    """Recovery points name the VM of their side, with aware times, oldest first."""
    driver = harness.open_replicating()
    replica = sides(driver, harness)[harness.away].ref
    found = list(driver.replica_points(ReplicaPointQuery(cluster=harness.away, replica=replica)))
    assert all(point.replica == replica for point in found), "points of another VM"
    times = [point.created_at for point in found]
    assert times == sorted(times), "not oldest first"
    assert all(one.utcoffset() == timedelta(0) for one in times), "the time is not UTC"


@rule
def each_cluster_tells_how_it_receives(harness: ReplicaHarness) -> None:
    """There is one row a cluster, and the one with the replica can receive."""
    driver = harness.open_replicating()
    here = list(driver.replica_servers(ReplicaQuery(cluster=harness.cluster)))
    away = list(driver.replica_servers(ReplicaQuery(cluster=harness.away)))
    assert [row.cluster for row in here] == [harness.cluster], "rows too many or too few"
    assert [row.cluster for row in away] == [harness.away], "rows too many or too few"
    assert away[0].can_receive, "a server that receives is said not to"


@rule
def a_step_has_its_effect(harness: ReplicaHarness) -> None:
    """Pausing pauses, resuming resumes, and nothing else changes."""
    driver = harness.open_replicating()
    primary = sides(driver, harness)[harness.cluster]
    done(driver, harness, primary, ReplicaStep.PAUSE)
    assert sides(driver, harness)[harness.cluster].state is ReplicaState.PAUSED
    done(driver, harness, primary, ReplicaStep.RESUME)
    after = sides(driver, harness)
    assert {side.state for side in after.values()} == {ReplicaState.REPLICATING}
    assert after[harness.cluster].power is PowerState.RUNNING


@rule
def a_step_that_the_state_forbids_is_a_conflict(harness: ReplicaHarness) -> None:
    """Committing what is not failed over is a ConflictError and changes nothing."""
    driver = harness.open_replicating()
    before = sides(driver, harness)
    error = raised(lambda: ask(driver, before[harness.away], ReplicaStep.COMMIT))
    assert isinstance(error, ConflictError), repr(error)
    after = sides(driver, harness)
    assert {s.state for s in after.values()} == {s.state for s in before.values()}


@rule
def an_unknown_side_is_not_found(harness: ReplicaHarness) -> None:
    """A step for a VM that is not there raises NotFoundError."""
    driver = harness.open_replicating()
    side = sides(driver, harness)[harness.cluster]
    stranger = side.model_copy(update={"ref": unknown(side.ref)})
    error = raised(lambda: ask(driver, stranger, ReplicaStep.PAUSE))
    assert isinstance(error, NotFoundError), repr(error)


@rule
def a_test_vm_is_told_and_listed_with_its_replica(harness: ReplicaHarness) -> None:
    """A test names the VM it made, which is listed with the replica's pair until it is stopped."""
    driver = harness.open_replicating()
    replica = sides(driver, harness)[harness.away]
    status = done(driver, harness, replica, ReplicaStep.START_TEST)
    query = ReplicaQuery(cluster=harness.away, workload=replica.ref)
    (test,) = [s for s in driver.replicas(query) if s.mode is ReplicaMode.TEST]
    assert test.pair == replica.pair, "a test VM of nobody"
    assert status.result in {None, test.ref}, f"it names {status.result}"
    assert sides(driver, harness)[harness.away].state is ReplicaState.REPLICATING
    done(driver, harness, test, ReplicaStep.STOP_TEST)
    assert harness.true_tests() == 0, "the test VM is still there"


@rule
def the_same_key_has_one_effect(harness: ReplicaHarness) -> None:
    """A test that is asked for twice with one key makes one test VM."""
    driver = harness.open_replicating()
    replica = sides(driver, harness)[harness.away]
    harness.step_ended(driver, ask(driver, replica, ReplicaStep.START_TEST, "twice"))
    error = raised(lambda: ask(driver, replica, ReplicaStep.START_TEST, "twice"))
    assert error is None or isinstance(error, ConflictError), repr(error)
    assert harness.true_tests() == 1, "one key, two test VMs"
    query = ReplicaQuery(cluster=harness.away, workload=replica.ref)
    for test in [s for s in driver.replicas(query) if s.mode is ReplicaMode.TEST]:
        done(driver, harness, test, ReplicaStep.STOP_TEST)


@rule
def a_planned_failover_is_told_as_one(harness: ReplicaHarness) -> None:
    """Off, prepared, failed over: the replica says so, can be taken back, and the primary runs."""
    driver = harness.open_replicating()
    before = sides(driver, harness)
    primary, replica = before[harness.cluster], before[harness.away]
    done(driver, harness, primary, ReplicaStep.TURN_OFF)
    done(driver, harness, primary, ReplicaStep.PREPARE)
    assert sides(driver, harness)[harness.cluster].state is ReplicaState.PREPARED
    done(driver, harness, replica, ReplicaStep.FAIL_OVER)
    there = sides(driver, harness)[harness.away]
    assert there.state is ReplicaState.FAILED_OVER, f"it is {there.state}"
    assert there.failed_over_to == "planned", f"said {there.failed_over_to!r}"
    done(driver, harness, replica, ReplicaStep.CANCEL_FAIL_OVER)
    done(driver, harness, primary, ReplicaStep.CANCEL_PREPARE)
    done(driver, harness, primary, ReplicaStep.POWER_ON)
    after = sides(driver, harness)[harness.cluster]
    assert (after.state, after.power) == (ReplicaState.REPLICATING, PowerState.RUNNING)


@rule
def a_lost_answer_to_a_step_is_an_unknown_outcome(harness: ReplicaHarness) -> None:
    """A step whose answer is lost raises OutcomeUnknownError, and is not repeated."""
    driver = harness.open_replicating()
    replica = sides(driver, harness)[harness.away]
    harness.lose_step_answer()
    error = raised(lambda: ask(driver, replica, ReplicaStep.START_TEST))
    assert isinstance(error, OutcomeUnknownError), repr(error)
    harness.until(lambda: harness.true_tests() or None, "the effect comes all the same")
    assert harness.true_tests() == 1, "it was repeated"


@rule
def a_forgotten_step_is_unknown(harness: ReplicaHarness) -> None:
    """A step that the product forgot is UNKNOWN: neither failed nor done."""
    driver = harness.open_replicating()
    primary = sides(driver, harness)[harness.cluster]
    harness.forget_step()
    operation = ask(driver, primary, ReplicaStep.PAUSE)
    status = harness.step_ended(driver, operation)
    assert status.state is OperationState.UNKNOWN, f"said {status.state}"


#: All of them, in the order in which the ability grows.
REPLICA_RULES: tuple[Rule[ReplicaHarness], ...] = tuple(rule.rules)
