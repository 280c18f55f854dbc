"""A lab comes back as it was left: after a proper end, and after a kill at any moment."""

from __future__ import annotations

import signal

import pytest
from tests.lab.world.killing import run_and_kill

from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.enums import PowerState, SnapshotRequest
from safepoint_lab.world.guest.disk import GuestDisk
from safepoint_lab.world.guest.intent import IntentFile
from safepoint_lab.world.images import open_disk
from safepoint_lab.world.merging import MergeCrew
from safepoint_lab.world.registry import LabIdentity
from safepoint_lab.world.shadow import Shadow
from safepoint_lab.world.state import StateFile
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_native.vhdx import create_dynamic

FULL = SnapshotRequest.FULL

#: Creates, applies and deletes checkpoints for ever, with a guest that never rests.
CHURN = """
import os, random, sys, threading
from pathlib import Path
from safepoint_lab.world.enums import Consistency, SnapshotRequest
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

world = World.open(Path(sys.argv[1]), Timings(speed=200.0))
world.start()
vm, guest, rng = world.vm_named("sql01"), world.guest("sql01"), random.Random(int(sys.argv[2]))

def write():
    while True:
        if guest.step():
            os.write(1, b"step\\n")
        if rng.random() < 0.03:
            data = rng.randbytes(rng.randrange(1, 120_000))
            guest.write_file(f"/DATA/W{rng.randrange(5)}.BIN", data)

threading.Thread(target=write, daemon=True).start()
while True:
    os.write(1, b"deed\\n")
    request = rng.choice([SnapshotRequest.RECOVERY, SnapshotRequest.FULL])
    wanted = rng.choice([Consistency.APPLICATION, Consistency.CRASH])
    world.wait_job(
        world.create_checkpoint(vm.guid, node=vm.node, request=request, consistency=wanted)
    )
    if rng.random() < 0.3:
        world.stop_vm("sql01", clean=False)
        chosen = rng.choice(world.checkpoints(vm.guid))
        world.wait_job(world.apply_checkpoint(chosen.guid, node=vm.node))
        world.wait_merged("sql01")
        world.start_vm("sql01")
    while len(world.checkpoints(vm.guid)) > rng.randrange(3):
        chosen = rng.choice(world.checkpoints(vm.guid))
        world.wait_job(world.destroy_checkpoint(chosen.guid, node=vm.node))
    if rng.random() < 0.5:
        world.wait_merged("sql01")
    else:
        world.wait_until(lambda: vm.busy is None)
"""


@pytest.fixture
def folder(tmp_path):
    """A world that was built and closed."""
    world = World.open(tmp_path / "lab")
    plan = EstatePlan(vms=1, disk_bytes=8 * MIB, bulk_bytes=MIB)
    build_estate(world.registry, world.storage, plan, tmp_path / "lab" / "shares")
    world.close()
    return tmp_path / "lab"


@pytest.fixture
def reopen(folder, bench_of):
    """Open and start the world in the folder, as often as asked."""
    opened = []

    def reopen_now(place=folder, **options):
        world = World.open(place, Timings(speed=50.0), **options)
        world.start()
        opened.append(world)
        return bench_of(world, "sql01")

    yield reopen_now
    for world in opened[-1:]:
        world.stop()
    assert all(world.scheduler.failures == [] for world in opened)


def test_vms_checkpoints_truth_and_data_come_back(reopen):
    bench = reopen()
    bench.run(50)
    checkpoint = bench.checkpoint(FULL)
    bench.run(50)
    committed = bench.guest.committed
    truth = bench.world.truth(checkpoint.guid)
    bench.world.stop()
    again = reopen()
    assert again.world.checkpoints(again.vm.guid) == [checkpoint]
    assert again.world.truth(checkpoint.guid) == truth
    assert again.vm.power is PowerState.RUNNING
    assert again.all_is_shadow()
    again.run(10)
    assert again.guest.committed >= committed
    assert again.differing(checkpoint) == {"scsi0.0": [], "scsi0.1": []}
    again.power(3)
    again.apply(checkpoint)
    assert again.all_is_shadow()
    again.destroy(checkpoint)
    assert again.files() == {"disk0.vhdx", "disk1.vhdx"}


def test_new_objects_get_new_guids_after_a_restart(reopen):
    bench = reopen()
    first = bench.checkpoint().guid
    bench.world.stop()
    again = reopen()
    assert again.checkpoint().guid != first


def test_a_merge_that_was_due_is_done_after_the_restart(reopen):
    bench = reopen()
    checkpoint = bench.checkpoint()
    bench.run(30)
    bench.world.arm_fault("merge-stalls", times=None)
    bench.finish(bench.world.destroy_checkpoint(checkpoint.guid, node=bench.vm.node))
    bench.world.stop()
    again = reopen()
    assert again.world.wait_merged("sql01")
    assert again.files() == {"disk0.vhdx", "disk1.vhdx"}
    assert again.all_is_shadow()


def test_faults_do_not_outlive_the_lab(reopen):
    bench = reopen()
    bench.run(10)
    bench.world.arm_fault("share-offline")
    bench.world.stop()
    again = reopen()
    assert not again.vm.storage_lost
    again.run(10)
    assert again.all_is_shadow()


def test_a_lab_folder_can_be_moved(reopen, folder):
    bench = reopen()
    bench.run(20)
    bench.checkpoint()
    bench.world.stop()
    moved = folder.rename(folder.with_name("moved"))
    again = reopen(moved, share_root=moved / "shares")
    again.run(20)
    assert again.all_is_shadow()
    assert str(again.world.host_path(again.vm.disks[0].path)).startswith(str(moved))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_any_moment_leaves_nothing_wrong(reopen, folder, seed):
    run_and_kill(CHURN, folder, seed, deeds=12)

    bench = reopen()
    assert bench.all_is_shadow()
    if bench.vm.power is not PowerState.RUNNING:
        bench.power(2)
    bench.run(10)
    assert bench.guest.problem == ""
    for checkpoint in bench.world.checkpoints(bench.vm.guid):
        assert not any(bench.differing(checkpoint).values())
    assert bench.world.wait_merged("sql01")
    for checkpoint in list(bench.world.checkpoints(bench.vm.guid)):
        bench.destroy(checkpoint)
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}
    assert bench.all_is_shadow()


class TestStateFile:
    def test_a_transaction_happens_wholly_or_not_at_all(self, tmp_path):
        state = StateFile(tmp_path / "state.db")
        state.put("a", LabIdentity(seed=1))

        def change() -> None:
            with state.transaction():
                state.put("a", LabIdentity(seed=2))
                with state.transaction():
                    state.put("b", LabIdentity(seed=3))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            change()
        assert state.load(LabIdentity) == {"a": LabIdentity(seed=1)}
        state.close()


class TestCutOff:
    """What a kill leaves half done, made to happen on purpose."""

    def test_files_that_were_about_to_be_removed_are_removed(self, reopen, monkeypatch):
        bench = reopen()
        checkpoint = bench.checkpoint()
        with monkeypatch.context() as patch:
            patch.setattr(ChildFiles, "abandon", lambda *_: None)
            bench.destroy(checkpoint)
            assert len(bench.files()) == 4
            bench.world.stop()
        again = reopen()
        assert again.files() == {"disk0.vhdx", "disk1.vhdx"}
        assert again.all_is_shadow()

    def test_files_that_were_made_but_not_used_are_removed(self, reopen, monkeypatch):
        bench = reopen()
        bench.world.stop_vm("sql01")
        with monkeypatch.context() as patch:
            patch.setattr(ChildFiles, "adopt", _die)
            job = bench.world.create_checkpoint(bench.vm.guid, node=bench.vm.node, request=FULL)
            assert bench.world.wait_job(job)
            bench.world.stop()
        again = reopen()
        assert again.files() == {"disk0.vhdx", "disk1.vhdx"}
        again.power(2)
        again.run(10)
        assert again.all_is_shadow()

    def test_a_merge_that_was_whole_but_not_told_is_told(self, reopen, monkeypatch):
        bench = reopen()
        checkpoint = bench.checkpoint()
        bench.run(30)
        with monkeypatch.context() as patch:
            patch.setattr(MergeCrew, "_commit", _die)
            bench.destroy(checkpoint)
            bench.world.stop()
        again = reopen()
        again.run(10)
        assert again.guest.problem == ""
        assert again.world.wait_merged("sql01")
        assert again.files() == {"disk0.vhdx", "disk1.vhdx"}
        assert again.all_is_shadow()

    def test_an_applied_checkpoint_is_followed_by_the_ground_truth(self, reopen, monkeypatch):
        bench = reopen()
        bench.run(30)
        checkpoint = bench.checkpoint(FULL)
        bench.run(60)
        bench.power(3)
        with monkeypatch.context() as patch:
            patch.setattr(Shadow, "revert", _die)
            job = bench.world.apply_checkpoint(checkpoint.guid, node=bench.vm.node)
            assert bench.world.wait_job(job)
            bench.world.stop()
        again = reopen()
        assert again.all_is_shadow()

    def test_a_write_that_missed_the_ground_truth_is_made_up_for(self, tmp_path, monkeypatch):
        create_dynamic(tmp_path / "disk.vhdx", 8 * MIB)
        shadow = Shadow(tmp_path / "shadow", 8 * MIB)
        intent = IntentFile(tmp_path / "intent")
        disk = GuestDisk(0, open_disk([tmp_path / "disk.vhdx"]), shadow, intent)
        disk.write_at(4096, b"first")
        with monkeypatch.context() as patch:
            patch.setattr(Shadow, "write_at", _die)
            with pytest.raises(OSError, match="killed"):
                disk.write_at(8192, b"second")
        pending = intent.pending()
        assert pending is not None
        disk.settle(pending)
        assert shadow.read_at(8192, 6) == b"second"
        intent.clear()
        assert intent.pending() is None
        for each in (disk, shadow, intent):
            each.close()


def _die(*_: object) -> None:
    message = "killed here"
    raise OSError(message)
