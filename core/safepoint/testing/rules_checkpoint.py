"""The rules of `CanCheckpoint`."""

from __future__ import annotations

import secrets
from datetime import timedelta

from safepoint.drivers import CanCheckpoint
from safepoint.drivers.outcomes import error_class
from safepoint.errors import (
    ConflictError,
    DriverError,
    NotFoundError,
    OutcomeUnknownError,
    VendorFaultError,
)
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointQuery,
    CheckpointRequest,
    Consistency,
    MergeState,
    OperationState,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState
from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_required import raised, workloads

__all__ = ["CHECKPOINT_RULES"]

rule: RuleBook[CheckpointHarness] = RuleBook()


def some_vm(driver: CanCheckpoint, harness: CheckpointHarness) -> Ref:
    """Return a VM to try on."""
    return workloads(driver, harness.cluster)[0].ref


def listed(driver: CanCheckpoint, vm: Ref) -> list[Checkpoint]:
    """Return a VM's checkpoints as the driver lists them."""
    return list(driver.checkpoints(CheckpointQuery(cluster=vm.system, workload=vm)))


def request(vm: Ref, kind: CheckpointKind = CheckpointKind.BACKUP) -> CheckpointRequest:
    """Ask for a checkpoint under a name of its own."""
    quiesced = Consistency.APPLICATION
    return CheckpointRequest(
        workload=vm, name=f"rule ({secrets.token_hex(8)})", kind=kind, consistency=quiesced
    )


def made(driver: CanCheckpoint, harness: CheckpointHarness, vm: Ref) -> Checkpoint:
    """Make a checkpoint and return it as listed."""
    before = harness.true_checkpoints(vm)
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    assert status.state is OperationState.SUCCEEDED, status.message
    new = harness.true_checkpoints(vm) - before
    assert len(new) == 1, f"asked for one checkpoint, got {len(new)}"
    found = [c for c in listed(driver, vm) if c.ref == status.result or status.result is None]
    assert found, "the checkpoint that was made is not listed"
    return found[-1]


def gone(driver: CanCheckpoint, harness: CheckpointHarness, checkpoint: Checkpoint) -> None:
    """Delete a checkpoint and wait for the proof."""
    status = harness.ended(driver, driver.delete_checkpoint(checkpoint.ref, key="delete"))
    assert status.state is OperationState.SUCCEEDED, status.message
    harness.until(
        lambda: driver.merge_status(checkpoint.workload).state is MergeState.MERGED or None,
        "the VM is back on its own files",
    )


@rule
def creating_makes_exactly_one(harness: CheckpointHarness) -> None:
    """A request makes one checkpoint, of the kind asked for, with aware UTC time."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    checkpoint = made(driver, harness, vm)
    assert checkpoint.kind is CheckpointKind.BACKUP
    assert checkpoint.workload == vm
    assert checkpoint.created_at.utcoffset() == timedelta(0), "the time is not UTC"
    gone(driver, harness, checkpoint)


@rule
def the_result_of_creating_is_told(harness: CheckpointHarness) -> None:
    """The finished operation names what it made, when the product can tell."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    assert status.result in {c.ref for c in listed(driver, vm)}, f"it names {status.result}"
    for checkpoint in listed(driver, vm):
        gone(driver, harness, checkpoint)


@rule
def frozen_disks_are_told(harness: CheckpointHarness) -> None:
    """A checkpoint names every disk of its VM and the file that holds it frozen."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    checkpoint = made(driver, harness, vm)
    names = {disk.name for disk in workloads(driver, harness.cluster)[0].disks}
    assert {disk.name for disk in checkpoint.disks} == names, "disks are missing or strange"
    active = {disk.path for disk in workloads(driver, harness.cluster)[0].disks}
    assert active.isdisjoint(disk.path for disk in checkpoint.disks), "the file is not frozen"
    gone(driver, harness, checkpoint)


@rule
def renaming_is_seen_and_repeatable(harness: CheckpointHarness) -> None:
    """A new name is listed, is no default name any more, and may be given twice."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    for _ in range(2):
        driver.rename_checkpoint(checkpoint.ref, "safepoint rule", key="rename")
    (seen,) = [c for c in listed(driver, checkpoint.workload) if c.ref == checkpoint.ref]
    assert seen.name == "safepoint rule"
    assert not seen.has_default_name, "a claimed name still counts as the default one"
    gone(driver, harness, checkpoint)


@rule
def a_default_name_says_so(harness: CheckpointHarness) -> None:
    """Until it is named, a checkpoint bears our name or is marked as bearing the default one."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    asked = request(vm)
    harness.ended(driver, driver.create_checkpoint(asked, key="make"))
    (checkpoint,) = listed(driver, vm)
    assert checkpoint.has_default_name or checkpoint.name == asked.name, checkpoint.name
    gone(driver, harness, checkpoint)


@rule
def deleting_is_followed_by_the_merge(harness: CheckpointHarness) -> None:
    """`MERGED` is said only when the VM really is back on its own files."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    harness.ended(driver, driver.delete_checkpoint(checkpoint.ref, key="delete"))

    def merged() -> bool | None:
        state = driver.merge_status(checkpoint.workload).state
        if state is MergeState.MERGED:
            assert harness.is_truly_merged(checkpoint.workload), "said merged, and is not"
            return True
        return None

    harness.until(merged, "merged")
    assert listed(driver, checkpoint.workload) == []


@rule
def a_held_checkpoint_is_no_pending_merge(harness: CheckpointHarness) -> None:
    """While a checkpoint exists, the differencing file is explained by it."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    status = driver.merge_status(checkpoint.workload)
    assert status.state is MergeState.HELD, status.state
    assert not status.differencing, "files are called unexplained"
    gone(driver, harness, checkpoint)


@rule
def deleting_what_is_gone_is_not_found(harness: CheckpointHarness) -> None:
    """Deleting twice raises NotFoundError and harms nothing."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    gone(driver, harness, checkpoint)
    error = raised(lambda: driver.delete_checkpoint(checkpoint.ref, key="again"))
    assert isinstance(error, NotFoundError), repr(error)
    assert error.operation, "the error does not say which operation"


@rule
def an_unknown_vm_is_not_found(harness: CheckpointHarness) -> None:
    """A request for a VM that is not there raises NotFoundError."""
    driver = harness.open_checkpointing()
    real = some_vm(driver, harness)
    nobody = real.model_copy(update={"id": "00000000-0000-4000-8000-00000000DEAD"})
    error = raised(lambda: driver.create_checkpoint(request(nobody), key="make"))
    assert isinstance(error, NotFoundError), repr(error)


@rule
def a_lost_answer_is_an_unknown_outcome(harness: CheckpointHarness) -> None:
    """A request whose answer is lost raises OutcomeUnknownError and is not repeated."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.lose_answer("create_checkpoint")
    error = raised(lambda: driver.create_checkpoint(request(vm), key="make"))
    assert isinstance(error, OutcomeUnknownError), repr(error)
    harness.until(lambda: harness.true_checkpoints(vm) or None, "the effect comes all the same")
    assert len(harness.true_checkpoints(vm)) == 1, "it was repeated"
    (checkpoint,) = harness.until(lambda: listed(driver, vm) or None, "it is listed")
    harness.lose_answer("delete_checkpoint")
    error = raised(lambda: driver.delete_checkpoint(checkpoint.ref, key="delete"))
    assert isinstance(error, OutcomeUnknownError), repr(error)
    harness.until(lambda: not harness.true_checkpoints(vm) or None, "it is deleted all the same")


@rule
def a_forgotten_operation_is_unknown(harness: CheckpointHarness) -> None:
    """An operation that the product forgot is UNKNOWN, neither failed nor succeeded."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.forget_operation("create_checkpoint")
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    assert status.state is OperationState.UNKNOWN, status.state
    harness.until(lambda: harness.true_checkpoints(vm) or None, "the effect comes all the same")


@rule
def other_owners_are_listed(harness: CheckpointHarness) -> None:
    """Another product's checkpoint is listed, as a backup one and with its own name."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.add_foreign_checkpoint(vm)
    found = harness.until(lambda: listed(driver, vm) or None, "it is listed")
    assert [c.kind for c in found] == [CheckpointKind.BACKUP]
    assert {c.ref.id.rpartition("/")[2] for c in found} == harness.true_checkpoints(vm)


@rule
def a_cluster_lists_the_checkpoints_of_all_vms(harness: CheckpointHarness) -> None:
    """Asked for a cluster, every VM's checkpoints are listed, and of one VM only its own."""
    driver = harness.open_checkpointing()
    first, second = (w.ref for w in workloads(driver, harness.cluster)[:2])
    both = {made(driver, harness, vm).ref for vm in (first, second)}
    everything = list(driver.checkpoints(CheckpointQuery(cluster=harness.cluster)))
    assert {c.ref for c in everything} == both, "the cluster's list is not complete"
    assert {c.workload for c in listed(driver, first)} == {first}, "it lists another VM's"
    for checkpoint in everything:
        gone(driver, harness, checkpoint)


@rule
def a_broken_checkpoint_listing_raises(harness: CheckpointHarness) -> None:
    """A list of checkpoints that breaks is never a short one: it would look like released."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    harness.break_listing("checkpoints", after=0)
    query = CheckpointQuery(cluster=harness.cluster)
    error = raised(lambda: driver.checkpoints(query))
    harness.heal()
    assert isinstance(error, DriverError), repr(error)
    gone(driver, harness, checkpoint)


@rule
def a_backup_checkpoint_cannot_be_reverted_to(harness: CheckpointHarness) -> None:
    """Reverting to one raises a DriverError and changes nothing."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    wish = RevertRequest(checkpoint=checkpoint.ref, stop_running=True)
    error = raised(lambda: driver.revert_checkpoint(wish, key="revert"))
    assert isinstance(error, DriverError), repr(error)
    gone(driver, harness, checkpoint)


@rule
def reverting_a_running_vm_needs_leave(harness: CheckpointHarness) -> None:
    """Without `stop_running` a running VM is left alone, with a ConflictError."""
    driver = harness.open_checkpointing()
    workload = workloads(driver, harness.cluster)[0]
    assert workload.power is PowerState.RUNNING, "the harness's VMs run"
    wanted = request(workload.ref, CheckpointKind.PRODUCTION)
    harness.ended(driver, driver.create_checkpoint(wanted, key="make"))
    (checkpoint,) = listed(driver, workload.ref)
    wish = RevertRequest(checkpoint=checkpoint.ref, stop_running=False)
    error = raised(lambda: driver.revert_checkpoint(wish, key="revert"))
    assert isinstance(error, ConflictError), repr(error)
    allowed = RevertRequest(checkpoint=checkpoint.ref, stop_running=True)
    status = harness.ended(driver, driver.revert_checkpoint(allowed, key="revert 2"))
    assert status.state is OperationState.SUCCEEDED, status.message


@rule
def failures_fit_an_error_class(harness: CheckpointHarness) -> None:
    """The `code` of a failed operation is that of an error class; success has none."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    if status.state is OperationState.FAILED:
        known = error_class(status.code)
        assert known is not VendorFaultError or status.code == VendorFaultError.code
    else:
        assert not status.code, f"a success has the code {status.code!r}"


#: All of them, in the order in which the ability grows.
CHECKPOINT_RULES: tuple[Rule[CheckpointHarness], ...] = tuple(rule.rules)
