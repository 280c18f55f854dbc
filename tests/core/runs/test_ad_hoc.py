"""Checkpoints by hand: made before a patch, reverted after a bad one, deleted when all is well."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safepoint.errors import (
    BusyError,
    ConflictError,
    LeaseHeldError,
    OutcomeUnknownError,
    QuiesceError,
    RunFailedError,
    RunTimedOutError,
    UnknownNameError,
    VendorFaultError,
)
from safepoint.lifecycle import CheckpointEvent, CheckpointState
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint.runs.hold import Held
from safepoint.runs.recover import lease_key
from safepoint.store import Intent, Lease, Store
from safepoint_lab.reference import Failure, Machine, World
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.processes import Process
from safepoint_lab.reference.tripwire import SimulatedCrash


@pytest.fixture
def vm(world: World) -> Machine:
    return world.add_machine("sql01")


@pytest.fixture
def by_hand(process: Process) -> AdHoc:
    return AdHoc(process.crew)


def create(process: Process, vm: Machine, wish: AdHocWish | None = None) -> Held:
    return AdHoc(process.crew).create(process.workload(vm.id), wish or AdHocWish())


def only_checkpoint(process: Process, vm: Machine) -> Checkpoint:
    (found,) = process.crew.checkpoints_of(process.workload(vm.id).ref)
    return found


def test_checkpoint_stays_until_it_is_deleted(
    world: World, store: Store, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    held = create(process, vm)

    assert process.recover() == (), "a sweep must not take it away"
    assert process.protect(vm.id).state.value == "succeeded"
    assert leftovers(world, store, wanted=frozenset({held.checkpoint.ref.id})) == ()

    row = by_hand.delete(only_checkpoint(process, vm))
    assert row.state is CheckpointState.RELEASED
    assert leftovers(world, store) == ()


def test_wished_name_and_expiry_are_kept(store: Store, process: Process, vm: Machine) -> None:
    expires = process.store.clock() + timedelta(hours=4)
    held = create(process, vm, AdHocWish(name="before patch", expires_at=expires))

    assert only_checkpoint(process, vm).name == "before patch"
    assert store.checkpoints.get(held.row.tag).expires_at == expires


def test_name_that_somebody_uses_already_is_not_taken_for_ours(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    """Our request is lost, and there is another owner's checkpoint of the very name."""
    kind = CheckpointKind.PRODUCTION
    theirs = world.add_foreign_checkpoint(vm.id, name="before patch", kind=kind)
    world.faults.lose_answer("create_checkpoint", after_effect=False)

    with pytest.raises(RunFailedError, match="no checkpoint was made"):
        create(process, vm, AdHocWish(name="before patch"))

    assert leftovers(world, store, wanted=frozenset({theirs.id})) == ()


def test_revert_brings_the_data_back_and_keeps_the_checkpoint(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    create(process, vm)
    good = dict(vm.contents)
    world.write(vm.id, b"bad patch")

    by_hand.revert(only_checkpoint(process, vm), stop_running=True)

    assert vm.contents == good
    assert len(vm.frozen) == 1


def test_running_vm_is_not_put_back_by_accident(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    create(process, vm)
    world.write(vm.id, b"new data")

    with pytest.raises(ConflictError):
        by_hand.revert(only_checkpoint(process, vm))

    assert vm.contents["disk0"].startswith(b"new data")


def test_vm_that_is_off_can_be_put_back(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    create(process, vm)
    good = dict(vm.contents)
    world.write(vm.id, b"bad patch")
    vm.power = PowerState.OFF

    by_hand.revert(only_checkpoint(process, vm))

    assert vm.contents == good


def test_backup_checkpoint_is_never_applied(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    world.add_foreign_checkpoint(vm.id)

    with pytest.raises(ConflictError, match="not one to revert to"):
        by_hand.revert(only_checkpoint(process, vm), stop_running=True)


@pytest.mark.parametrize("how", ["fail", "forget", "slow"])
def test_revert_that_was_not_seen_to_end_is_no_success(
    world: World, process: Process, by_hand: AdHoc, vm: Machine, how: str
) -> None:
    create(process, vm)
    expected: type[Exception]
    if how == "fail":
        world.faults.fail("revert_checkpoint", Failure("vendor-fault", "no"))
        expected = VendorFaultError
    elif how == "forget":
        world.faults.forget("revert_checkpoint")
        expected = OutcomeUnknownError
    else:
        world.faults.slow("revert_checkpoint")
        expected = RunTimedOutError

    with pytest.raises(expected):
        by_hand.revert(only_checkpoint(process, vm), stop_running=True)


def test_another_owners_checkpoint_is_never_deleted(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    theirs = world.add_foreign_checkpoint(vm.id, kind=CheckpointKind.PRODUCTION)

    with pytest.raises(ConflictError, match="never deletes another owner's"):
        by_hand.delete(only_checkpoint(process, vm))

    assert [one.id for one in vm.frozen] == [theirs.id]
    assert world.writes == []


def test_standard_in_place_of_production_is_deleted_again(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.weaken()

    with pytest.raises(QuiesceError, match="standard checkpoint"):
        create(process, vm)

    assert leftovers(world, store) == ()


def test_standard_in_place_of_production_is_kept_with_a_warning_when_allowed(
    world: World, process: Process, vm: Machine
) -> None:
    world.faults.weaken()

    held = create(process, vm, AdHocWish(may_fall_back=True))

    assert held.checkpoint.kind is CheckpointKind.STANDARD
    assert "could not be quiesced" in held.warnings[0]


def test_refused_creation_leaves_nothing(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    world.faults.refuse("create_checkpoint", BusyError("busy"))

    with pytest.raises(BusyError):
        create(process, vm)

    assert leftovers(world, store) == ()


def test_checkpoint_left_by_a_failed_creation_does_not_count_as_wanted(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    failure = Failure("vendor-fault", "it says it failed", leaves_effect=True)
    world.faults.fail("create_checkpoint", failure)

    with pytest.raises(VendorFaultError):
        create(process, vm)

    assert leftovers(world, store) == ()


def test_creation_that_does_not_end_is_not_waited_for_twice(
    world: World, process: Process, vm: Machine
) -> None:
    world.faults.slow("create_checkpoint")
    before = world.clock.monotonic()

    with pytest.raises(RunTimedOutError):
        create(process, vm)

    assert world.clock.monotonic() - before < 1.5 * process.crew.deadlines.create_seconds


def test_vm_that_a_live_run_works_on_is_left_alone(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    other = Process(world, store, name="second")
    workload = process.workload(vm.id)
    store.leases.take(lease_key(workload.ref), other.executor.id, purpose="run 1")

    with pytest.raises(LeaseHeldError, match="run 1"):
        create(process, vm)

    assert world.writes == []


def test_leftover_of_a_dead_run_is_settled_first_its_data_included(
    world: World, store: Store, process: Process, vm: Machine
) -> None:
    """Someone makes a checkpoint by hand on a VM whose backup was killed in mid-copy."""
    dead = Process(world, store, name="dead")
    dead.cancel_at = lambda progress: dead.die() if progress.done_bytes >= 128 else False
    with pytest.raises(SimulatedCrash):
        dead.protect(vm.id)
    assert world.repository.unsealed != {}

    held = create(process, vm)
    process.recover()

    assert leftovers(world, store, wanted=frozenset({held.checkpoint.ref.id})) == ()


def test_finding_by_name_id_or_tag(process: Process, by_hand: AdHoc, vm: Machine) -> None:
    held = create(process, vm, AdHocWish(name="before patch"))
    present = process.crew.checkpoints_of(held.row.workload)

    for wanted in ("before patch", held.checkpoint.ref.id, str(held.checkpoint.ref), held.row.tag):
        assert by_hand.find(present, wanted).ref == held.checkpoint.ref


def test_finding_what_is_not_there_or_not_unique_names_what_there_is(
    world: World, process: Process, by_hand: AdHoc, vm: Machine
) -> None:
    for _ in range(2):
        world.add_foreign_checkpoint(vm.id, name="twin", kind=CheckpointKind.STANDARD)
    present = process.crew.checkpoints_of(process.workload(vm.id).ref)

    with pytest.raises(UnknownNameError, match="more than one checkpoint") as several:
        by_hand.find(present, "twin")
    with pytest.raises(UnknownNameError, match="no checkpoint") as none:
        by_hand.find(present, "typo")

    assert "'twin'" in several.value.hint
    assert "'twin'" in none.value.hint


def test_sweep_leaves_alone_what_became_wanted_while_it_waited(
    world: World, store: Store, vm: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep lists a creation under way; before it gets the lease, the creation is done."""
    creator = Process(world, store, name="creator")
    sweeper = Process(world, store, name="sweeper")
    workload = creator.workload(vm.id)
    lease = store.leases.take(lease_key(workload.ref), creator.executor.id, purpose="create")
    row = store.checkpoints.intend(
        lease,
        Intent(
            tag="0" * 16,
            connection="reference",
            workload=workload.ref,
            workload_name="sql01",
            name="before patch",
            kind=CheckpointKind.PRODUCTION,
            baseline=(),
        ),
    )
    row = store.checkpoints.note(lease, row, CheckpointEvent.ASK)
    made = world.add_foreign_checkpoint(vm.id, name=row.name, kind=CheckpointKind.PRODUCTION)
    native = Ref(kind="checkpoint", system=world.cluster, id=made.id)
    take = store.leases.take

    def creation_ends_first(key: str, holder: str, *, purpose: str) -> Lease:
        monkeypatch.undo()
        store.checkpoints.note(lease, row, CheckpointEvent.SEEN, native=native)
        store.leases.give_back(lease)
        return take(key, holder, purpose=purpose)

    monkeypatch.setattr(store.leases, "take", creation_ends_first)

    assert sweeper.recover() == ()
    assert [one.id for one in vm.frozen] == [made.id]
