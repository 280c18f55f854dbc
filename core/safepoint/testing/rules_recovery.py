"""The rules that crash recovery stands on: what one process began, another must be able to see."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from safepoint.drivers import CanCheckpoint
from safepoint.errors import NotFoundError, SafepointError
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointQuery,
    OperationState,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import WorkloadQuery
from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_checkpoint import gone, listed, made, request, some_vm
from safepoint.testing.rules_required import raised, workloads

__all__ = ["RECOVERY_RULES", "unknown"]

rule: RuleBook[CheckpointHarness] = RuleBook()

#: The core takes a nameless checkpoint for ours only when it was made about when we asked.
_CLOCK_TOLERANCE = timedelta(minutes=2)
_THREADS = 4
_LAST_DIGITS: Final = re.compile(r"[0-9A-Fa-f]{4}(?=[^0-9A-Fa-f]*$)")


def unknown(like: Ref) -> Ref:
    """Return a reference of the same form to something that never was.

    The last four hexadecimal digits of the id are others; what surrounds them stays.
    """
    found = _LAST_DIGITS.search(like.id)
    start, end = found.span() if found else (len(like.id), len(like.id))
    other = "BEEF" if like.id[start:end].upper() == "DEAD" else "DEAD"
    return like.model_copy(update={"id": like.id[:start] + other + like.id[end:]})


@rule
def references_survive_as_text(harness: CheckpointHarness) -> None:
    """References of VMs, checkpoints and operations can be written down and read back."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    operation = driver.create_checkpoint(request(vm), key="make")
    harness.ended(driver, operation)
    for ref in (vm, operation, *(c.ref for c in listed(driver, vm))):
        assert Ref.parse(str(ref)) == ref, f"{ref!r} comes back as {Ref.parse(str(ref))!r}"


@rule
def an_operation_is_seen_from_another_session(harness: CheckpointHarness) -> None:
    """An operation can be followed from another session: who started it may be dead."""
    driver, another = harness.open_checkpointing(), harness.open_checkpointing()
    operation = driver.create_checkpoint(request(some_vm(driver, harness)), key="make")
    status = harness.ended(another, operation)
    assert status.state is OperationState.SUCCEEDED, status.state


@rule
def an_operation_that_never_was_is_unknown(harness: CheckpointHarness) -> None:
    """It is UNKNOWN like a forgotten one, and no error: nobody can tell the two apart."""
    driver = harness.open_checkpointing()
    operation = driver.create_checkpoint(request(some_vm(driver, harness)), key="make")
    harness.ended(driver, operation)
    status = driver.operation(unknown(operation))
    assert status.state is OperationState.UNKNOWN, status.state


@rule
def a_checkpoint_keeps_its_reference(harness: CheckpointHarness) -> None:
    """It has one reference in every listing and session, whatever it is called."""
    driver, another = harness.open_checkpointing(), harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    seen = [c.ref for c in listed(another, checkpoint.workload)]
    driver.rename_checkpoint(checkpoint.ref, "safepoint rule", key="rename")
    seen += [c.ref for c in listed(driver, checkpoint.workload)]
    assert seen == [checkpoint.ref] * 2, f"{checkpoint.ref} is also {seen}"


@rule
def the_time_of_creation_is_true(harness: CheckpointHarness) -> None:
    """A checkpoint was made when it was made: by it the core knows a nameless one."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    off = abs(driver.probe().probed_at - checkpoint.created_at)
    assert off <= _CLOCK_TOLERANCE, f"it is off by {off}"


@rule
def every_kind_comes_as_asked(harness: CheckpointHarness) -> None:
    """Standard, production and backup checkpoints are made and listed as what they are."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    kinds = (CheckpointKind.STANDARD, CheckpointKind.PRODUCTION, CheckpointKind.BACKUP)
    for kind in kinds:
        harness.ended(driver, driver.create_checkpoint(request(vm, kind), key="make"))
        (checkpoint,) = listed(driver, vm)
        assert checkpoint.kind is kind, f"asked for {kind}, got {checkpoint.kind}"
        gone(driver, harness, checkpoint)
        harness.until(lambda: harness.is_truly_merged(vm) or None, "the VM is really merged")


@rule
def what_never_was_is_not_found(harness: CheckpointHarness) -> None:
    """Renaming, reverting and deleting what never was, or its VM's merge, is a NotFoundError."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    ghost = unknown(checkpoint.ref)
    revert = RevertRequest(checkpoint=ghost, stop_running=True)
    asked: dict[str, Callable[[], object]] = {
        "delete_checkpoint": lambda: driver.delete_checkpoint(ghost, key="x"),
        "rename_checkpoint": lambda: driver.rename_checkpoint(ghost, "name", key="x"),
        "revert_checkpoint": lambda: driver.revert_checkpoint(revert, key="x"),
        "merge_status": lambda: driver.merge_status(unknown(checkpoint.workload)),
    }
    for name, call in asked.items():
        error = raised(call)
        assert isinstance(error, NotFoundError), f"{name}: {error!r}"


@rule
def deleting_takes_only_that_one(harness: CheckpointHarness) -> None:
    """Another owner's checkpoint of the same VM stays."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.add_foreign_checkpoint(vm)
    others = harness.until(lambda: harness.true_checkpoints(vm) or None, "it is there")
    wish = request(vm, CheckpointKind.STANDARD)
    harness.ended(driver, driver.create_checkpoint(wish, key="make"))
    ours: list[Checkpoint] = [c for c in listed(driver, vm) if c.kind is CheckpointKind.STANDARD]
    assert len(ours) == 1, f"{len(ours)} standard checkpoints are listed"
    harness.ended(driver, driver.delete_checkpoint(ours[0].ref, key="delete"))
    assert harness.true_checkpoints(vm) == others, "it took another owner's"


@rule
def the_oldest_comes_first(harness: CheckpointHarness) -> None:
    """Within a VM, checkpoints are listed in the order they were made."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    for _ in range(2):
        wish = request(vm, CheckpointKind.STANDARD)
        harness.ended(driver, driver.create_checkpoint(wish, key="make"))
    times = [c.created_at for c in listed(driver, vm)]
    assert len(times) == 2, f"{len(times)} of two are listed"
    assert times == sorted(times), f"they come as {times}"


@rule
def one_driver_serves_many_threads(harness: CheckpointHarness) -> None:
    """Several threads use one driver at once and get what one alone gets."""
    driver = harness.open_checkpointing()
    alone = {w.ref for w in workloads(driver, harness.cluster)}
    outcomes: list[object] = []

    def read() -> None:
        try:
            outcomes.append({w.ref for w in workloads(driver, harness.cluster)})
        except Exception as error:  # noqa: BLE001 - looked at below
            outcomes.append(error)

    threads = [threading.Thread(target=read) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [alone] * _THREADS, f"in threads it gives {outcomes}"


@rule
def sessions_are_apart(harness: CheckpointHarness) -> None:
    """Closing one session leaves the others working."""
    one, another = harness.open_checkpointing(), harness.open_checkpointing()
    before = workloads(one, harness.cluster)
    another.close()
    assert [w.ref for w in workloads(one, harness.cluster)] == [w.ref for w in before]


@rule
def a_closed_driver_does_nothing(harness: CheckpointHarness) -> None:
    """After `close` every read and write raises an error of ours, and nothing is made."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    driver.close()
    asked: dict[str, Callable[[], Any]] = {
        "probe": driver.probe,
        "workloads": lambda: driver.workloads(WorkloadQuery(cluster=harness.cluster)),
        "checkpoints": lambda: driver.checkpoints(CheckpointQuery(workload=vm)),
        "merge_status": lambda: driver.merge_status(vm),
        "create_checkpoint": lambda: driver.create_checkpoint(request(vm), key="late"),
    }
    for name, call in asked.items():
        error = raised(call)
        assert isinstance(error, SafepointError), f"{name} after close: {error!r}"
    assert not _appears(harness, harness.open_checkpointing(), vm), "it made one after close"


def _appears(harness: CheckpointHarness, driver: CanCheckpoint, vm: Ref) -> bool:
    for _ in range(20):
        if harness.true_checkpoints(vm) or listed(driver, vm):
            return True
        harness.pause()
    return False


#: All of them.
RECOVERY_RULES: tuple[Rule[CheckpointHarness], ...] = tuple(rule.rules)
