"""The rules of replication: the reference keeps them, and each is broken by its own mutant."""

from __future__ import annotations

import pytest
from tests.core.testing.mutants import Mutants
from typing_extensions import override

from safepoint.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    TransientError,
    VendorFaultError,
)
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaStep
from safepoint.testing import REPLICA_RULES, ReplicaSuite
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness_replica import ReferenceReplicaHarness

MUTANTS = Mutants(REPLICA_RULES, ReferenceReplicaHarness)
breaks = MUTANTS.breaks


class TestReference(ReplicaSuite):
    """The reference driver keeps every rule."""

    harness_class = ReferenceReplicaHarness


@breaks("both-sides-bear-one-pair")
class ByCluster(ReferenceDriver):
    @override
    def replicas(self, query, /):
        for side in super().replicas(query):
            yield side.model_copy(update={"family": f"{side.family}@{side.ref.system}"})


@breaks("a-side-is-the-workload-of-its-cluster")
class OwnWords(ReferenceDriver):
    """Refers to sides in words of its own, and understands them."""

    @override
    def replicas(self, query, /):
        if query.workload is not None:
            ref = query.workload.model_copy(update={"kind": "workload"})
            query = query.model_copy(update={"workload": ref})
        for side in super().replicas(query):
            ref = side.ref.model_copy(update={"kind": "side"})
            yield side.model_copy(update={"ref": ref})

    @override
    def replica_points(self, query, /):
        if query.replica is not None:
            ref = query.replica.model_copy(update={"kind": "workload"})
            query = query.model_copy(update={"replica": ref})
        for point in super().replica_points(query):
            ref = point.replica.model_copy(update={"kind": "side"})
            yield point.model_copy(update={"replica": ref})

    @override
    def replica_operation(self, operation, /):
        status = super().replica_operation(operation)
        if status.result is None:
            return status
        return status.model_copy(
            update={"result": status.result.model_copy(update={"kind": "side"})}
        )


@breaks("states-are-told-with-the-native-word")
class Wordless(ReferenceDriver):
    @override
    def replicas(self, query, /):
        for side in super().replicas(query):
            yield side.model_copy(update={"native_state": ""})


@breaks("a-cluster-that-is-away-raises")
class Forgiving(ReferenceDriver):
    @override
    def replicas(self, query, /):
        try:
            yield from super().replicas(query)
        except TransientError:
            return


@breaks("a-query-for-one-vm-lists-its-sides-only")
class Everything(ReferenceDriver):
    """Lists the whole cluster when a VM is not known."""

    @override
    def replicas(self, query, /):
        found = list(super().replicas(query))
        if not found and query.workload is not None:
            found = list(super().replicas(query.model_copy(update={"workload": None})))
        yield from found


@breaks("statistics-come-when-asked-for")
class Silent(ReferenceDriver):
    @override
    def replicas(self, query, /):
        yield from super().replicas(query.model_copy(update={"with_statistics": False}))


@breaks("points-belong-to-their-replica")
class Backwards(ReferenceDriver):
    @override
    def replica_points(self, query, /):
        yield from reversed(list(super().replica_points(query)))


@breaks("each-cluster-tells-how-it-receives")
class OneForAll(ReferenceDriver):
    @override
    def replica_servers(self, query, /):
        for server in super().replica_servers(query):
            yield server.model_copy(update={"can_receive": False})


@breaks("a-step-has-its-effect")
class OneWay(ReferenceDriver):
    """Takes resuming for pausing."""

    @override
    def start_replica_step(self, request, /, *, key):
        ref = super().start_replica_step(request, key=key)
        if request.step is ReplicaStep.RESUME:
            operation = self._world.operations[ref.id]
            operation.effect = lambda: ""
        return ref


@breaks("a-step-that-the-state-forbids-is-a-conflict")
class Blunt(ReferenceDriver):
    @override
    def start_replica_step(self, request, /, *, key):
        try:
            return super().start_replica_step(request, key=key)
        except ConflictError as error:
            if request.step is not ReplicaStep.COMMIT:
                raise
            raise VendorFaultError(error.message) from error


@breaks("an-unknown-side-is-not-found")
class Vague(ReferenceDriver):
    @override
    def start_replica_step(self, request, /, *, key):
        try:
            return super().start_replica_step(request, key=key)
        except NotFoundError as error:
            raise VendorFaultError(error.message) from error


@breaks("a-test-vm-is-told-and-listed-with-its-replica")
class Wrong(ReferenceDriver):
    """Names the replica in place of the test VM."""

    @override
    def replica_operation(self, operation, /):
        status = super().replica_operation(operation)
        if status.result is None:
            return status
        wrong = Ref(kind="workload", system=operation.system, id="M0001")
        return status.model_copy(update={"result": wrong})


@breaks("the-same-key-has-one-effect")
class Twice(ReferenceDriver):
    """Does it again, whatever the key."""

    @override
    def start_replica_step(self, request, /, *, key):
        again = key in self._world.replication.keys and request.step is ReplicaStep.START_TEST
        if again:
            relation = self._world.replication.relations[request.pair]
            self._world.replication.start_test(relation, relation.copies[request.side.system])
        return super().start_replica_step(request, key=key)


@breaks("a-planned-failover-is-told-as-one")
class Latest(ReferenceDriver):
    @override
    def replicas(self, query, /):
        for side in super().replicas(query):
            told = "latest" if side.failed_over_to else ""
            yield side.model_copy(update={"failed_over_to": told})


@breaks("a-lost-answer-to-a-step-is-an-unknown-outcome")
class Guessing(ReferenceDriver):
    @override
    def start_replica_step(self, request, /, *, key):
        try:
            return super().start_replica_step(request, key=key)
        except OutcomeUnknownError as error:
            raise TransientError(error.message) from error


@breaks("a-forgotten-step-is-unknown")
class Sure(ReferenceDriver):
    @override
    def replica_operation(self, operation, /):
        status = super().replica_operation(operation)
        if status.state is OperationState.UNKNOWN:
            return status.model_copy(update={"state": OperationState.SUCCEEDED})
        return status


def test_every_rule_has_its_mutant() -> None:
    assert set(MUTANTS.of) == set(MUTANTS.rules)


@pytest.mark.parametrize("rule", sorted(MUTANTS.rules))
def test_a_mutant_breaks_its_rule_and_no_other(rule: str) -> None:
    assert MUTANTS.broken_by(MUTANTS.of[rule]) == {rule}
