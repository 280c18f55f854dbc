"""The rules for a hypervisor in trouble, and the harness that can bring trouble about."""

from __future__ import annotations

from abc import abstractmethod

from safepoint.errors import BusyError, OutcomeUnknownError
from safepoint.models.checkpoints import (
    CheckpointKind,
    MergeState,
    OperationState,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Activity
from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_checkpoint import listed, made, request, some_vm
from safepoint.testing.rules_required import raised, workloads

__all__ = ["TROUBLE_RULES", "TroubleHarness"]


class TroubleHarness(CheckpointHarness):
    """A harness whose hypervisor can be put into trouble."""

    @abstractmethod
    def stall(self, what: str) -> None:
        """Let the next `create_checkpoint`, or the next `merge`, never end."""

    @abstractmethod
    def make_busy(self, workload: Ref) -> None:
        """Let somebody else work on the VM from now on."""

    @abstractmethod
    def break_guest(self, workload: Ref) -> None:
        """Make the VM's guest unable to quiesce from now on."""

    @abstractmethod
    def lose_request(self, method: str) -> None:
        """Let the next request of that method never arrive, with the driver none the wiser."""

    @abstractmethod
    def write_in_guest(self, workload: Ref, text: str) -> None:
        """Let the guest write the text, over the one it wrote before."""

    @abstractmethod
    def read_in_guest(self, workload: Ref, size: int) -> str:
        """Return what the guest finds now where it writes."""


rule: RuleBook[TroubleHarness] = RuleBook()


@rule
def creating_never_waits(harness: TroubleHarness) -> None:
    """A request returns its operation also when that never ends."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.stall("create_checkpoint")
    operation = driver.create_checkpoint(request(vm), key="make")
    state = driver.operation(operation).state
    assert state is OperationState.RUNNING, state


@rule
def the_activity_shows(harness: TroubleHarness) -> None:
    """While a checkpoint is being made its VM says so: recovery waits for that to end."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.stall("create_checkpoint")
    raised(lambda: driver.create_checkpoint(request(vm), key="make"))
    seen = {w.activity for w in workloads(driver, harness.cluster) if w.ref == vm}
    assert seen == {Activity.CREATING_CHECKPOINT}, f"it says {seen}"


@rule
def a_stalled_merge_is_never_called_merged(harness: TroubleHarness) -> None:
    """As long as a file of a deleted checkpoint is in use, `MERGED` is not said."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    harness.stall("merge")
    harness.ended(driver, driver.delete_checkpoint(checkpoint.ref, key="delete"))
    for _ in range(3):
        harness.pause()
        state = driver.merge_status(checkpoint.workload).state
        assert state is not MergeState.MERGED, "said merged, and is not"


@rule
def files_in_the_way_are_named(harness: TroubleHarness) -> None:
    """While a merge is due, the files that the VM still runs on are named."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    harness.stall("merge")
    harness.ended(driver, driver.delete_checkpoint(checkpoint.ref, key="delete"))
    status = driver.merge_status(checkpoint.workload)
    assert status.differencing or status.state is MergeState.MERGED, "no file is named"


@rule
def a_busy_vm_is_refused(harness: TroubleHarness) -> None:
    """A VM that somebody works on raises BusyError, and nothing is begun."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.make_busy(vm)
    error = raised(lambda: driver.create_checkpoint(request(vm), key="make"))
    assert isinstance(error, BusyError), repr(error)
    assert not harness.true_checkpoints(vm), "a checkpoint was made all the same"


@rule
def a_guest_that_cannot_quiesce_is_told_as_such(harness: TroubleHarness) -> None:
    """The operation fails with the code `quiesce` and words for a person."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.break_guest(vm)
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    assert status.state is OperationState.FAILED, status.state
    assert status.code == "quiesce", f"the code is {status.code!r}"
    assert status.message.strip(), "it does not say why"


@rule
def a_failed_creation_leaves_nothing_unsaid(harness: TroubleHarness) -> None:
    """It leaves no checkpoint, or names in its result the one that it left."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.break_guest(vm)
    status = harness.ended(driver, driver.create_checkpoint(request(vm), key="make"))
    harness.pause()
    named = {c.ref.id for c in listed(driver, vm) if c.ref == status.result}
    assert len(harness.true_checkpoints(vm)) == len(named), "it left one without a word"


@rule
def a_lost_request_is_not_repeated(harness: TroubleHarness) -> None:
    """A request that got no answer and never arrived is OutcomeUnknownError, and stays undone."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    harness.lose_request("create_checkpoint")
    error = raised(lambda: driver.create_checkpoint(request(vm), key="make"))
    assert isinstance(error, OutcomeUnknownError), repr(error)
    for _ in range(10):
        harness.pause()
        assert not harness.true_checkpoints(vm), "the driver repeated it"


@rule
def reverting_brings_the_data_back(harness: TroubleHarness) -> None:
    """After a revert the guest finds what it wrote before, and the checkpoint is still there."""
    driver = harness.open_checkpointing()
    vm = some_vm(driver, harness)
    before, after = "before the patch", "after the patch!"
    harness.write_in_guest(vm, before)
    wish = request(vm, CheckpointKind.PRODUCTION)
    harness.ended(driver, driver.create_checkpoint(wish, key="make"))
    (checkpoint,) = listed(driver, vm)
    harness.write_in_guest(vm, after)
    revert = RevertRequest(checkpoint=checkpoint.ref, stop_running=True)
    status = harness.ended(driver, driver.revert_checkpoint(revert, key="revert"))
    assert status.state is OperationState.SUCCEEDED, status.message
    found = harness.read_in_guest(vm, len(before))
    assert found == before, f"the guest finds {found!r}"
    assert len(harness.true_checkpoints(vm)) == 1, "the checkpoint is gone"


#: All of them.
TROUBLE_RULES: tuple[Rule[TroubleHarness], ...] = tuple(rule.rules)
