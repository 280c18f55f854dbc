"""Checkpoints freeze what the guest had written, and vanish without changing what it has now."""

from __future__ import annotations

import threading

import pytest

from safepoint_lab.world.bank import State
from safepoint_lab.world.enums import (
    BusyStatus,
    CheckpointType,
    Consistency,
    JobState,
    JobType,
    PowerState,
    ReturnValue,
    SnapshotRequest,
    UserSnapshotType,
)
from safepoint_lab.world.model import NotHereError, Refused
from safepoint_lab.world.port import VmChanges

FULL = SnapshotRequest.FULL
NOTHING: dict[str, list[int]] = {"scsi0.0": [], "scsi0.1": []}


def test_an_application_consistent_checkpoint_shows_the_bank_at_rest(bench):
    bench.run(60)
    checkpoint = bench.checkpoint()
    truth = bench.world.truth(checkpoint.guid)
    assert (truth.state, truth.transaction > 10) == (State.APPLICATION, True)
    assert checkpoint.type is CheckpointType.RECOVERY
    assert checkpoint.consistency is Consistency.APPLICATION
    assert bench.differing(checkpoint) == NOTHING


def test_a_crash_consistent_checkpoint_shows_a_running_bank(bench):
    bench.run(61)
    checkpoint = bench.checkpoint(consistency=Consistency.CRASH)
    assert bench.world.truth(checkpoint.guid).state == State.CRASH
    assert bench.differing(checkpoint) == NOTHING


def test_what_was_frozen_stays_while_the_guest_goes_on(bench):
    bench.run(20)
    checkpoint = bench.checkpoint()
    bench.run(300)
    bench.guest.write_file("/DATA/NEW.BIN", b"n" * 700_000)
    assert bench.differing(checkpoint) == NOTHING
    assert bench.all_is_shadow()
    assert bench.vm.disks[0].path.endswith("-AutoRecovery.avhdx")


def test_after_delete_and_merge_the_vm_stands_on_its_base_with_every_write(bench):
    bench.run(40)
    checkpoint = bench.checkpoint()
    bench.run(200)
    bench.guest.write_file("/DATA/NEW.BIN", b"n" * 700_000)
    bench.destroy(checkpoint)
    assert [disk.path for disk in bench.vm.disks] == [
        r"\\fs01\vmstore1\sql01\disk0.vhdx",
        r"\\fs01\vmstore1\sql01\disk1.vhdx",
    ]
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}
    assert bench.all_is_shadow()
    assert bench.guest.read_file("/DATA/NEW.BIN") == b"n" * 700_000
    with pytest.raises(NotHereError):
        bench.world.checkpoint(checkpoint.guid)
    assert bench.world.truth(checkpoint.guid).vm_name == "sql01"


def test_merges_lose_nothing_while_the_guest_writes_all_the_time(bench, rng):
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            bench.guest.step()
            number += 1
            if number % 40 == 0:
                data = rng.randbytes(rng.randrange(1, 90_000))
                bench.guest.write_file(f"/DATA/W{number % 7}.BIN", data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(6):
            checkpoint = bench.checkpoint(consistency=Consistency.CRASH)
            assert bench.differing(checkpoint) == NOTHING
            bench.destroy(checkpoint)
            assert bench.all_is_shadow()
    finally:
        stop.set()
        writer.join()
    assert bench.guest.verdict().state is not State.TORN


def test_delete_ends_before_the_merge_does(make_world, bench_of):
    bench = bench_of(make_world(speed=4.0), "sql01")
    checkpoint = bench.checkpoint()
    job = bench.world.destroy_checkpoint(checkpoint.guid, node=bench.vm.node)
    bench.finish(job)
    assert bench.vm.busy is BusyStatus.MERGING_DISKS
    assert bench.vm.operational_status == [2, 32772]
    assert bench.vm.disks[0].path.endswith(".avhdx")
    assert JobType.MERGE_DISKS in {job.type for job in bench.world.jobs(bench.vm.node)}
    assert bench.world.checkpoints(bench.vm.guid) == []
    with pytest.raises(Refused) as refused:
        bench.checkpoint()
    assert refused.value.return_value == ReturnValue.INVALID_STATE
    assert bench.world.wait_merged("sql01")
    assert bench.vm.busy is None


def test_the_result_is_told_only_when_the_job_is_done(make_world, bench_of):
    bench = bench_of(make_world(speed=2.0), "sql01")
    job = bench.world.create_checkpoint(
        bench.vm.guid, node=bench.vm.node, request=SnapshotRequest.RECOVERY
    )
    seen = bench.world.job(job.guid, node=bench.vm.node)
    assert (seen.state, seen.affected) == (JobState.RUNNING, [])
    assert bench.vm.busy is BusyStatus.CREATING_SNAPSHOT
    with pytest.raises(Refused):
        bench.checkpoint()
    bench.finish(job)
    assert [(row.kind, row.effect) for row in job.affected] == [("checkpoint", 5), ("vm", 0)]
    assert job.percent == 100


def test_deleting_in_the_middle_of_a_chain_keeps_the_others(bench):
    first = bench.checkpoint(FULL)
    bench.run(50)
    second = bench.checkpoint(FULL)
    bench.run(50)
    third = bench.checkpoint(FULL)
    bench.run(50)
    bench.destroy(second)
    assert bench.world.checkpoint(third.guid).parent == first.guid
    assert bench.differing(bench.world.checkpoint(third.guid)) == NOTHING
    assert bench.differing(bench.world.checkpoint(first.guid)) == NOTHING
    bench.destroy(first)
    assert bench.differing(bench.world.checkpoint(third.guid)) == NOTHING
    assert bench.all_is_shadow()
    bench.destroy(third)
    assert bench.all_is_shadow()
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}


def test_applying_brings_disks_and_guest_back(bench):
    bench.guest.write_file("/SYSTEM/NOTE.TXT", b"before")
    bench.run(30)
    checkpoint = bench.checkpoint(FULL)
    truth = bench.world.truth(checkpoint.guid)
    bench.guest.apply_patch("4.3.0-bad")
    bench.guest.write_file("/SYSTEM/NOTE.TXT", b"after!")
    assert not bench.guest.inspect().app.ok
    bench.power(3)
    bench.apply(checkpoint)
    assert bench.all_is_shadow()
    bench.power(2)
    report = bench.guest.inspect()
    assert (report.app.version, report.app.ok) == ("4.2.0", True)
    assert bench.guest.read_file("/SYSTEM/NOTE.TXT") == b"before"
    assert bench.guest.verdict().transaction == truth.transaction
    bench.run(50)
    assert bench.guest.committed > truth.transaction
    bench.destroy(checkpoint)
    assert bench.all_is_shadow()
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}


def test_branches_can_be_visited_back_and_forth(bench):
    bench.run(20)
    first = bench.checkpoint(FULL)
    bench.guest.write_file("/SYSTEM/A.TXT", b"branch a")
    second = bench.checkpoint(FULL)
    bench.power(3)
    bench.apply(first)
    bench.power(2)
    with pytest.raises(FileNotFoundError):
        bench.guest.read_file("/SYSTEM/A.TXT")
    bench.guest.write_file("/SYSTEM/B.TXT", b"branch b")
    third = bench.checkpoint(FULL)
    assert third.parent == first.guid
    bench.power(3)
    bench.apply(second)
    bench.power(2)
    assert bench.guest.read_file("/SYSTEM/A.TXT") == b"branch a"
    for checkpoint in (first, second, third):
        assert bench.differing(bench.world.checkpoint(checkpoint.guid)) == NOTHING
    assert bench.all_is_shadow()
    bench.destroy(first, tree=True)
    assert bench.world.checkpoints(bench.vm.guid) == []
    assert bench.all_is_shadow()
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}


def test_applying_needs_a_vm_that_is_off_or_saved(bench):
    checkpoint = bench.checkpoint(FULL)
    with pytest.raises(Refused) as refused:
        bench.apply(checkpoint)
    assert refused.value.return_value == ReturnValue.INVALID_STATE


def test_a_standard_checkpoint_of_a_running_vm_has_its_saved_state(bench):
    changes = VmChanges(user_snapshot_type=UserSnapshotType.STANDARD)
    bench.world.modify_vm(bench.vm.guid, changes, node=bench.vm.node)
    checkpoint = bench.checkpoint(FULL)
    assert checkpoint.consistency is Consistency.STANDARD
    assert checkpoint.has_saved_state
    bench.power(3)
    bench.apply(checkpoint)
    assert bench.vm.power is PowerState.SAVED
    bench.finish(bench.world.clear_checkpoint_state(checkpoint.guid, node=bench.vm.node))
    bench.apply(checkpoint)
    assert bench.vm.power is PowerState.OFF


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (UserSnapshotType.PRODUCTION, Consistency.STANDARD),
        (UserSnapshotType.PRODUCTION_ONLY, None),
        (UserSnapshotType.STANDARD, Consistency.STANDARD),
    ],
)
def test_a_guest_that_cannot_rest_falls_back_only_where_allowed(bench, kind, expected):
    changes = VmChanges(user_snapshot_type=kind, vss_enabled=False)
    bench.world.modify_vm(bench.vm.guid, changes, node=bench.vm.node)
    job = bench.world.create_checkpoint(bench.vm.guid, node=bench.vm.node, request=FULL)
    assert bench.world.wait_job(job)
    if expected is None:
        assert (job.state, job.error_code) == (JobState.EXCEPTION, 32768)
        assert "Production checkpoints" in (job.error_description or "")
        assert bench.world.checkpoints(bench.vm.guid) == []
        assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}
    else:
        assert bench.world.checkpoint(job.affected[0].key).consistency is expected


def test_disabled_checkpoints_are_refused_but_not_for_backup(bench):
    changes = VmChanges(user_snapshot_type=UserSnapshotType.DISABLED)
    bench.world.modify_vm(bench.vm.guid, changes, node=bench.vm.node)
    with pytest.raises(Refused):
        bench.checkpoint(FULL)
    assert bench.checkpoint().type is CheckpointType.RECOVERY


def test_a_vm_that_is_off_is_frozen_and_merged_too(bench):
    bench.run(20)
    bench.power(4)
    checkpoint = bench.checkpoint()
    assert bench.world.truth(checkpoint.guid).state == State.APPLICATION
    assert bench.differing(checkpoint) == NOTHING
    bench.destroy(checkpoint)
    bench.power(2)
    bench.run(20)
    assert bench.all_is_shadow()


def test_a_physical_disk_stops_a_checkpoint_unless_it_may_be_ignored(bench):
    bench.vm.disks[1].passthrough = True
    node = bench.vm.node
    job = bench.world.create_checkpoint(bench.vm.guid, node=node, request=FULL)
    assert bench.world.wait_job(job)
    assert job.error_code == ReturnValue.NOT_SUPPORTED
    job = bench.world.create_checkpoint(
        bench.vm.guid, node=node, request=FULL, ignore_non_snapshottable=True
    )
    bench.finish(job)
    assert [disk.slot for disk in bench.world.checkpoints(bench.vm.guid)[0].disks] == ["scsi0.0"]


def test_fifty_checkpoints_are_the_limit(make_world, bench_of, monkeypatch):
    monkeypatch.setattr("safepoint_lab.world.checkpoints.CHECKPOINT_LIMIT", 3)
    bench = bench_of(make_world(speed=100.0), "sql01")
    for _ in range(3):
        bench.checkpoint(FULL)
    job = bench.world.create_checkpoint(bench.vm.guid, node=bench.vm.node, request=FULL)
    assert bench.world.wait_job(job)
    assert job.state is JobState.EXCEPTION
    bench.destroy(bench.world.checkpoints(bench.vm.guid)[0], tree=True)


def test_a_checkpoint_can_be_renamed_and_is_found_by_that_name(bench):
    checkpoint = bench.checkpoint()
    changes = VmChanges(name="safepoint-1", notes=("run 1",))
    bench.world.modify_checkpoint(checkpoint.guid, changes, node=bench.vm.node)
    again = bench.world.checkpoint(checkpoint.guid)
    assert (again.name, again.notes) == ("safepoint-1", ["run 1"])
    assert bench.world.truth(checkpoint.guid).name == "safepoint-1"
    with pytest.raises(Refused):
        bench.world.modify_checkpoint(checkpoint.guid, VmChanges(processors=3), node=bench.vm.node)
