"""Protecting one VM: what happens when all goes well, and after each thing that does not."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from safepoint.errors import (
    BusyError,
    PermissionDeniedError,
    StorageFullError,
    UnreachableError,
)
from safepoint.lifecycle import CheckpointState
from safepoint.models.checkpoints import Consistency
from safepoint.models.restore_points import CopyProgress
from safepoint.models.runs import Phase, Run, RunState, Task
from safepoint.models.workloads import Activity, GuestState, PowerState
from safepoint.store import CheckpointRow, Store
from safepoint_lab.reference import Failure, Machine, World
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.processes import Process


@pytest.fixture
def vm(world: World) -> Machine:
    return world.add_machine("sql01")


def only_task(run: Run) -> Task:
    assert len(run.tasks) == 1
    return run.tasks[0]


def error_of(run: Run) -> dict[str, Any]:
    error = only_task(run).error
    assert error is not None, "the run was expected to fail"
    return error


def only_row(store: Store, run: Run) -> CheckpointRow:
    rows = store.checkpoints.of_run(run.id)
    assert len(rows) == 1
    return rows[0]


# --- all goes well ----------------------------------------------------------------------------


def test_run_ends_with_a_verified_point_and_nothing_left(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    frozen = dict(vm.contents)

    run = process.protect(vm.id)

    task = only_task(run)
    assert run.state is RunState.SUCCEEDED
    assert task.phase is Phase.DONE
    assert task.is_verified
    assert task.is_released
    assert task.consistency == "application"
    assert task.point is not None
    assert world.repository.points[task.point.id].contents == frozen
    assert leftovers(world, store) == ()


def test_task_says_how_long_and_how_much(process: Process, vm: Machine) -> None:
    task = only_task(process.protect(vm.id))

    size = sum(len(data) for data in vm.contents.values())
    assert task.size_bytes == task.read_bytes == task.stored_bytes == size
    assert task.held_seconds is not None
    assert task.held_seconds > 0
    assert task.merged_seconds is not None
    assert task.merged_seconds >= 1.5
    assert task.copy_seconds is not None
    assert task.copy_seconds > 0
    assert task.started_at is not None
    assert task.ended_at is not None
    assert task.ended_at > task.started_at


def test_journal_tells_the_whole_story_in_order(
    store: Store, process: Process, vm: Machine
) -> None:
    run = process.protect(vm.id)

    row = only_row(store, run)
    states = [step.after for step in store.checkpoints.history(row.tag)]
    assert states == [
        CheckpointState.CREATING,
        CheckpointState.HELD,
        CheckpointState.COPYING,
        CheckpointState.RELEASING,
        CheckpointState.MERGING,
        CheckpointState.RELEASED,
    ]


def test_whoever_watches_sees_every_phase_in_order(world: World, store: Store) -> None:
    class Watching(Process):
        def __init__(self) -> None:
            self.phases: list[Phase] = []
            super().__init__(world, store)

        @override
        def task_changed(self, task: Task, /) -> None:
            if task.phase not in self.phases:
                self.phases.append(task.phase)

    process = Watching()
    process.protect(world.add_machine("sql01").id)

    assert process.phases == [
        Phase.WAITING,
        Phase.CHECKPOINTING,
        Phase.COPYING,
        Phase.VERIFYING,
        Phase.SEALING,
        Phase.RECORDING,
        Phase.RELEASING,
        Phase.MERGING,
        Phase.DONE,
    ]


def test_point_is_recorded_with_what_was_frozen_and_when(
    store: Store, process: Process, vm: Machine
) -> None:
    run = process.protect(vm.id)

    recorded = store.points.list("reference")
    assert [one.point.ref for one in recorded] == [only_task(run).point]
    assert recorded[0].verified_at is not None
    assert recorded[0].point.created_at == only_row(store, run).held_at
    assert recorded[0].point.job == "gold"


def test_without_verification_the_point_is_not_called_verified(
    store: Store, process: Process, vm: Machine
) -> None:
    run = process.protect(vm.id, verify=False)

    assert not only_task(run).is_verified
    assert store.points.list("reference")[0].verified_at is None


def test_checkpoint_bears_the_name_of_the_job_while_it_is_held(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    seen: list[str] = []

    def look(_progress: CopyProgress) -> bool:
        seen.append(vm.frozen[0].name)
        return False

    process.cancel_at = look
    run = process.protect(vm.id)

    tag = only_row(store, run).tag
    assert set(seen) == {f"safepoint gold ({tag})"}


def test_failed_vm_does_not_stop_the_others(world: World, store: Store, process: Process) -> None:
    names = ("sql01", "web01", "app01")
    first, second, third = (world.add_machine(name) for name in names)
    world.add_foreign_checkpoint(second.id)

    run = process.protect(first.id, second.id, third.id)

    assert run.state is RunState.PARTIAL
    assert [t.state for t in run.tasks] == [
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.SUCCEEDED,
    ]


# --- refused before anything is begun -----------------------------------------------------------


def test_backup_checkpoint_of_another_product_is_refused_and_untouched(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    foreign = world.add_foreign_checkpoint(vm.id)
    world.clock.sleep(7200)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "conflict"
    assert "(2 h old)" in error_of(run)["message"]
    assert leftovers(world, store, wanted=frozenset({foreign.id})) == ()
    assert world.writes == []


def test_user_checkpoint_of_somebody_else_is_no_obstacle(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    from safepoint.models.checkpoints import CheckpointKind

    mine = world.add_foreign_checkpoint(vm.id, name="mine", kind=CheckpointKind.STANDARD)

    run = process.protect(vm.id)

    assert run.state is RunState.SUCCEEDED
    assert leftovers(world, store, wanted=frozenset({mine.id})) == ()


def test_vm_without_its_storage_is_refused(process: Process, vm: Machine) -> None:
    vm.power = PowerState.CRITICAL

    error = error_of(process.protect(vm.id))

    assert error["code"] == "conflict"
    assert "lost its storage" in error["message"]


def test_vm_that_stays_busy_is_refused_by_its_activity(process: Process, vm: Machine) -> None:
    vm.activity = Activity.MIGRATING

    error = error_of(process.protect(vm.id))

    assert error["code"] == "busy"
    assert "migrating" in error["message"]


def test_vm_that_is_busy_for_a_moment_is_waited_for(
    world: World, process: Process, vm: Machine
) -> None:
    other = world.add_foreign_checkpoint(vm.id)
    world.thaw(vm, other)
    assert vm.merges

    assert process.protect(vm.id).state is RunState.SUCCEEDED


def test_vm_that_is_no_more_is_not_found(
    world: World, process: Process, vm: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = process.workload(vm.id)
    del world.machines[vm.id]

    monkeypatch.setattr(process, "workload", lambda _ident: workload)  # the list is stale
    error = error_of(process.protect(vm.id))

    assert error["code"] == "not-found"


def test_disk_that_cannot_be_frozen_is_named_in_a_warning(process: Process, vm: Machine) -> None:
    vm.unprotectable = frozenset({"disk1"})

    run = process.protect(vm.id)

    assert run.state is RunState.WARNING
    assert "disk1" in only_task(run).warnings[0]


# --- consistency --------------------------------------------------------------------------------


def test_guest_that_cannot_quiesce_fails_the_vm(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    vm.guest = GuestState.ABSENT

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "quiesce"
    assert only_row(store, run).state is CheckpointState.FAILED_CREATE
    assert leftovers(world, store) == ()


def test_guest_that_cannot_quiesce_is_taken_as_it_is_when_the_policy_allows(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    vm.guest = GuestState.ABSENT

    run = process.protect(vm.id, may_fall_back=True)

    assert run.state is RunState.WARNING
    assert only_task(run).consistency == "crash"
    assert only_task(run).warnings[0].startswith("crash-consistent only: ")
    assert leftovers(world, store) == ()


def test_silent_fall_back_of_the_hypervisor_fails_the_vm(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.weaken()

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "quiesce"
    assert world.repository.points == {}
    assert only_row(store, run).state is CheckpointState.RELEASED
    assert leftovers(world, store) == ()


def test_silent_fall_back_of_the_hypervisor_is_a_warning_when_allowed(
    world: World, process: Process, vm: Machine
) -> None:
    world.faults.weaken()

    run = process.protect(vm.id, may_fall_back=True)

    assert run.state is RunState.WARNING
    assert only_task(run).consistency == "crash"


def test_frozen_file_systems_are_the_best_a_linux_guest_has(process: Process, vm: Machine) -> None:
    vm.guest_os = "linux"

    run = process.protect(vm.id)

    assert run.state is RunState.SUCCEEDED
    assert only_task(run).consistency == "filesystem"


def test_silent_hypervisor_is_believed_to_have_done_what_it_granted(
    world: World, process: Process, vm: Machine
) -> None:
    world.tells_consistency = False

    run = process.protect(vm.id, consistency=Consistency.FILESYSTEM)

    assert run.state is RunState.SUCCEEDED
    assert only_task(run).consistency == "filesystem"


# --- creation goes wrong ------------------------------------------------------------------------


def test_refused_creation_leaves_a_final_row(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.refuse("create_checkpoint", BusyError("another checkpoint is being made"))

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "busy"
    assert only_row(store, run).state is CheckpointState.FAILED_CREATE


def test_lost_answer_to_a_creation_that_happened_is_found_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.lose_answer("create_checkpoint")

    run = process.protect(vm.id)

    assert run.state is RunState.WARNING
    assert only_task(run).warnings == ("the answer to its creation was lost",)
    assert [w.call for w in world.writes].count("create_checkpoint") == 1
    assert leftovers(world, store) == ()


def test_lost_answer_to_a_creation_that_never_happened_fails_the_vm(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.lose_answer("create_checkpoint", after_effect=False)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "run-failed"
    assert "no checkpoint was made" in error_of(run)["message"]
    assert only_row(store, run).state is CheckpointState.FAILED_CREATE


def test_request_that_arrives_seconds_late_is_waited_for(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.lose_answer_and_come_late("create_checkpoint", late_seconds=8.0)

    run = process.protect(vm.id)

    assert run.state is RunState.WARNING
    assert leftovers(world, store) == ()


def test_forgotten_creation_is_found_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.forget("create_checkpoint")

    run = process.protect(vm.id)

    assert run.state is RunState.WARNING
    assert leftovers(world, store) == ()


def test_creation_that_does_not_end_in_time_is_settled_once_it_has(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.slow("create_checkpoint", 1000.0)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "run-timed-out"
    assert only_row(store, run).state is CheckpointState.LOST

    settled = process.recover()
    assert [one.is_settled for one in settled] == [True]
    assert only_row(store, run).state is CheckpointState.RELEASED
    assert leftovers(world, store) == ()


def test_creation_that_ended_unseen_and_was_forgotten_is_reported_not_guessed(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    """Hours late and under the host's name, it may as well be another product's."""
    world.faults.slow("create_checkpoint", 5000.0)
    run = process.protect(vm.id)
    world.clock.sleep(9000.0)

    (settled,) = process.recover()

    assert not settled.is_settled
    assert "may be the one whose creation we lost track of" in settled.problem
    assert only_row(store, run).state is CheckpointState.LOST
    assert len(world.checkpoint_ids()) == 1

    world.thaw(vm, vm.frozen[0])  # a person decided
    assert [one.is_settled for one in process.recover()] == [True]
    assert only_row(store, run).state is CheckpointState.FAILED_CREATE
    assert leftovers(world, store) == ()


def test_creation_that_never_ends_stays_open_and_is_reported(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.slow("create_checkpoint")
    run = process.protect(vm.id)

    (settled,) = process.recover()

    assert not settled.is_settled
    assert "still busy" in settled.problem
    assert only_row(store, run).state is CheckpointState.LOST


def test_failed_creation_that_left_a_checkpoint_is_cleaned_up(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    failure = Failure("vendor-fault", "it says it failed", leaves_effect=True)
    world.faults.fail("create_checkpoint", failure)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "vendor-fault"
    assert only_row(store, run).state is CheckpointState.RELEASED
    assert leftovers(world, store) == ()


def test_name_that_cannot_be_given_is_only_a_warning(
    world: World, process: Process, vm: Machine
) -> None:
    world.faults.refuse("rename_checkpoint", PermissionDeniedError("not allowed"))

    run = process.protect(vm.id)

    assert run.state is RunState.WARNING
    assert "could not be renamed" in only_task(run).warnings[0]


# --- copying goes wrong -------------------------------------------------------------------------


def test_failed_copy_keeps_its_error_and_leaves_nothing(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.break_copy(StorageFullError("no room in the repository"))

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "storage-full"
    assert only_task(run).is_released
    assert leftovers(world, store) == ()


def test_copy_that_stored_something_else_is_no_restore_point(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.corrupt_copy()

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "damaged-data"
    assert world.repository.points == {}
    assert leftovers(world, store) == ()


def test_repository_that_is_away_does_not_keep_the_checkpoint_alive(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    gone = UnreachableError("the repository is away")
    world.faults.break_copy(gone)
    world.faults.refuse("discard", gone)

    run = process.protect(vm.id)

    assert error_of(run)["message"] == "the repository is away"
    assert world.checkpoint_ids() == frozenset()
    assert only_row(store, run).state is CheckpointState.MERGING, "the data is not discarded yet"
    assert world.repository.unsealed != {}

    process.recover()
    assert leftovers(world, store) == ()


def test_defect_in_a_driver_releases_the_checkpoint_too(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.refuse("copy", ZeroDivisionError("a defect"))  # type: ignore[arg-type]  # on purpose

    with pytest.raises(ZeroDivisionError):
        process.protect(vm.id)

    assert world.checkpoint_ids() == frozenset()
    assert store.checkpoints.open() == ()


# --- releasing goes wrong -----------------------------------------------------------------------


def test_lost_answer_to_a_deletion_is_settled_by_looking(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.lose_answer("delete_checkpoint")

    run = process.protect(vm.id)

    assert run.state is RunState.SUCCEEDED
    assert [w.call for w in world.writes].count("delete_checkpoint") == 1
    assert leftovers(world, store) == ()


def test_deletion_that_never_arrived_is_asked_for_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.lose_answer("delete_checkpoint", after_effect=False)

    assert process.protect(vm.id).state is RunState.SUCCEEDED
    assert leftovers(world, store) == ()


def test_forgotten_deletion_is_settled_by_looking(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.forget("delete_checkpoint")

    assert process.protect(vm.id).state is RunState.SUCCEEDED
    assert leftovers(world, store) == ()


def test_refused_and_failed_deletions_are_tried_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.refuse("delete_checkpoint", BusyError("busy"), times=3)
    world.faults.fail("delete_checkpoint", Failure("vendor-fault", "no"), times=2)

    run = process.protect(vm.id)

    assert run.state is RunState.SUCCEEDED
    history = store.checkpoints.history(only_row(store, run).tag)
    assert [h.after for h in history].count(CheckpointState.RELEASE_FAILED) == 5
    assert leftovers(world, store) == ()


def test_deletion_that_is_not_allowed_is_not_tried_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    denied = PermissionDeniedError("not allowed to delete", hint="Ask for the right.")
    world.faults.refuse("delete_checkpoint", denied, times=2)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "checkpoint-left"
    assert "not allowed to delete" in error_of(run)["message"]
    assert "Ask for the right." in error_of(run)["hint"]
    assert only_task(run).is_released is False
    assert world.faults.refusals.take("delete_checkpoint") is denied, "only one was used up"
    assert only_row(store, run).state is CheckpointState.RELEASE_FAILED

    process.recover()
    assert leftovers(world, store) == ()


def test_stalled_merge_is_reported_and_the_row_stays_open(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.slow("merge")

    run = process.protect(vm.id)

    error = error_of(run)
    assert error["code"] == "checkpoint-left"
    assert ".avhdx" in error["message"]
    assert only_row(store, run).state is CheckpointState.MERGING
    assert only_task(run).point is not None
    assert len(store.points.list("reference")) == 1, "the point is good all the same"


def test_vm_whose_merge_stalls_gets_no_new_checkpoint(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.slow("merge")
    process.protect(vm.id)
    asked = len(world.writes)

    run = process.protect(vm.id)

    assert error_of(run)["code"] == "checkpoint-left"
    assert "create_checkpoint" not in [w.call for w in world.writes[asked:]]

    vm.merges.clear()
    assert process.protect(vm.id).state is RunState.SUCCEEDED
    assert leftovers(world, store) == ()


# --- cancelling ---------------------------------------------------------------------------------


def test_cancel_before_the_start_touches_nothing(
    world: World, process: Process, vm: Machine
) -> None:
    process.cancel.set()

    run = process.protect(vm.id)

    assert run.state is RunState.CANCELLED
    assert world.writes == []


@pytest.mark.parametrize("call", ["create_checkpoint", "rename_checkpoint", "copy", "verify_copy"])
def test_cancel_during_any_call_releases_and_seals_nothing(
    world: World, store: Store, vm: Machine, call: str
) -> None:
    from safepoint_lab.reference.tripwire import Tripwire

    class Nudged(Tripwire):
        @override
        def point(self, name: str) -> None:
            if name == f"before {call}":
                process.cancel.set()
            super().point(name)

    process = Process(world, store, Nudged())

    run = process.protect(vm.id)

    assert run.state is RunState.CANCELLED
    assert world.repository.points == {}
    assert leftovers(world, store) == ()


def test_cancel_in_mid_copy_releases_and_discards(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    process.cancel_at = lambda progress: progress.done_bytes >= 128

    run = process.protect(vm.id)

    assert run.state is RunState.CANCELLED
    assert only_row(store, run).state is CheckpointState.RELEASED
    assert only_task(run).is_released
    assert leftovers(world, store) == ()


def test_cancel_after_the_seal_keeps_the_point(world: World, store: Store, vm: Machine) -> None:
    from safepoint_lab.reference.tripwire import Tripwire

    class Nudged(Tripwire):
        @override
        def point(self, name: str) -> None:
            if name == "after seal":
                process.cancel.set()
            super().point(name)

    process = Process(world, store, Nudged())

    run = process.protect(vm.id)

    assert run.state is RunState.SUCCEEDED
    assert len(world.repository.points) == 1
    assert leftovers(world, store) == ()
