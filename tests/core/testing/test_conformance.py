"""The suite is tested itself: the reference passes, and every rule has a driver that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.drivers import Ability, Support, SupportLevel
from safepoint.errors import BusyError, DriverError, NotFoundError
from safepoint.models.checkpoints import (
    CheckpointKind,
    MergeState,
    MergeStatus,
    OperationState,
)
from safepoint.models.workloads import WorkloadQuery
from safepoint.testing import CHECKPOINT_RULES, REQUIRED_RULES, CheckpointSuite, Rule
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness import ReferenceHarness

EVERY_RULE: list[Rule[Any]] = [*REQUIRED_RULES, *CHECKPOINT_RULES]
RULES = {rule.id: rule for rule in EVERY_RULE}
MUTANTS: dict[str, type[ReferenceDriver]] = {}


class TestReference(CheckpointSuite):
    """The reference driver keeps every rule."""

    harness_class = ReferenceHarness


def breaks(*rules: str):
    """Register a driver as the mutant for these rules."""

    def register(kind: type[ReferenceDriver]) -> type[ReferenceDriver]:
        for rule in rules:
            MUTANTS[rule] = kind
        return kind

    return register


@breaks("support-names-every-ability")
class Silent(ReferenceDriver):
    def support(self):
        return {k: v for k, v in super().support().items() if k is not Ability.REPLICATE}


@breaks("support-agrees-with-the-class", "gaps-are-declared-exactly")
class Boastful(ReferenceDriver):
    def support(self):
        yes = Support(level=SupportLevel.SUPPORTED)
        return {**super().support(), **dict.fromkeys(Ability, yes)}


@breaks("probe-reports-problems-as-data")
class Nameless(ReferenceDriver):
    def probe(self):
        return super().probe().model_copy(update={"product": ""})


@breaks("every-workload-is-listed-once")
class Doubling(ReferenceDriver):
    def workloads(self, query, /):
        rows = list(super().workloads(query))
        return iter([*rows, *rows[:1]])


@breaks("refs-are-stable")
class Restless(ReferenceDriver):
    count = 0

    def workloads(self, query, /):
        Restless.count += 1
        for row in super().workloads(query):
            ref = row.ref.model_copy(update={"id": f"{row.ref.id}#{Restless.count}"})
            yield row.model_copy(update={"ref": ref})


@breaks("workloads-are-found-by-id", "an-unknown-workload-is-not-found")
class Unfiltered(ReferenceDriver):
    def workloads(self, query, /):
        return super().workloads(WorkloadQuery(cluster=query.cluster))


@breaks("a-broken-listing-is-never-a-short-one", "a-broken-checkpoint-listing-raises")
class Shortening(ReferenceDriver):
    def workloads(self, query, /):
        return self._quietly(super().workloads(query))

    def checkpoints(self, query, /):
        return self._quietly(super().checkpoints(query))

    @staticmethod
    def _quietly(rows):
        try:
            yield from rows
        except DriverError:
            return


@breaks("the-native-word-is-kept")
class Wordless(ReferenceDriver):
    def workloads(self, query, /):
        for row in super().workloads(query):
            yield row.model_copy(update={"native_state": ""})


@breaks("restore-points-and-runs-can-be-listed")
class Runless(ReferenceDriver):
    def runs(self, query, /):
        raise BusyError("not today")


@breaks("a-wrong-password-is-an-authentication-error")
class Vague(ReferenceDriver):
    def workloads(self, query, /):
        try:
            return super().workloads(query)
        except DriverError as error:
            raise NotFoundError(error.message) from error


@breaks("secrets-stay-secret")
class Talkative(ReferenceDriver):
    def __repr__(self):
        return f"<driver with {self._settings.password.get_secret_value()}>"


@breaks("errors-tell-no-secret")
class Chatty(ReferenceDriver):
    def workloads(self, query, /):
        try:
            yield from list(super().workloads(query))
        except DriverError as error:
            secret = self._settings.password.get_secret_value()
            raise NotFoundError(f"tried with {secret}") from error


@breaks("close-may-be-called-twice")
class Immortal(ReferenceDriver):
    def close(self):
        return None


@breaks("signatures-are-those-of-the-boundary")
class Widened(ReferenceDriver):
    def operation(self, operation, /, *, patience=1):
        return super().operation(operation)


@breaks("creating-makes-exactly-one", "a-lost-answer-is-an-unknown-outcome")
class Eager(ReferenceDriver):
    def create_checkpoint(self, request, /, *, key):
        try:
            super().create_checkpoint(request, key=key)
        except DriverError:
            return super().create_checkpoint(request, key=key)
        self._world.drain()
        return super().create_checkpoint(request, key=key)


@breaks("the-result-of-creating-is-told")
class Resultless(ReferenceDriver):
    def operation(self, operation, /):
        return super().operation(operation).model_copy(update={"result": None})


@breaks("frozen-disks-are-told")
class Diskless(ReferenceDriver):
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            yield row.model_copy(update={"disks": ()})


@breaks("renaming-is-seen-and-repeatable")
class Unnaming(ReferenceDriver):
    def rename_checkpoint(self, checkpoint, name, /, *, key):
        return None


@breaks("a-default-name-says-so")
class Claiming(ReferenceDriver):
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            yield row.model_copy(update={"has_default_name": False})


@breaks("deleting-is-followed-by-the-merge", "a-held-checkpoint-is-no-pending-merge")
class Hasty(ReferenceDriver):
    def merge_status(self, workload, /):
        super().merge_status(workload)
        return MergeStatus(state=MergeState.MERGED)


@breaks("deleting-what-is-gone-is-not-found")
class Forgiving(ReferenceDriver):
    def delete_checkpoint(self, checkpoint, /, *, key):
        try:
            return super().delete_checkpoint(checkpoint, key=key)
        except NotFoundError:
            return checkpoint


@breaks("an-unknown-vm-is-not-found")
class Confused(ReferenceDriver):
    def create_checkpoint(self, request, /, *, key):
        try:
            return super().create_checkpoint(request, key=key)
        except NotFoundError as error:
            raise BusyError(error.message) from error


@breaks("a-forgotten-operation-is-unknown")
class Guessing(ReferenceDriver):
    def operation(self, operation, /):
        status = super().operation(operation)
        if status.state is OperationState.UNKNOWN:
            return status.model_copy(update={"state": OperationState.FAILED})
        return status


@breaks("other-owners-are-listed", "a-cluster-lists-the-checkpoints-of-all-vms")
class Selfish(ReferenceDriver):
    def checkpoints(self, query, /):
        for row in super().checkpoints(query):
            if row.has_default_name and row.workload_name == "alpha":
                yield row


@breaks("a-backup-checkpoint-cannot-be-reverted-to", "reverting-a-running-vm-needs-leave")
class Obedient(ReferenceDriver):
    def revert_checkpoint(self, request, /, *, key):
        _machine, frozen = self._world.find_checkpoint(request.checkpoint.id, "revert")
        kind, frozen.kind = frozen.kind, CheckpointKind.PRODUCTION
        try:
            wish = request.model_copy(update={"stop_running": True})
            return super().revert_checkpoint(wish, key=key)
        finally:
            frozen.kind = kind


@breaks("failures-fit-an-error-class")
class Coded(ReferenceDriver):
    def operation(self, operation, /):
        return super().operation(operation).model_copy(update={"code": "done"})


def test_every_rule_has_a_mutant() -> None:
    """A rule that nothing can break checks nothing."""
    assert set(MUTANTS) == set(RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_mutant_is_caught(rule: str) -> None:
    """The rule goes red on the driver that breaks it, and green on the one that does not."""

    class MutantHarness(ReferenceHarness):
        driver_class = MUTANTS[rule]

    sound, mutant = ReferenceHarness(), MutantHarness()
    mutant.unsupported = sound.unsupported
    RULES[rule].check(sound)

    with pytest.raises((AssertionError, DriverError, KeyError, ValueError)):
        RULES[rule].check(mutant)


def test_every_rule_says_itself_in_one_sentence() -> None:
    """What a plugin author reads when it goes red."""
    for rule in RULES.values():
        assert rule.text.endswith("."), rule.id
        assert rule.text[0].isupper() or rule.text.startswith("`"), rule.id
