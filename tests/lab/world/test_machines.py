"""VMs are defined, changed, switched, moved and removed as the host's services do it."""

from __future__ import annotations

import shutil

import pytest

from safepoint_lab.world.bank import State
from safepoint_lab.world.enums import (
    ControllerKind,
    ImageKind,
    NodeState,
    PowerState,
    ReturnValue,
    SnapshotRequest,
)
from safepoint_lab.world.model import NotHereError, Refused
from safepoint_lab.world.port import NewDisk, VmChanges, VmDefinition


def refusal(call):
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.return_value


def copied_disk(bench, name="copy"):
    """Put a copy of the first disk of a VM that is off into a folder of its own."""
    source = bench.world.host_path(bench.vm.disks[0].path)
    unc = rf"\\fs01\vmstore1\{name}\disk0.vhdx"
    target = bench.world.host_path(unc)
    target.parent.mkdir()
    shutil.copy(source, target)
    return unc


def test_objects_exist_on_their_owner_node_only(bench):
    other = next(node.name for node in bench.world.nodes() if node.name != bench.vm.node)
    assert bench.world.vm(bench.vm.guid.lower(), node=bench.vm.node) is bench.vm
    with pytest.raises(NotHereError):
        bench.world.vm(bench.vm.guid, node=other)
    checkpoint = bench.checkpoint()
    with pytest.raises(NotHereError):
        bench.world.checkpoint(checkpoint.guid, node=other)
    with pytest.raises(NotHereError):
        bench.world.destroy_checkpoint(checkpoint.guid, node=other)


def test_switching_through_every_state(bench):
    states = []
    for requested in (9, 2, 6, 2, 3, 2, 10, 11, 4):
        bench.power(requested)
        states.append(bench.vm.power)
    running, off = PowerState.RUNNING, PowerState.OFF
    assert states == [
        *(PowerState.PAUSED, running, PowerState.SAVED, running, off, running, running, running),
        off,
    ]
    node = bench.vm.node
    for requested in (3, 4, 9):
        wrong = refusal(lambda n=requested: bench.world.request_power(bench.vm.guid, n, node=node))
        assert wrong == ReturnValue.INVALID_STATE
    wrong = refusal(lambda: bench.world.request_power(bench.vm.guid, 77, node=node))
    assert wrong == ReturnValue.INVALID_PARAMETER


def test_shutting_down_leaves_the_bank_at_rest_and_cutting_power_does_not(bench):
    bench.run(41)
    bench.power(4)
    assert bench.guest.verdict().state is State.APPLICATION
    bench.power(2)
    bench.run(41)
    bench.power(3)
    crashed = bench.guest.verdict()
    assert crashed.state is State.CRASH
    bench.power(2)
    bench.run(10)
    assert bench.guest.committed > crashed.transaction
    assert bench.all_is_shadow()


def test_a_vm_with_a_missing_disk_does_not_start(bench):
    bench.power(4)
    bench.world.host_path(bench.vm.disks[1].path).unlink()
    job = bench.world.request_power(bench.vm.guid, 2, node=bench.vm.node)
    assert bench.world.wait_job(job)
    assert "0x80070002" in (job.error_description or "")
    assert bench.vm.power is PowerState.OFF


def test_settings_can_be_changed(bench):
    changes = VmChanges(name="sql01-new", notes=("a", "b"), memory_mb=512)
    bench.world.modify_vm(bench.vm.guid, changes, node=bench.vm.node)
    vm = bench.world.vm(bench.vm.guid)
    assert (vm.name, vm.notes, vm.memory_mb) == ("sql01-new", ["a", "b"], 512)


def test_destroying_keeps_the_files_and_needs_a_vm_that_is_off(bench):
    node = bench.vm.node
    wrong = refusal(lambda: bench.world.destroy_vm(bench.vm.guid, node=node))
    assert wrong == ReturnValue.INVALID_STATE
    bench.power(4)
    bench.finish(bench.world.destroy_vm(bench.vm.guid, node=node))
    with pytest.raises(NotHereError):
        bench.world.vm(bench.vm.guid)
    assert bench.files() == {"disk0.vhdx", "disk1.vhdx"}


def test_a_restored_vm_is_defined_with_a_new_identity_and_runs(bench, bench_of):
    bench.run(50)
    bench.power(4)
    path = copied_disk(bench)
    definition = VmDefinition("sql01-copy", disks=(NewDisk(path),))
    vm = bench.world.define_vm(definition, node="hv02")
    assert (vm.power, vm.node, vm.guid != bench.vm.guid) == (PowerState.OFF, "hv02", True)
    copy = bench_of(bench.world, "sql01-copy")
    copy.power(2)
    copy.run(30)
    assert copy.guest.committed > bench.guest.verdict().transaction
    assert copy.all_is_shadow()
    checkpoint = copy.checkpoint()
    assert copy.differing(checkpoint) == {"scsi0.0": []}
    copy.destroy(checkpoint)


def test_the_same_identity_can_come_back(bench, bench_of):
    bench.power(4)
    guid, node = bench.vm.guid, bench.vm.node
    paths = [disk.path for disk in bench.vm.disks]
    bench.finish(bench.world.destroy_vm(guid, node=node))
    disks = tuple(NewDisk(path, lun=lun) for lun, path in enumerate(paths))
    bench.world.define_vm(VmDefinition("sql01", guid=guid, disks=disks), node=node)
    again = bench_of(bench.world, "sql01")
    assert again.vm.guid == guid
    again.power(2)
    again.run(20)
    assert again.all_is_shadow()
    definition = VmDefinition("other", guid=guid)
    wrong = refusal(lambda: bench.world.define_vm(definition, node=node))
    assert wrong == ReturnValue.INVALID_PARAMETER


def test_a_vm_can_be_put_together_piece_by_piece(bench):
    bench.power(4)
    path = copied_disk(bench)
    vm = bench.world.define_vm(VmDefinition("empty", generation=1), node="hv01")
    controller = bench.world.add_controller(vm.guid, ControllerKind.SCSI, node="hv01")
    assert (controller.kind, controller.number) == (ControllerKind.SCSI, 0)
    disk = bench.world.add_disk(vm.guid, NewDisk(path, lun=3), node="hv01")
    assert (disk.slot, disk.path) == ("scsi0.3", path)
    taken = bench.vm.disks[0].path
    for wrong in (NewDisk(path, lun=3), NewDisk(path, lun=4), NewDisk(taken, lun=5)):
        code = refusal(lambda disk=wrong: bench.world.add_disk(vm.guid, disk, node="hv01"))
        assert code == ReturnValue.IN_USE
    missing = NewDisk(r"\\fs01\vmstore1\none\x.vhdx", lun=6)
    code = refusal(lambda: bench.world.add_disk(vm.guid, missing, node="hv01"))
    assert code == ReturnValue.FILE_NOT_FOUND


def test_files_replaced_while_a_vm_is_off_are_what_its_guest_meets(bench):
    bench.run(40)
    bench.power(4)
    first = bench.guest.verdict().transaction
    path = bench.world.host_path(bench.vm.disks[0].path)
    kept = path.read_bytes()
    bench.power(2)
    bench.run(60)
    bench.power(4)
    path.write_bytes(kept)
    bench.power(2)
    assert bench.guest.verdict().transaction == first
    bench.run(20)
    assert bench.all_is_shadow()
    checkpoint = bench.checkpoint()
    assert bench.differing(checkpoint) == {"scsi0.0": [], "scsi0.1": []}


def test_a_disk_can_be_pointed_at_another_file(bench):
    bench.guest.write_file("/SYSTEM/WHO.TXT", b"original")
    bench.power(4)
    path = copied_disk(bench)
    bench.power(2)
    bench.guest.write_file("/SYSTEM/WHO.TXT", b"changed!")
    bench.power(4)
    bench.world.modify_disk(bench.vm.guid, "scsi0.0", path, node=bench.vm.node)
    bench.power(2)
    assert bench.guest.read_file("/SYSTEM/WHO.TXT") == b"original"
    assert bench.all_is_shadow()


def test_facts_of_a_disk_file(bench):
    checkpoint = bench.checkpoint()
    path = bench.vm.disks[0].path
    facts = bench.world.disk_facts(path, node=bench.vm.node)
    assert (facts.kind, facts.in_use) == (ImageKind.DIFFERENCING, True)
    assert facts.parent_path == checkpoint.disks[0].path
    base = bench.world.disk_facts(facts.parent_path.upper(), node=bench.vm.node)
    assert (base.kind, base.size_bytes) == (ImageKind.DYNAMIC, 8 << 20)
    node = bench.vm.node
    missing = refusal(lambda: bench.world.disk_facts(r"\\fs01\vmstore1\x.vhdx", node=node))
    assert missing == ReturnValue.FILE_NOT_FOUND
    elsewhere = refusal(lambda: bench.world.disk_facts(r"\\other\share\x.vhdx", node=node))
    assert elsewhere == ReturnValue.FILE_NOT_FOUND
    junk = bench.world.host_path(r"\\fs01\vmstore1\junk.vhdx")
    junk.write_bytes(b"junk" * 2000)
    broken = refusal(lambda: bench.world.disk_facts(r"\\fs01\vmstore1\junk.vhdx", node=node))
    assert broken == ReturnValue.FAILED


def test_a_failed_node_loses_its_vms_to_the_other_one(bench):
    before = bench.vm.node
    bench.run(33)
    bench.world.fail_node(before)
    assert bench.vm.node != before
    assert bench.world.node(before).state is NodeState.DOWN
    bench.run(20)
    assert bench.all_is_shadow()
    with pytest.raises(NotHereError):
        bench.world.live_migrate(bench.vm.guid, before)
    bench.world.restore_node(before)
    bench.world.live_migrate(bench.vm.guid, before)
    assert bench.vm.node == before


def test_the_last_node_takes_its_vms_down_with_it(make_world):
    world = make_world(nodes=1)
    world.fail_node("hv01")
    assert {vm.power for vm in world.vms()} == {PowerState.OFF}


def test_a_paused_node_takes_no_vm(bench):
    other = next(node.name for node in bench.world.nodes() if node.name != bench.vm.node)
    bench.world.pause_node(other)
    with pytest.raises(NotHereError):
        bench.world.live_migrate(bench.vm.guid, other)


def test_migration_loses_the_job_objects_but_not_the_work(make_world, bench_of):
    bench = bench_of(make_world(speed=2.0), "sql01")
    before = bench.vm.node
    other = next(node.name for node in bench.world.nodes() if node.name != before)
    request = SnapshotRequest.RECOVERY
    job = bench.world.create_checkpoint(bench.vm.guid, node=before, request=request)
    bench.world.live_migrate(bench.vm.guid, other)
    with pytest.raises(NotHereError):
        bench.world.job(job.guid, node=before)
    bench.finish(job)
    assert len(bench.world.checkpoints(bench.vm.guid, node=other)) == 1
