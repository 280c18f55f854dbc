"""Hostile and broken files: a clear error or a disk, never a traceback of ours."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx import (
    Chain,
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
)
from safepoint_native.vhdx.layout import (
    HEADER_BYTES,
    HEADER_OFFSETS,
    REGION_TABLE_BYTES,
    REGION_TABLE_OFFSETS,
    sealed,
)

MIB = 1 << 20
SIZE = 5 * MIB
REFUSED = (DamagedDataError, UnsupportedError)
METADATA = 2 * MIB
ITEMS = METADATA + 65536
BAT = 3 * MIB
numbers = st.one_of(
    st.sampled_from([0, 1, 2, 3, 7, 511, 512, MIB - 1, MIB, 2 * MIB, 4 * MIB, 1 << 31]),
    st.sampled_from([(1 << n) - 1 for n in (16, 32, 63, 64)]),
    st.integers(0, (1 << 64) - 1),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory, dirty, entry) -> dict[str, bytes]:
    """Whole small files of each sort, and the base that the child needs."""
    folder = tmp_path_factory.mktemp("files")
    base, child, fixed = (folder / name for name in ("base", "child", "fixed"))
    create_dynamic(base, SIZE, block_bytes=MIB)
    create_fixed(fixed, MIB + 512, block_bytes=MIB)
    with WritableVhdx.open(base) as disk:
        disk.write(MIB, b"base" * 1000)
    create_differencing(child, base, block_bytes=MIB)
    with VhdxImage.open(FileSource(base)) as parent, WritableVhdx.open(child, parent=parent) as d:
        d.write(0, b"c" * MIB)
        d.write(MIB + 700, b"child" * 300)
    files = {path.name: path.read_bytes() for path in (base, child, fixed)}

    def make(log_id, size):
        changes = [(BAT, files["base"][BAT : BAT + 4096]), (4 * MIB, 8192)]
        yield 0, entry(log_id, changes, sequence=3, tail=0, flushed=size, file_bytes=size)

    dirty(base, make)
    files["dirty"] = base.read_bytes()
    return files


@pytest.fixture(scope="module")
def walk(files, memory):
    """Open a file, walk over all of it and read some; errors that are ours to raise pass."""

    def look(content: bytes | bytearray) -> bool:
        base = VhdxImage.open(memory(files["base"]))
        with contextlib.suppress(*REFUSED):
            image = VhdxImage.open(memory(content))
            chain = Chain([image, base] if image.parent else [image])
            for extent in chain.extents(0, min(chain.size_bytes, 64 * MIB)):
                if extent.source:
                    end = extent.file_offset + extent.length
                    extent.source.read_at(end - 512, 512)
            for at in (0, MIB - 4096, MIB + 512):
                size = max(min(chain.size_bytes - at, 8192), 0)
                assert len(chain.read_at(min(at, chain.size_bytes), size)) == size
            image.read_at(chain.size_bytes - 512, 512)
            return True
        return False

    return look


NAMES = ["base", "child", "fixed", "dirty"]


def test_whole_files_are_walked(files, walk):
    assert [name for name in NAMES if walk(files[name])] == NAMES


def telling_bytes(content: bytes) -> Iterator[int]:
    """Yield the places of all bytes that mean something, but for payload."""
    parts = [
        (0, 64),
        *((at, 96) for at in HEADER_OFFSETS),
        *((at, 96) for at in REGION_TABLE_OFFSETS),
        (MIB, 200),
        (METADATA, 32 + 32 * 7),
        (ITEMS, 400),
        (BAT, 8 * 6),
    ]
    for start, length in parts:
        yield from (at for at in range(start, start + length) if at < len(content))


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bytes_are_refused_or_harmless(files, walk, name):
    content = bytearray(files[name])
    for at in telling_bytes(files[name]):
        content[at] ^= 1 << at % 8
        walk(content)
        content[at] ^= 1 << at % 8


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_flipped_anywhere_are_refused_or_harmless(files, walk, name, data):
    content = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    walk(content)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_file_cut_anywhere_is_refused_or_whole(files, walk, name, data):
    content = files[name]
    ends = st.one_of(st.integers(0, len(content)), st.integers(0, 12).map(lambda n: n * MIB // 2))
    walk(content[: data.draw(ends)])


def test_file_cut_before_its_last_used_byte_is_refused(files, memory):
    whole = files["child"]
    for end in (0, 7, MIB - 1, MIB, METADATA, BAT + 4096, 4 * MIB, len(whole) - MIB):
        with pytest.raises(REFUSED):
            VhdxImage.open(memory(whole[:end]))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_header_with_a_right_checksum_and_wrong_numbers(files, walk, name, data):
    content = bytearray(files[name])
    for place in HEADER_OFFSETS:
        header = bytearray(content[place : place + HEADER_BYTES])
        at, form = data.draw(
            st.sampled_from(
                [(8, "<Q"), (48, "<Q"), (64, "<H"), (66, "<H"), (68, "<I"), (72, "<Q")]
            )
        )
        value = data.draw(numbers) % (1 << 8 * struct.calcsize(form))
        struct.pack_into(form, header, at, value)
        content[place : place + HEADER_BYTES] = sealed(bytes(header))
    walk(content)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_region_table_with_a_right_checksum_and_wrong_numbers(files, walk, name, data):
    content = bytearray(files[name])
    place = REGION_TABLE_OFFSETS[0]
    table = bytearray(content[place : place + REGION_TABLE_BYTES])
    fields = [(8, "<I"), (32, "<Q"), (40, "<I"), (44, "<I"), (64, "<Q"), (72, "<I"), (16, "<Q")]
    for at, form in data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3)):
        value = data.draw(numbers) % (1 << 8 * struct.calcsize(form))
        struct.pack_into(form, table, at, value)
    content[place : place + REGION_TABLE_BYTES] = sealed(bytes(table))
    walk(content)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_metadata_and_block_table_with_wrong_numbers(files, walk, name, data):
    content = bytearray(files[name])
    places = st.one_of(
        st.integers(0, 66).map(lambda n: METADATA + 4 * n),
        st.integers(0, 100).map(lambda n: ITEMS + 4 * n),
        st.integers(0, 12).map(lambda n: BAT + 4 * n),
    )
    for at in data.draw(st.lists(places, min_size=1, max_size=3)):
        form = data.draw(st.sampled_from(["<H", "<I", "<Q"]))
        value = data.draw(numbers) % (1 << 8 * struct.calcsize(form))
        struct.pack_into(form, content, at, value)
    walk(content)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_log_entry_with_a_right_checksum_and_wrong_numbers(files, walk, data):
    content = bytearray(files["dirty"])
    log = bytearray(content[MIB : MIB + 8192])
    for at in data.draw(st.lists(st.integers(2, 32), min_size=1, max_size=3)):
        struct.pack_into("<I", log, 4 * at, data.draw(numbers) % (1 << 32))
    content[MIB : MIB + 8192] = sealed(bytes(log))
    walk(content)


def test_damaged_header_or_region_table_has_a_second_copy(files, walk):
    content = bytearray(files["child"])
    for at in (HEADER_OFFSETS[0] + 20, REGION_TABLE_OFFSETS[0] + 20):
        content[at] ^= 0xFF
    assert walk(content)
    for at in (HEADER_OFFSETS[1] + 20, REGION_TABLE_OFFSETS[1] + 20):
        broken = bytearray(content)
        broken[at] ^= 0xFF
        assert not walk(broken)


@pytest.mark.parametrize(
    ("start", "kind", "why"),
    [
        (b"conectix", UnsupportedError, "no VHDX"),
        (bytes(8), DamagedDataError, "starts with zeros"),
    ],
)
def test_file_that_is_something_else_is_named(files, memory, start, kind, why):
    with pytest.raises(kind, match=why):
        VhdxImage.open(memory(start + files["base"][8:]))


def test_source_is_closed_when_opening_fails(memory):
    source = memory(b"short")
    with pytest.raises(DamagedDataError, match="too few"):
        VhdxImage.open(source)
    assert source.closed


def change(content: bytes, at: int, form: str, *values: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def resealed(content: bytes, at: int, form: str, value: int) -> bytes:
    """Change a number in both copies of a structure and make their checksums right."""
    copies, length = (
        (HEADER_OFFSETS, HEADER_BYTES)
        if at < HEADER_OFFSETS[1]
        else (REGION_TABLE_OFFSETS, REGION_TABLE_BYTES)
    )
    changed = bytearray(content)
    for place in copies:
        struct.pack_into(form, changed, place + at - copies[0], value)
        changed[place : place + length] = sealed(bytes(changed[place : place + length]))
    return bytes(changed)


@pytest.mark.parametrize(
    ("at", "form", "value", "kind", "why"),
    [
        (HEADER_OFFSETS[0] + 66, "<H", 2, UnsupportedError, "version 2"),
        (HEADER_OFFSETS[0] + 68, "<I", 1 << 31, DamagedDataError, "log at .* does not fit"),
        (HEADER_OFFSETS[0] + 72, "<Q", MIB + 1, DamagedDataError, "log at .* does not fit"),
        (HEADER_OFFSETS[0] + 8, "<Q", 5, DamagedDataError, "two different headers"),
        (HEADER_OFFSETS[0] + 72, "<Q", METADATA, DamagedDataError, "overlap"),
        (REGION_TABLE_OFFSETS[0] + 16, "<Q", 1, UnsupportedError, "needs region"),
        (REGION_TABLE_OFFSETS[0] + 8, "<I", 1, DamagedDataError, "is missing"),
        (REGION_TABLE_OFFSETS[0] + 32, "<Q", 1 << 40, DamagedDataError, "does not fit"),
        (REGION_TABLE_OFFSETS[0] + 32, "<Q", BAT + 1, DamagedDataError, "does not fit"),
        (REGION_TABLE_OFFSETS[0] + 32, "<Q", 0, DamagedDataError, "does not fit"),
        (REGION_TABLE_OFFSETS[0] + 32, "<Q", METADATA, DamagedDataError, "overlap"),
        (REGION_TABLE_OFFSETS[0] + 40, "<I", 32, DamagedDataError, "too short"),
        (REGION_TABLE_OFFSETS[0] + 72, "<I", 4096, DamagedDataError, "metadata region"),
    ],
)
def test_wrong_number_in_a_sealed_structure_is_named(files, memory, at, form, value, kind, why):
    content = resealed(files["base"], at, form, value)
    if why == "two different headers":
        content = bytearray(content)
        content[HEADER_OFFSETS[0] + 16] ^= 1
        first = bytes(content[HEADER_OFFSETS[0] : HEADER_OFFSETS[0] + HEADER_BYTES])
        content[HEADER_OFFSETS[0] : HEADER_OFFSETS[0] + HEADER_BYTES] = sealed(first)
    with pytest.raises(kind, match=why):
        VhdxImage.open(memory(content))


@pytest.mark.parametrize(
    ("at", "form", "value", "kind", "why"),
    [
        (METADATA, "<Q", 0, DamagedDataError, "metadata table"),
        (METADATA + 10, "<H", 3000, DamagedDataError, "metadata table"),
        (METADATA + 10, "<H", 3, DamagedDataError, "missing or too short"),
        (METADATA + 32, "<Q", 1, UnsupportedError, "needs metadata item"),
        (METADATA + 32 + 16, "<I", 5, DamagedDataError, "outside"),
        (METADATA + 32 + 20, "<I", 1 << 31, DamagedDataError, "outside"),
        (METADATA + 32 + 20, "<I", 4, DamagedDataError, "too short"),
        (METADATA + 64, "<16s", 0, DamagedDataError, "twice"),
        (ITEMS, "<I", 3 * MIB, DamagedDataError, "block size"),
        (ITEMS + 8, "<Q", 0, DamagedDataError, "disk size"),
        (ITEMS + 8, "<Q", 1 << 60, DamagedDataError, "disk size"),
        (ITEMS + 8, "<Q", 32 << 40, DamagedDataError, "block table of .* too short"),
        (ITEMS + 32, "<I", 520, DamagedDataError, "sector sizes"),
    ],
)
def test_wrong_number_in_the_metadata_is_named(files, memory, at, form, value, kind, why):
    content = files["base"]
    copied = content[METADATA + 32 : METADATA + 48]
    with pytest.raises(kind, match=why) as caught:
        VhdxImage.open(memory(change(content, at, form, copied if form == "<16s" else value)))
    assert caught.value.message.startswith("memory: ")


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("parent_linkage", "parent_LINKAGE"),
        ("{", "{{"),
    ],
)
def test_locator_without_a_usable_linkage_is_damage(files, memory, find, put):
    old, new = find.encode("utf-16-le"), put.encode("utf-16-le")
    content = files["child"]
    at = content.index(old, ITEMS)
    content = content[:at] + new + content[at + len(new) :]
    with pytest.raises(DamagedDataError, match="parent locator"):
        VhdxImage.open(memory(content))


def test_locator_of_another_type_is_not_understood(files, memory):
    content = files["child"]
    kind = bytes.fromhex("b7ef4ab09ed1814ab78925b8e9445913")
    at = content.index(kind)
    with pytest.raises(UnsupportedError, match="unknown type"):
        VhdxImage.open(memory(content[:at] + bytes(16) + content[at + 16 :]))


def test_differencing_disk_without_a_locator_is_damage(files, memory):
    content = change(files["base"], ITEMS + 4, "<I", 2)
    with pytest.raises(DamagedDataError, match="missing"):
        VhdxImage.open(memory(content))


def test_table_that_is_being_written_is_read_again(files, memory):
    """A reader may see the entry of a block before that of its bitmap."""
    whole = files["child"]

    class Changing(memory):
        reads = 0

        def read_at(self, offset, length, /):
            data = super().read_at(offset, length)
            if offset == BAT:
                self.reads += 1
                if self.reads == 1:
                    return data[:8] + struct.pack("<Q", 1 << 40 | 6) + data[16:]
            return data

    source = Changing(whole)
    VhdxImage.open(source)
    assert source.reads == 2
