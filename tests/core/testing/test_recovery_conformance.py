"""The rules for recovery and trouble: the reference keeps them, and each mutant breaks just one."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from tests.core.testing.mutants import Mutants
from typing_extensions import override

from safepoint.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    RunTimedOutError,
)
from safepoint.models.checkpoints import (
    CheckpointKind,
    MergeState,
    MergeStatus,
    OperationState,
    OperationStatus,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Activity
from safepoint.testing import RECOVERY_RULES, TROUBLE_RULES, Rule, TroubleSuite
from safepoint.testing.rules_recovery import unknown
from safepoint_lab.reference import Failure, ReferenceDriver
from safepoint_lab.reference.harness_trouble import ReferenceTroubleHarness

EVERY_RULE: list[Rule[Any]] = [*RECOVERY_RULES, *TROUBLE_RULES]
MUTANTS = Mutants(EVERY_RULE, ReferenceTroubleHarness)
breaks = MUTANTS.breaks


class TestReference(TroubleSuite):
    """The reference driver keeps every rule."""

    harness_class = ReferenceTroubleHarness


@breaks("references-survive-as-text")
class Unwritable(ReferenceDriver):
    """A colon in the system: the text form splits in the wrong place."""

    @override
    def create_checkpoint(self, request, /, *, key):
        operation = super().create_checkpoint(request, key=key)
        return operation.model_copy(update={"system": f"{operation.system}:5986"})


@breaks("an-operation-is-seen-from-another-session")
class Private(ReferenceDriver):
    """Operations are kept in the memory of the driver that started them."""

    @override
    def create_checkpoint(self, request, /, *, key):
        operation = super().create_checkpoint(request, key=key)
        self.__dict__.setdefault("mine", set()).add(operation.id)
        return operation

    @override
    def operation(self, operation, /):
        known = self.__dict__.get("mine", set())
        if self.__dict__.get("deleting") or operation.id in known or operation.kind != "create":
            return super().operation(operation)
        return OperationStatus(ref=operation, state=OperationState.UNKNOWN)


@breaks("an-operation-that-never-was-is-unknown")
class Strict(ReferenceDriver):
    @override
    def operation(self, operation, /):
        if operation.id not in self._world.operations:
            raise NotFoundError("no such operation", operation="operation")
        return super().operation(operation)


@breaks("a-checkpoint-keeps-its-reference")
class Named(ReferenceDriver):
    """The reference follows the name, once somebody gave one."""

    @override
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            known = row.has_default_name or row.kind is not CheckpointKind.BACKUP
            alias = row.ref.model_copy(update={"id": row.name})
            yield row if known or "product" in row.name else row.model_copy(update={"ref": alias})


@breaks("the-time-of-creation-is-true")
class Local(ReferenceDriver):
    """Local time with the label UTC."""

    @override
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            local = row.created_at + timedelta(hours=1)
            yield row.model_copy(update={"created_at": local})


@breaks("every-kind-comes-as-asked")
class Simple(ReferenceDriver):
    """Knows no production checkpoints, and makes standard ones of them."""

    @override
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            is_production = row.kind is CheckpointKind.PRODUCTION
            yield (
                row.model_copy(update={"kind": CheckpointKind.STANDARD}) if is_production else row
            )


@breaks("what-never-was-is-not-found")
class Obliging(ReferenceDriver):
    """A VM that is not there has, of course, nothing to merge."""

    @override
    def merge_status(self, workload, /):
        try:
            return super().merge_status(workload)
        except NotFoundError:
            return MergeStatus(state=MergeState.MERGED)


@breaks("deleting-takes-only-that-one")
class Thorough(ReferenceDriver):
    """Deletes the whole tree of the VM."""

    @override
    def delete_checkpoint(self, checkpoint, /, *, key):
        operation = super().delete_checkpoint(checkpoint, key=key)
        machine, _ = self._world.find_checkpoint(checkpoint.id, "delete_checkpoint")
        for frozen in [f for f in machine.frozen if f.id != checkpoint.id]:
            self._world.thaw(machine, frozen)
        return operation


@breaks("the-oldest-comes-first")
class Backwards(ReferenceDriver):
    @override
    def checkpoints(self, query, /):
        return iter(list(super().checkpoints(query))[::-1])


@breaks("one-driver-serves-many-threads")
class Bound(ReferenceDriver):
    """Belongs to the thread that used it first."""

    @override
    def workloads(self, query, /):
        owner = self.__dict__.setdefault("owner", threading.get_ident())
        if owner != threading.get_ident():
            raise ConflictError("used from another thread")
        return super().workloads(query)


@breaks("sessions-are-apart")
class Shared(ReferenceDriver):
    """Closing one logs all the sessions of this user off."""

    @override
    def close(self):
        super().close()
        self._world.__dict__.setdefault("logged_off", True)

    @override
    def workloads(self, query, /):
        if "logged_off" in self._world.__dict__ and not self._is_closed:
            raise ConflictError("logged off")
        return super().workloads(query)


@breaks("a-closed-driver-does-nothing")
class Lingering(ReferenceDriver):
    """Forgets to look whether it is closed before it writes."""

    @override
    def create_checkpoint(self, request, /, *, key):
        was_closed, self._is_closed = self._is_closed, False
        try:
            return super().create_checkpoint(request, key=key)
        finally:
            self._is_closed = was_closed


@breaks("creating-never-waits")
class Patient(ReferenceDriver):
    """Waits for the operation inside the request, and gives up at last."""

    @override
    def create_checkpoint(self, request, /, *, key):
        operation = super().create_checkpoint(request, key=key)
        for _ in range(100):
            if self.operation(operation).state is not OperationState.RUNNING:
                return operation
        raise RunTimedOutError("it did not end")


@breaks("the-activity-shows")
class Blank(ReferenceDriver):
    @override
    def workloads(self, query, /):
        for row in super().workloads(query):
            yield row.model_copy(update={"activity": Activity.NONE})


@breaks("a-stalled-merge-is-never-called-merged")
class Hasty(ReferenceDriver):
    """Off the list is good enough."""

    @override
    def merge_status(self, workload, /):
        status = super().merge_status(workload)
        is_due = status.state is MergeState.MERGING
        return MergeStatus(state=MergeState.MERGED) if is_due else status


@breaks("files-in-the-way-are-named")
class Vague(ReferenceDriver):
    @override
    def merge_status(self, workload, /):
        return super().merge_status(workload).model_copy(update={"differencing": ()})


@breaks("a-busy-vm-is-refused")
class Blunt(ReferenceDriver):
    """Busy is a conflict, is it not? The core would not try again."""

    @override
    def create_checkpoint(self, request, /, *, key):
        machine = self._world.machines.get(request.workload.id)
        if machine is not None and machine.activity is not Activity.NONE:
            raise ConflictError("busy")
        return super().create_checkpoint(request, key=key)


@breaks("a-guest-that-cannot-quiesce-is-told-as-such")
class Mumbling(ReferenceDriver):
    @override
    def operation(self, operation, /):
        status = super().operation(operation)
        is_failed = status.state is OperationState.FAILED
        return status.model_copy(update={"code": "vendor-fault"}) if is_failed else status


@breaks("a-failed-creation-leaves-nothing-unsaid")
class Untidy(ReferenceDriver):
    """Failed operations leave a checkpoint and do not say which."""

    @override
    def create_checkpoint(self, request, /, *, key):
        operation = super().create_checkpoint(request, key=key)
        begun = self._world.operations[operation.id]
        if begun.failure is not None:
            begun.failure = Failure(begun.failure.code, begun.failure.message, leaves_effect=True)
        return operation

    @override
    def operation(self, operation, /):
        status = super().operation(operation)
        is_failed = status.state is OperationState.FAILED
        return status.model_copy(update={"result": None}) if is_failed else status


@breaks("a-lost-request-is-not-repeated")
class Stubborn(ReferenceDriver):
    """Repeats what got no answer, and reports the first failure."""

    @override
    def create_checkpoint(self, request, /, *, key):
        try:
            return super().create_checkpoint(request, key=key)
        except OutcomeUnknownError:
            super().create_checkpoint(request, key=key)
            raise


@breaks("reverting-brings-the-data-back")
class Idle(ReferenceDriver):
    """Reports success and puts nothing back."""

    @override
    def revert_checkpoint(self, request, /, *, key):
        machine, _ = self._world.find_checkpoint(request.checkpoint.id, "revert_checkpoint")
        operation = super().revert_checkpoint(request, key=key)
        self._world.operations[operation.id].effect = lambda: ""
        assert machine is not None
        return operation


def test_every_rule_has_a_mutant() -> None:
    """A rule that nothing can break checks nothing."""
    assert set(MUTANTS.of) == set(MUTANTS.rules)


@pytest.mark.parametrize("rule", sorted(MUTANTS.rules))
def test_mutant_is_caught_by_exactly_its_rule(rule: str) -> None:
    """One defect, one red rule: whoever reads it knows where to look."""
    assert MUTANTS.broken_by(MUTANTS.of[rule]) == {rule}


def test_driver_that_keeps_the_rules_breaks_none() -> None:
    assert MUTANTS.broken_by(ReferenceDriver) == set()


def test_every_rule_says_itself_in_one_sentence() -> None:
    """What a plugin author reads when it goes red."""
    for rule in MUTANTS.rules.values():
        assert "\n" not in rule.text, rule.id
        assert rule.text.endswith("."), rule.id


def test_reference_of_something_unknown_has_the_form_of_a_known_one() -> None:
    known = Ref(kind="checkpoint", system="hx1", id="A1B2-C3D4")
    assert unknown(known).id == "A1B2-DEAD"
    assert unknown(unknown(known)).id == "A1B2-BEEF"
    within = Ref(kind="operation", system="hx1", id='["job", {"id": "A1B2-C3D4"}]')
    assert unknown(within).id == '["job", {"id": "A1B2-DEAD"}]'
    assert unknown(Ref(kind="x", system="hx1", id="zz")).id == "zzDEAD"
