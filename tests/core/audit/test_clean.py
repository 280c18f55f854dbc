"""Clean-up touches only what is proved ours or disowned and confirmed, and tells why it stops."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safepoint.audit import Clean, CleanAction, CleanOutcome, CleanWish, plan_cleaning
from safepoint.errors import BusyError, ConflictError, PermissionDeniedError, UnknownNameError
from safepoint.lifecycle import CheckpointState
from safepoint.models.audit_log import AuditOutcome
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.runs import RunLevel
from safepoint.models.workloads import Activity
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint_lab.reference.processes import Process, watch_journals
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire

VEEAM = "Veeam Recovery Checkpoint (0a1b2c3d.20260105200000)"
SHARE = r"\\fs01\vmstore1"


def disown(office, *vms: str) -> None:
    """Leave a checkpoint of a product on VMs whose job has ended since."""
    office.run_product(*vms, to_end=False)
    for vm in vms:
        office.plant(vm, VEEAM if vm == vms[0] else f"{VEEAM[:-1]}.{vm[:2].encode().hex()})")
    office.world.drain()


def leave_run(office, vm: str) -> None:
    """Let a run of ours die while it copies."""
    with watch_journals():
        process = Process(office.world, office.store, Tripwire(), name="dead")
        process.cancel_at = lambda _progress: process.die()
        with pytest.raises(SimulatedCrash):
            process.protect(office.vms[vm].id)


def outcomes(steps) -> list[tuple[str, str]]:
    return [(step.finding.vm, step.outcome.value) for step in steps]


def test_nothing_is_planned_in_an_estate_in_order(office) -> None:
    assert plan_cleaning(office.audit(), CleanWish()) == ()


def test_planning_changes_nothing(office) -> None:
    disown(office, "sql01")
    before = len(office.world.writes)
    steps = plan_cleaning(office.audit(), CleanWish())

    assert [(one.action, one.outcome) for one in steps] == [
        (CleanAction.ASK, CleanOutcome.PLANNED)
    ]
    assert len(office.world.writes) == before


def test_what_is_ours_goes_and_is_merged(office) -> None:
    leave_run(office, "sql01")
    assert len(office.left()) == 1

    steps = office.clean()
    assert outcomes(steps) == [("sql01", "cleaned")]
    assert office.left() == frozenset()
    assert office.world.is_merged(office.vms["sql01"].id)
    assert office.store.checkpoints.open() == ()


def test_what_was_to_stay_goes_once_it_has_expired(office) -> None:
    clock = office.world.clock
    with watch_journals():
        process = Process(office.world, office.store, name="hand")
        with process.running():
            wish = AdHocWish(expires_at=clock.now() + timedelta(hours=1))
            AdHoc(process.crew).create(process.workload(office.vms["sql01"].id), wish)
        process.lose_liveness()
    assert office.clean() == []

    clock.sleep(7200)
    assert outcomes(office.clean()) == [("sql01", "cleaned")]
    assert office.left() == frozenset()


def test_what_its_product_disowns_goes_when_confirmed_by_name(office) -> None:
    disown(office, "sql01")

    assert outcomes(office.clean()) == [("sql01", "left")]
    assert len(office.left()) == 1
    assert outcomes(office.clean(confirmed=(VEEAM,))) == [("sql01", "cleaned")]
    assert office.left() == frozenset()
    assert office.world.is_merged(office.vms["sql01"].id)


def test_every_step_is_in_the_audit_log(office) -> None:
    disown(office, "sql01")
    office.clean(confirmed=(VEEAM,))

    entries = [e for e in office.store.audit.entries() if "checkpoint:" in e.target]
    told = [(e.deed, e.outcome, e.detail.partition(":")[0]) for e in entries]
    assert told == [
        ("clean-remove", AuditOutcome.NOTED, "begun"),
        ("clean-remove", AuditOutcome.NOTED, "confirmed by name"),
        ("delete-checkpoint", AuditOutcome.ASKED, ""),
        ("delete-checkpoint", AuditOutcome.DONE, "delete"),
        ("clean-remove", AuditOutcome.NOTED, "cleaned"),
    ]
    assert entries[0].before is not None
    assert entries[0].before["name"] == VEEAM
    assert office.store.audit.verify() == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Bareos JobId 4711", CheckpointKind.BACKUP),
        (None, CheckpointKind.BACKUP),
        ("safepoint nightly (0123456789abcdef)", CheckpointKind.BACKUP),
        ("before update", CheckpointKind.STANDARD),
        ("replica", CheckpointKind.REPLICA),
        ("BE_Snapshot_1 - (x)", CheckpointKind.BACKUP),
    ],
)
def test_nobody_elses_can_be_confirmed_however_old(office, name, kind) -> None:
    made = office.freeze("sql01", name, kind, days=400)

    with pytest.raises(ConflictError, match="of sql01 is not disowned by its product: ") as told:
        office.clean(confirmed=(made.name,))
    (finding,) = office.audit().findings
    assert told.value.hint == finding.next_step
    assert office.clean() == []
    assert office.left() == {made.id}


def test_a_job_that_began_meanwhile_stops_the_step(office) -> None:
    disown(office, "sql01")
    steps = plan_cleaning(office.audit(), CleanWish(confirmed=(VEEAM,)))
    office.world.pace.create_seconds = 100
    office.world.backups.start(office.world, "gold", [office.vms["sql01"].id], RunLevel.AUTO)

    (done,) = _run(office, steps)
    assert done.outcome is CleanOutcome.LEFT
    assert "in-use" in done.reason
    assert len(office.left()) == 1


def test_a_checkpoint_that_was_exchanged_meanwhile_is_not_taken(office) -> None:
    disown(office, "sql01")
    steps = plan_cleaning(office.audit(), CleanWish(confirmed=(VEEAM,)))
    office.vms["sql01"].frozen[0].given_name = "renamed"

    (done,) = _run(office, steps)
    assert "is not what was audited" in done.reason
    assert len(office.left()) == 1


def _run(office, steps):
    work = Clean(
        office.crew,
        office.gather(),
        office.products,
        patience=office.patience,
        say=office.said.append,
    )
    return list(work.run(steps))


def test_a_busy_vm_is_left_with_the_reason_and_the_next_is_done(office) -> None:
    disown(office, "sql01", "web01")
    office.vms["sql01"].activity = Activity.MIGRATING
    names = tuple(one.name for one in office.audit().findings)

    steps = office.clean(confirmed=names)
    assert outcomes(steps) == [("sql01", "left"), ("web01", "cleaned")]
    assert steps[0].reason == "VM sql01 is busy: migrating"


def test_a_vm_that_a_live_process_holds_is_left(office) -> None:
    disown(office, "sql01")
    key = f"vm {office.world.cluster}/{office.vms['sql01'].id}"
    office.store.leases.take(key, office.executor.id, purpose="a run")

    (done,) = office.clean(confirmed=(VEEAM,))
    assert done.outcome is CleanOutcome.LEFT
    assert "is being worked on" in done.reason
    assert len(office.left()) == 1


def test_only_one_at_a_time_on_a_share(office) -> None:
    disown(office, "sql01")
    office.store.leases.take(f"clean {SHARE}", office.executor.id, purpose="another clean-up")

    (done,) = office.clean(confirmed=(VEEAM,))
    assert "another clean-up" in done.reason


def test_a_share_without_room_stops_everything_on_it(office) -> None:
    disown(office, "sql01", "web01")
    for vm in ("sql01", "web01"):
        office.world.storage.layer_bytes[office.vms[vm].frozen[0].layer] = 5 << 30
    office.world.storage.free_bytes[SHARE] = 1 << 30
    names = tuple(one.name for one in office.audit().findings)

    first, second = office.clean(confirmed=names)
    assert first.reason == f"{SHARE} has 1.0 GiB left, and the merge may need 5.0 GiB"
    assert second.reason.startswith("not begun: ")
    assert len(office.left()) == 2


def test_a_merge_that_does_not_end_stops_the_share(office) -> None:
    disown(office, "sql01", "web01")
    office.world.faults.slow("merge")
    names = tuple(one.name for one in office.audit().findings)

    first, second = office.clean(confirmed=names)
    assert "is deleted, and its files are not merged yet" in first.reason
    assert second.reason.startswith("not begun: ")
    assert len(office.left()) == 1


def test_a_lost_answer_is_looked_after_and_not_repeated(office) -> None:
    disown(office, "sql01")
    office.world.faults.lose_answer("delete_checkpoint")

    assert outcomes(office.clean(confirmed=(VEEAM,))) == [("sql01", "cleaned")]
    assert [w.call for w in office.world.writes].count("delete_checkpoint") == 1


@pytest.mark.parametrize("error", [BusyError("not now"), PermissionDeniedError("no right")])
def test_a_refusal_is_the_reason(office, error) -> None:
    disown(office, "sql01")
    office.world.faults.refuse("delete_checkpoint", error)

    (done,) = office.clean(confirmed=(VEEAM,))
    assert (done.outcome, done.reason) == (CleanOutcome.LEFT, error.message)
    assert len(office.left()) == 1
    assert office.store.leases.held() == {}


def test_only_the_vms_that_were_named(office) -> None:
    leave_run(office, "sql01")
    leave_run(office, "web01")

    assert outcomes(office.clean(vms=("WEB01",))) == [("web01", "cleaned")]
    states = {row.workload_name: row.state for row in office.store.checkpoints.open()}
    assert states == {"sql01": CheckpointState.COPYING}


def test_names_that_need_no_word_are_refused_with_the_reason(office) -> None:
    disown(office, "sql01")
    leave_run(office, "web01")
    ours = office.store.checkpoints.open()[0].name

    with pytest.raises(UnknownNameError, match="is disowned by its product"):
        office.clean(confirmed=("Veeam",))
    with pytest.raises(UnknownNameError, match="our own and needs no --confirm"):
        office.clean(confirmed=(ours,))
    with pytest.raises(UnknownNameError, match="of VM sql01, which --vm leaves out"):
        office.clean(confirmed=(VEEAM,), vms=("web01",))
    assert len(office.left()) == 2


def test_an_interrupted_step_is_told_in_the_log(office) -> None:
    """The host goes on by itself; who reads the log later sees that nobody waited."""
    disown(office, "sql01")
    office.world.faults.slow("merge")
    steps = plan_cleaning(office.audit(), CleanWish(confirmed=(VEEAM,)))
    office.world.clock.sleep = _interrupt

    with pytest.raises(KeyboardInterrupt):
        _run(office, steps)
    last = office.store.audit.entries()[-1]
    assert (last.deed, last.detail.partition(";")[0]) == ("clean-remove", "left: interrupted")
    assert office.store.leases.held() == {}


def _interrupt(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_a_second_time_finds_nothing_to_do(office) -> None:
    leave_run(office, "sql01")
    office.clean()

    assert office.clean() == []
