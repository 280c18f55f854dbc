"""Other people's code agrees: qemu-img for single files, libvhdi for chains."""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from safepoint_native.vhdx import (
    Chain,
    DiskKind,
    FileSource,
    ParentLocator,
    SequentialVhdxWriter,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
    merge,
    reparent,
)

MIB = 1 << 20
SIZE = 17 * MIB + 512 * 7


def scribble(path, model, parents=(), *, seed, times=40):
    chance = random.Random(seed)
    chain = Chain.open_files(parents) if parents else None
    with WritableVhdx.open(path, parent=chain, durable=False) as disk:
        for _ in range(times):
            length = chance.choice([1, 512, 5000, 65536, 3 * MIB])
            offset = chance.randrange(SIZE - length)
            data = chance.randbytes(length)
            disk.write(offset, data)
            model[offset : offset + length] = data
    if chain:
        chain.close()


@pytest.fixture
def agrees(qemu_img, tmp_path):
    """Assert that qemu-img finds no fault in a file and the same bytes as in the model."""

    def check(path, model):
        raw = tmp_path / "model.raw"
        raw.write_bytes(model)
        for command in (
            [qemu_img, "check", "-f", "vhdx", path],
            [qemu_img, "compare", "-f", "vhdx", "-F", "raw", path, raw],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        command = [qemu_img, "info", "--output=json", "-f", "vhdx", path]
        facts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert facts["virtual-size"] == len(model)

    return check


@pytest.fixture
def pyvhdi():
    """Return the module; skip without it unless everything is required."""
    if os.environ.get("SAFEPOINT_REQUIRE_ALL") == "1":
        return importlib.import_module("pyvhdi")
    return pytest.importorskip("pyvhdi", reason="needs libvhdi-python: pip install it")


@pytest.fixture
def libvhdi(pyvhdi):
    """Return a function that reads a chain of files (leaf first) with libvhdi."""

    def read(*paths):
        parent = None
        kept = []
        for path in reversed(paths):
            file = pyvhdi.file()
            file.open(str(path))
            if parent is not None:
                file.set_parent(parent)
            kept.append(file)
            parent = file
        content = parent.read_buffer_at_offset(parent.get_media_size(), 0)
        for file in reversed(kept):
            file.close()
        return content

    return read


@pytest.mark.parametrize("create", [create_dynamic, create_fixed])
@pytest.mark.parametrize("block", [MIB, 8 * MIB])
def test_qemu_reads_what_we_wrote_at_random(tmp_path, agrees, create, block):
    path, model = tmp_path / "disk.vhdx", bytearray(SIZE)
    create(path, SIZE, block_bytes=block)
    agrees(path, model)
    scribble(path, model, seed=block)
    agrees(path, model)


@pytest.mark.parametrize("kind", [DiskKind.DYNAMIC, DiskKind.FIXED])
def test_qemu_reads_what_we_restored(tmp_path, agrees, kind):
    path, model, chance = tmp_path / "disk.vhdx", bytearray(SIZE), random.Random(2)
    with SequentialVhdxWriter(path, kind=kind, size_bytes=SIZE) as writer:
        for offset in chance.sample(range(0, SIZE, 65536), 100):
            data = chance.randbytes(min(65536, SIZE - offset))
            writer.write(offset, data)
            model[offset : offset + len(data)] = data
    agrees(path, model)


def test_qemu_reads_a_base_after_a_chain_was_merged_into_it(tmp_path, agrees):
    base, middle, leaf = (tmp_path / name for name in ("base", "middle", "leaf"))
    model = bytearray(SIZE)
    create_dynamic(base, SIZE)
    scribble(base, model, seed=1)
    create_differencing(middle, base)
    scribble(middle, model, [base], seed=2)
    create_differencing(leaf, middle)
    scribble(leaf, model, [middle, base], seed=3)
    merge(middle, base)
    reparent(leaf, base)
    merge(leaf, base)
    agrees(base, model)


@pytest.mark.parametrize("subformat", ["dynamic", "fixed"])
def test_we_read_what_qemu_wrote(tmp_path, qemu_img, content, subformat):
    chance, raw, path = random.Random(4), tmp_path / "disk.raw", tmp_path / "disk.vhdx"
    model = bytearray(SIZE)
    for offset in chance.sample(range(0, SIZE, 65536), 60):
        model[offset : offset + 4096] = chance.randbytes(4096)
    model = model[:SIZE]
    raw.write_bytes(model)
    options = f"subformat={subformat},block_size=2M"
    command = [qemu_img, "convert", "-f", "raw", "-O", "vhdx", "-o", options, raw, path]
    subprocess.run(command, check=True, capture_output=True)
    assert content(path) == model
    scribble(path, model, seed=5, times=10)
    assert content(path) == model


def test_qemu_repairs_a_dirty_log_to_what_we_read(
    tmp_path, qemu_img, dirty, entry, table_sector, content, agrees
):
    path, model = tmp_path / "disk.vhdx", bytearray(SIZE)
    create_dynamic(path, SIZE, block_bytes=MIB)
    scribble(path, model, seed=6)
    with VhdxImage.open(FileSource(path)) as image:
        payload = image.table.payload(0)[1]
    forgotten = table_sector(path, 5, 0)

    def make(log_id, size):
        changes = [(payload, bytes(range(256)) * 16), (payload + 8192, 4096)]
        common = {"tail": 0, "flushed": size, "file_bytes": size}
        first = entry(log_id, changes, sequence=1, **common)
        yield 0, first
        yield len(first), entry(log_id, [forgotten], sequence=2, **common)

    dirty(path, make)
    ours = content(path)
    assert ours[:4096] == bytes(range(256)) * 16
    assert ours[5 * MIB : 6 * MIB] == bytes(MIB)
    repair = [qemu_img, "check", "-f", "vhdx", "-r", "all", path]
    subprocess.run(repair, check=True, capture_output=True)
    agrees(path, ours)
    assert content(path) == ours


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("create", [create_dynamic, create_fixed])
def test_libvhdi_reads_our_chains(tmp_path, libvhdi, content, create, sector):
    size = SIZE // 4096 * 4096
    base, middle, leaf = (tmp_path / name for name in ("base", "middle", "leaf"))
    model = bytearray(SIZE)
    create(base, size, logical_sector_bytes=sector)
    with WritableVhdx.open(base, durable=False) as disk:
        disk.write(0, random.Random(9).randbytes(5 * MIB))
    model = bytearray(content(base))
    create_differencing(middle, base, block_bytes=MIB)
    create_differencing(leaf, middle)
    for path, parents, seed in ((middle, [base], 2), (leaf, [middle, base], 3)):
        if path is leaf:
            leaf.unlink()
            create_differencing(leaf, middle)
        with (
            Chain.open_files(parents) as chain,
            WritableVhdx.open(path, parent=chain, durable=False) as disk,
        ):
            chance = random.Random(seed)
            for _ in range(40):
                offset = chance.randrange(size - 70000)
                data = chance.randbytes(chance.choice([1, 700, 4096, 70000]))
                disk.write(offset, data)
                model[offset : offset + len(data)] = data
    assert content(leaf, middle, base) == model
    assert libvhdi(leaf, middle, base) == model
    merge(leaf, middle)
    assert libvhdi(middle, base) == model


def test_libvhdi_reads_a_differencing_file_we_restored(tmp_path, libvhdi, content):
    base, child = tmp_path / "base", tmp_path / "child"
    model, chance = bytearray(b"B" * SIZE), random.Random(8)
    with SequentialVhdxWriter(base, kind=DiskKind.FIXED, size_bytes=SIZE) as writer:
        writer.write(0, model)
    locator = ParentLocator(writer.data_write_id, r".\base", r"C:\base")
    with SequentialVhdxWriter(
        child, kind=DiskKind.DIFFERENCING, size_bytes=SIZE, parent=locator
    ) as writer:
        for _ in range(60):
            offset = chance.randrange(0, SIZE - 2 * MIB, 512)
            data = chance.randbytes(512 * chance.choice([1, 3, 64, 4096]))
            writer.write(offset, data)
            model[offset : offset + len(data)] = data
    assert libvhdi(child, base) == content(child, base) == model


LARGE = 9 * 1024 * MIB + 4096
FAR = [0, 4096 * MIB - 4096, 4096 * MIB, 8192 * MIB - 512, 8192 * MIB + 512, LARGE - 512]
"""Both sides of the places where a sector bitmap's entry stands between those of blocks."""


def test_qemu_finds_the_blocks_of_a_large_disk_where_we_put_them(tmp_path, qemu_img):
    path = tmp_path / "disk.vhdx"
    create_dynamic(path, LARGE, block_bytes=MIB)
    reads = []
    with WritableVhdx.open(path, durable=False) as disk:
        for number, offset in enumerate(FAR, start=1):
            disk.write(offset, bytes([number]) * 512)
            reads += ["-c", f"read -P {number} {offset} 512"]
    qemu_io = Path(qemu_img).with_name("qemu-io")
    command = [qemu_io, "-r", "-f", "vhdx", *reads, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("read 512/512") == len(FAR)
    assert "verification failed" not in done.stdout
    with VhdxImage.open(FileSource(path)) as image:
        places = [extent.offset // MIB for extent in image.extents()]
    assert places == [0, 4095, 8191, 9216]


def test_libvhdi_finds_the_sectors_of_a_large_child_where_we_put_them(tmp_path, pyvhdi):
    base, child = tmp_path / "base", tmp_path / "child"
    create_dynamic(base, LARGE, block_bytes=MIB)
    create_differencing(child, base, block_bytes=MIB)
    with WritableVhdx.open(base, durable=False) as disk:
        for offset in FAR:
            disk.write(offset // MIB * MIB, b"B" * min(MIB, LARGE - offset // MIB * MIB))
    reparent(child, base)
    with WritableVhdx.open(child, durable=False) as disk:
        for offset in FAR:
            disk.write(offset, b"c" * 512)
    below, leaf = pyvhdi.file(), pyvhdi.file()
    below.open(str(base))
    leaf.open(str(child))
    leaf.set_parent(below)
    with Chain.open_files([child, base]) as chain:
        for offset in FAR:
            at = max(0, offset - 1024)
            length = min(4096, LARGE - at)
            ours = chain.read_at(at, length)
            assert ours[offset - at :][:512] == b"c" * 512
            assert ours.count(b"c") == 512 * sum(at <= other < at + length for other in FAR)
            assert leaf.read_buffer_at_offset(length, at) == ours
    leaf.close()
    below.close()
