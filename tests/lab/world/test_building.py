"""A new estate is decided by its plan and seed, and its disks are what other tools expect."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from safepoint_lab.world.building import MIB, EstatePlan
from safepoint_lab.world.cells import disk_digest
from safepoint_lab.world.enums import GuestOs, ImageKind


def identity(world):
    return [(vm.guid, vm.name, vm.node, [disk.path for disk in vm.disks]) for vm in world.vms()]


def digests(world):
    return [
        disk_digest(world.storage.shadow(vm, disk).cells())
        for vm in world.vms()
        for disk in vm.disks
    ]


def test_the_same_seed_gives_the_same_estate(make_world):
    one, two, other = (make_world(seed=seed, vms=3, started=False) for seed in (7, 7, 8))
    assert identity(one) == identity(two) != identity(other)
    assert digests(one) == digests(two) != digests(other)


def test_vms_are_spread_over_clusters_and_nodes(make_world):
    world = make_world(clusters=2, nodes=2, vms=8, started=False)
    assert Counter(vm.node for vm in world.vms()) == {f"hv0{n}": 2 for n in (1, 2, 3, 4)}
    assert {vm.cluster for vm in world.vms()} == {"clu1", "clu2"}
    assert {vm.generation for vm in world.vms()} == {1, 2}
    assert {vm.guest_os for vm in world.vms()} == set(GuestOs)
    kinds = {
        image.kind for vm in world.vms() for disk in vm.disks for image in disk.images.values()
    }
    assert kinds == {ImageKind.FIXED, ImageKind.DYNAMIC}
    disks = [disk.path for vm in world.vms() for disk in vm.disks]
    assert len(disks) == len(set(disks)) > 8


@pytest.mark.parametrize("vm", ["sql01", "web01", "file01"])
def test_other_tools_read_the_guests_files(make_world, need_tool, tmp_path, vm):
    convert, mtype = need_tool("qemu-img", "qemu-utils"), need_tool("mtype", "mtools")
    world = make_world(vms=3, started=False)
    disk = world.host_path(world.vm_named(vm).disks[0].path)
    raw = tmp_path / "disk.raw"
    subprocess.run([convert, "convert", "-f", "vhdx", "-O", "raw", disk, raw], check=True)
    done = subprocess.run(
        [mtype, "-i", f"{raw}@@1M", "::/SYSTEM/HOSTNAME.TXT"], capture_output=True, check=True
    )
    assert done.stdout.strip() == vm.encode()


def test_disks_are_about_half_full_but_large_labs_stay_small():
    assert EstatePlan(vms=6, disk_bytes=64 * MIB).bulk() == 63 * MIB // 2
    assert EstatePlan(vms=1000, disk_bytes=64 * MIB).bulk() * 1000 <= 512 * MIB
    assert EstatePlan(bulk_bytes=5 * MIB).bulk() == 5 * MIB
