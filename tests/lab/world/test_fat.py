"""Our FAT volumes are what fsck.fat and mtools take for FAT volumes."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest

from safepoint_lab.world.device import RawFile
from safepoint_lab.world.fat import FatVolume

MIB = 1 << 20
SIZES = [4, 8, 17, 64, 300]


@pytest.fixture
def disk(tmp_path):
    opened = []

    def make(mib: int) -> RawFile:
        device = RawFile(tmp_path / f"{mib}.raw", mib * MIB)
        opened.append(device)
        return device

    yield make
    for device in opened:
        device.close()


def fill(volume: FatVolume) -> dict[str, bytes]:
    rng = random.Random(7)
    volume.make_directory("/APP")
    volume.make_directory("/APP/SUB")
    files = {f"/APP/SUB/F{n}.TXT": rng.randbytes(1 + n * 40) for n in range(150)}
    files["/BIG.BIN"] = rng.randbytes(500_000)
    files["/APP/GROWN.BIN"] = rng.randbytes(9000)
    volume.write_file("/APP/GROWN.BIN", b"short at first")
    for path, data in files.items():
        volume.write_file(path, data)
    return files


@pytest.mark.parametrize("mib", SIZES)
def test_every_file_reads_back_after_opening_again(disk, mib):
    device = disk(mib)
    files = fill(FatVolume.format(device, serial=0x1234ABCD))
    volume = FatVolume.open(device)
    assert {path: volume.read_file(path) for path in files} == files
    assert len(volume.names("/APP/SUB")) == 150
    assert volume.names("/") == ["APP", "BIG.BIN"]


@pytest.mark.parametrize("mib", SIZES)
def test_fsck_finds_nothing(disk, need_tool, tmp_path, mib):
    fsck = need_tool("fsck.fat", "dosfstools")
    fill(FatVolume.format(disk(mib), serial=1))
    partition = tmp_path / "partition.raw"
    with (tmp_path / f"{mib}.raw").open("rb") as source, partition.open("wb") as target:
        source.seek(MIB)
        shutil.copyfileobj(source, target)
    done = subprocess.run([fsck, "-n", partition], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mib", SIZES)
def test_mtools_reads_our_files(disk, need_tool, tmp_path, mib):
    mtype = need_tool("mtype", "mtools")
    files = fill(FatVolume.format(disk(mib), serial=1))
    image = f"{tmp_path / f'{mib}.raw'}@@1M"
    for path in ("/APP/GROWN.BIN", "/APP/SUB/F149.TXT", "/BIG.BIN"):
        done = subprocess.run([mtype, "-i", image, f"::{path}"], capture_output=True, check=True)
        assert done.stdout == files[path]


def test_a_file_of_the_same_length_is_overwritten_in_place(disk):
    volume = FatVolume.format(disk(8), serial=1)
    volume.write_file("/VERSION.TXT", b"1.0.0")
    before = volume.locate("/VERSION.TXT")
    volume.write_file("/VERSION.TXT", b"1.0.1")
    assert volume.locate("/VERSION.TXT") == before
    assert volume.read_file("/VERSION.TXT") == b"1.0.1"


def test_located_bytes_are_the_file(disk):
    device = disk(8)
    volume = FatVolume.format(device, serial=1)
    volume.write_file("/A.BIN", bytes(range(256)) * 100)
    extent = volume.locate("/A.BIN")
    assert extent.offset % 512 == 0
    assert device.read_at(extent.offset, extent.length) == volume.read_file("/A.BIN")


def test_the_same_content_gives_the_same_bytes(disk, tmp_path):
    fill(FatVolume.format(disk(8), serial=5))
    fill(FatVolume.format(disk(9), serial=5))
    again = RawFile(tmp_path / "again.raw", 8 * MIB)
    fill(FatVolume.format(again, serial=5))
    again.close()
    assert (tmp_path / "8.raw").read_bytes() == (tmp_path / "again.raw").read_bytes()


def test_a_full_volume_and_wrong_names_are_refused(disk):
    volume = FatVolume.format(disk(4), serial=1)
    with pytest.raises(OSError, match="contiguous free clusters"):
        volume.write_file("/HUGE.BIN", bytes(4 * MIB))
    with pytest.raises(ValueError, match=r"8\.3"):
        volume.write_file("/much-too-long.name", b"x")
    with pytest.raises(FileNotFoundError):
        volume.read_file("/NONE.TXT")
    with pytest.raises(ValueError, match="empty"):
        volume.write_file("/EMPTY.TXT", b"")


def test_a_disk_without_a_volume_is_refused(disk):
    with pytest.raises(ValueError, match="boot sector"):
        FatVolume.open(disk(4))
