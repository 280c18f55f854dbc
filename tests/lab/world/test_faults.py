"""Every fault of the world itself can be armed by name, strikes where it should, and ends."""

from __future__ import annotations

import time

import pytest

from safepoint.errors import UnknownNameError, UsageError
from safepoint_lab.world.catalogue import CATALOGUE
from safepoint_lab.world.enums import (
    BusyStatus,
    CheckpointType,
    Consistency,
    JobState,
    MergePhase,
    NodeState,
    PowerState,
    ReturnValue,
    SnapshotRequest,
)
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import NotHereError, Refused

CREATE = "Msvm_VirtualSystemSnapshotService.CreateSnapshot"
RECOVERY = SnapshotRequest.RECOVERY
RUN_SECONDS = 20.0


def create(bench):
    """Start a recovery checkpoint, whatever becomes of it."""
    return bench.world.create_checkpoint(bench.vm.guid, node=bench.vm.node, request=RECOVERY)


def failed(bench):
    """Start one that must fail, and return its job."""
    job = create(bench)
    assert bench.world.wait_job(job, RUN_SECONDS)
    assert job.state is JobState.EXCEPTION
    assert bench.world.checkpoints(bench.vm.guid) == []
    assert bench.vm.busy is None
    return job


class TestBook:
    def test_a_fault_strikes_as_often_as_armed(self):
        book = FaultBook()
        book.arm("quota", times=2)
        struck = [book.take("quota") is not None for _ in range(4)]
        assert struck == [True, True, False, False]
        assert book.armed() == ()

    def test_until_cleared_means_until_cleared(self):
        book = FaultBook()
        book.arm("quota", times=None)
        assert all(book.take("quota") is not None for _ in range(5))
        assert book.clear("quota") == 1
        assert book.take("quota") is None

    def test_occasions_may_pass_first(self):
        book = FaultBook()
        book.arm("stall", skip=2)
        assert [book.take("stall") is not None for _ in range(4)] == [False, False, True, False]

    def test_filters_name_node_vm_and_operation(self):
        book = FaultBook()
        book.arm("disk-full", node="hv01", vm="sql01", times=None)
        assert book.take("disk-full", node="hv02", vms=("sql01",), operation=CREATE) is None
        assert book.take("disk-full", node="HV01", vms=("web01",), operation=CREATE) is None
        assert book.take("disk-full", node="HV01", vms=("X", "SQL01"), operation="Other") is None
        struck = book.take("disk-full", node="HV01", vms=("X", "SQL01"), operation=CREATE)
        assert struck is not None

    def test_values_override_those_of_the_catalogue(self):
        book = FaultBook()
        book.arm("stall", parameters={"seconds": "3"})
        assert book.take("stall") == {"seconds": "3"}

    def test_a_wrong_name_is_told_with_the_nearest_one(self):
        with pytest.raises(UnknownNameError) as error:
            FaultBook().arm("job-never-end")
        assert "job-never-ends" in error.value.hint

    def test_clearing_can_be_narrowed(self):
        book = FaultBook()
        book.arm("quota", node="hv01")
        book.arm("quota", node="hv02")
        assert book.clear("quota", node="hv01") == 1
        assert [armed.node for armed in book.armed()] == ["hv02"]


def test_names_are_unique_and_every_fault_says_what_it_does():
    names = [fault.name for fault in CATALOGUE]
    assert len(names) == len(set(names)) >= 38
    assert all(fault.title and fault.description for fault in CATALOGUE)


def test_vm_removed(bench):
    bench.world.arm_fault("vm-removed", vm="sql01")
    with pytest.raises(NotHereError):
        create(bench)
    with pytest.raises(NotHereError):
        bench.world.vm(bench.vm.guid)


def test_create_refused(bench):
    bench.world.arm_fault("create-refused", vm="sql01")
    with pytest.raises(Refused) as refused:
        create(bench)
    assert refused.value.return_value == ReturnValue.INVALID_STATE
    bench.finish(create(bench))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("vss-writer-failed", "0x800423F4"),
        ("stale-autorecovery", "0x80070050"),
        ("disk-full", "0x80070070"),
    ],
)
def test_failing_checkpoint_jobs_say_why(bench, fault, code):
    bench.world.arm_fault(fault, vm="sql01")
    job = failed(bench)
    assert job.error_code == ReturnValue.FAILED
    assert code in (job.error_description or "")
    bench.finish(create(bench))


def test_a_stale_file_lies_beside_the_disk(bench):
    bench.world.arm_fault("stale-autorecovery", vm="sql01")
    failed(bench)
    assert "disk0-AutoRecovery.avhdx" in bench.files()


def test_no_guest_quiesce_holds_until_cleared(world, bench_of):
    bench = bench_of(world, "web01")
    world.arm_fault("no-guest-quiesce")
    assert "cannot be quiesced" in (failed(bench).error_description or "")
    failed(bench)
    bench_of(world, "sql01").checkpoint()
    world.clear_fault("no-guest-quiesce")
    bench.checkpoint()


def test_silent_fallback(bench):
    bench.world.arm_fault("silent-fallback", vm="sql01")
    bench.run(30)
    assert bench.checkpoint().consistency is Consistency.CRASH


def test_foreign_checkpoint_appears_at_once(bench):
    bench.world.arm_fault("foreign-recovery-checkpoint", vm="sql01")
    (foreign,) = bench.world.checkpoints(bench.vm.guid)
    assert foreign.type is CheckpointType.RECOVERY
    assert foreign.name.startswith("Veeam Recovery Checkpoint")
    bench.checkpoint()
    with pytest.raises(UsageError):
        bench.world.arm_fault("foreign-recovery-checkpoint")


def test_a_second_recovery_checkpoint_can_be_refused(bench):
    bench.world.arm_fault("second-recovery-refused", times=None)
    bench.checkpoint()
    with pytest.raises(Refused):
        create(bench)


def test_job_warnings(bench):
    bench.world.arm_fault("job-warnings", vm="sql01")
    job = create(bench)
    assert bench.world.wait_job(job, RUN_SECONDS)
    assert (job.state, job.error_code) == (JobState.COMPLETED_WITH_WARNINGS, 0)
    assert job.messages
    assert len(bench.world.checkpoints(bench.vm.guid)) == 1


def test_job_vanishes_and_its_work_is_done(bench):
    bench.world.arm_fault("job-vanishes", vm="sql01")
    job = create(bench)
    assert bench.world.wait_job(job, RUN_SECONDS)
    with pytest.raises(NotHereError):
        bench.world.job(job.guid, node=bench.vm.node)
    assert len(bench.world.checkpoints(bench.vm.guid)) == 1


def test_job_never_ends_until_cleared(bench):
    bench.world.arm_fault("job-never-ends", vm="sql01")
    job = create(bench)
    assert not bench.world.wait_job(job, 0.1)
    assert bench.world.job(job.guid, node=bench.vm.node).percent == 40
    with pytest.raises(Refused) as refused:
        bench.world.cancel_job(job.guid, 4, node=bench.vm.node)
    assert refused.value.return_value == ReturnValue.INVALID_TRANSITION
    with pytest.raises(Refused):
        create(bench)
    bench.world.clear_fault("job-never-ends")
    assert job.state is JobState.EXCEPTION
    bench.checkpoint()


def test_job_killed(bench):
    bench.world.arm_fault("job-killed", vm="sql01")
    job = create(bench)
    assert bench.world.wait_job(job, RUN_SECONDS)
    assert job.state is JobState.KILLED
    assert bench.world.checkpoints(bench.vm.guid) == []
    bench.checkpoint()


def test_a_job_can_be_cancelled_before_its_work(make_world, bench_of):
    bench = bench_of(make_world(speed=1.0), "sql01")
    job = create(bench)
    bench.world.cancel_job(job.guid, 4, node=bench.vm.node)
    assert job.state is JobState.TERMINATED
    assert bench.vm.busy is None
    with pytest.raises(Refused):
        bench.world.cancel_job(job.guid, 4, node=bench.vm.node)
    with pytest.raises(Refused):
        bench.world.cancel_job(job.guid, 7, node=bench.vm.node)


def test_vmms_restart_loses_jobs_and_refuses_for_a_while(make_world, bench_of):
    bench = bench_of(make_world(speed=2.0), "sql01")
    bench.world.arm_fault("vmms-restart", vm="sql01", parameters={"seconds": "0.4"})
    node = bench.vm.node
    job = create(bench)
    assert bench.world.wait_until(lambda: job.finished, RUN_SECONDS)
    with pytest.raises(NotHereError):
        bench.world.job(job.guid, node=node)
    with pytest.raises(Refused) as refused:
        create(bench)
    assert refused.value.return_value == ReturnValue.NOT_AVAILABLE
    (checkpoint,) = bench.world.checkpoints(bench.vm.guid)
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        try:
            bench.destroy(checkpoint)
            break
        except Refused:
            bench.world.wait_until(lambda: False, 0.05)
    assert bench.world.checkpoints(bench.vm.guid) == []


def test_merge_stalls_until_cleared(bench):
    checkpoint = bench.checkpoint()
    bench.world.arm_fault("merge-stalls", vm="sql01", times=2)
    bench.finish(bench.world.destroy_checkpoint(checkpoint.guid, node=bench.vm.node))
    merges = bench.world.merges(bench.vm.guid)
    assert bench.world.wait_until(
        lambda: all(item.phase is MergePhase.STALLED for item in merges), 1.0
    ) or all(item.phase is MergePhase.STALLED for item in merges)
    assert bench.vm.busy is BusyStatus.MERGING_DISKS
    assert bench.vm.disks[0].path.endswith(".avhdx")
    bench.world.clear_fault("merge-stalls")
    assert bench.world.wait_merged("sql01", RUN_SECONDS)
    assert bench.all_is_shadow()
    assert bench.vm.busy is None


def test_merge_fails_silently_and_can_be_tried_again(bench):
    checkpoint = bench.checkpoint()
    bench.world.arm_fault("merge-fails", vm="sql01", times=2)
    bench.finish(bench.world.destroy_checkpoint(checkpoint.guid, node=bench.vm.node))
    assert bench.world.wait_merged("sql01", RUN_SECONDS)
    assert bench.vm.busy is None
    assert bench.vm.disks[0].path.endswith(".avhdx")
    bench.run(40)
    bench.world.clear_fault("merge-fails")
    assert bench.world.wait_merged("sql01", RUN_SECONDS)
    assert bench.vm.disks[0].path.endswith("disk0.vhdx")
    assert bench.all_is_shadow()


def test_vm_migrates_in_the_middle_of_a_job(make_world, bench_of):
    bench = bench_of(make_world(speed=2.0), "sql01")
    bench.world.arm_fault("vm-migrates", vm="sql01")
    before = bench.vm.node
    job = create(bench)
    assert bench.world.wait_job(job, RUN_SECONDS)
    assert bench.vm.node != before
    with pytest.raises(NotHereError):
        bench.world.job(job.guid, node=before)
    with pytest.raises(NotHereError):
        bench.world.vm(bench.vm.guid, node=before)
    assert len(bench.world.checkpoints(bench.vm.guid, node=bench.vm.node)) == 1


@pytest.mark.parametrize(("outcome", "checkpoints"), [("done", 1), ("undone", 0)])
def test_node_fails_over_in_the_middle_of_a_job(bench, outcome, checkpoints):
    bench.run(37)
    bench.world.arm_fault("node-fails-over", vm="sql01", parameters={"outcome": outcome})
    before = bench.vm.node
    create(bench)
    moved = bench.world.wait_until(lambda: bench.vm.node != before, 5.0)
    assert moved or bench.vm.node != before
    assert bench.world.node(before).state is NodeState.DOWN
    assert bench.world.jobs(before) == []
    assert len(bench.world.checkpoints(bench.vm.guid)) == checkpoints
    assert bench.vm.power is PowerState.RUNNING
    bench.run(20)
    assert bench.all_is_shadow()


def test_node_down_holds_until_cleared(bench):
    before = bench.vm.node
    bench.world.arm_fault("node-down", node=before)
    assert bench.vm.node != before
    bench.world.clear_fault("node-down")
    assert bench.world.node(before).state is NodeState.UP


def test_share_offline_stops_vms_and_checkpoints_and_comes_back(bench):
    path = bench.world.host_path(bench.vm.disks[0].path)
    bench.world.arm_fault("share-offline")
    assert not path.exists()
    assert bench.vm.operational_status == [3]
    assert "0x80070035" in (failed(bench).error_description or "")
    assert not bench.guest.step()
    bench.world.clear_fault("share-offline")
    assert path.exists()
    bench.run(20)
    assert bench.all_is_shadow()


def test_a_merge_that_meets_an_offline_share_goes_on_afterwards(make_world, bench_of):
    bench = bench_of(make_world(speed=2.0), "sql01")
    checkpoint = bench.checkpoint()
    bench.finish(bench.world.destroy_checkpoint(checkpoint.guid, node=bench.vm.node))
    bench.world.arm_fault("share-offline")
    assert bench.world.wait_merged("sql01", RUN_SECONDS)
    assert bench.vm.disks[0].path.endswith(".avhdx")
    bench.world.clear_fault()
    assert bench.world.wait_merged("sql01", RUN_SECONDS)
    assert bench.vm.disks[0].path.endswith("disk0.vhdx")
    assert bench.all_is_shadow()


def test_clock_skew_rights_and_language_belong_to_one_node(world):
    world.arm_fault("clock-skew", node="hv02", parameters={"seconds": "7200"})
    world.arm_fault("localised", node="hv02")
    world.arm_fault("not-hyperv-admin", node="hv02")
    assert (world.now("hv02") - world.now("hv01")).total_seconds() > 7000
    assert (world.node("hv01").locale, world.node("hv02").locale) == ("en-US", "de-DE")
    assert not world.node("hv02").rights.hyperv_admin
    assert world.clear_fault() == 3
    assert abs((world.now("hv02") - world.now("hv01")).total_seconds()) < 10
    assert world.node("hv02").locale == "en-US"
    assert world.node("hv02").rights.hyperv_admin
