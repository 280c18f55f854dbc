"""What the VHDX tests share: bytes in memory, and ways to make a file what it should not be."""

from __future__ import annotations

import os
import shutil
import struct
from array import array
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx import Chain, FileSource, VhdxImage
from safepoint_native.vhdx.layout import HEADER_OFFSETS, sealed

SECTOR = 4096


class MemorySource:
    """A byte source over a buffer that the test may change."""

    name = "memory"

    def __init__(self, content: bytes | bytearray) -> None:
        self.content = content
        self.closed = False

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, length: int, /) -> bytes:
        if offset < 0 or length < 0 or offset + length > len(self.content):
            message = f"memory: {offset}+{length} is outside"
            raise DamagedDataError(message)
        return bytes(self.content[offset : offset + length])

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        buffer[:] = self.read_at(offset, len(buffer))

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="session")
def memory() -> type[MemorySource]:
    return MemorySource


@pytest.fixture(scope="session")
def content() -> Callable[..., bytes]:
    """Return the whole disk of a chain of files, leaf first."""

    def read(*paths: Path) -> bytes:
        with Chain.open_files(paths) as chain:
            return chain.read_at(0, chain.size_bytes)

    return read


@pytest.fixture(scope="session")
def poke() -> Callable[[Path, int, bytes], None]:
    """Overwrite bytes of a file."""

    def overwrite(path: Path, offset: int, data: bytes) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    return overwrite


@pytest.fixture(scope="session")
def set_entry(poke) -> Callable[..., None]:
    """Give a payload block another state (and file offset) in the block table."""

    def change(path: Path, block: int, state: int, file_offset: int | None = None) -> None:
        with VhdxImage.open(FileSource(path)) as image:
            index = image.disk.payload_entry(block)
            old = image.table.payload(block)[1]
            at = image.regions.bat.offset + 8 * index
        poke(path, at, struct.pack("<Q", (old if file_offset is None else file_offset) | state))

    return change


def log_entry(
    log_id,
    changes: Iterable[tuple[int, bytes | int]],
    *,
    sequence: int,
    tail: int,
    flushed: int,
    file_bytes: int,
) -> bytes:
    """Return a log entry; a change is (offset, one sector of bytes) or (offset, zero count)."""
    changes = list(changes)
    descriptors, sectors = b"", b""
    for offset, new in changes:
        if isinstance(new, int):
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, new, offset, sequence)
            continue
        assert len(new) == SECTOR
        descriptors += struct.pack("<4s4s8sQQ", b"desc", new[-4:], new[:8], offset, sequence)
        high, low = sequence >> 32, sequence & 0xFFFF_FFFF
        sectors += b"data" + struct.pack("<I", high) + new[8:-4] + struct.pack("<I", low)
    front = -(-(64 + len(descriptors)) // SECTOR) * SECTOR
    header = struct.pack(
        "<4sIIIQII16sQQ",
        b"loge",
        0,
        front + len(sectors),
        tail,
        sequence,
        len(changes),
        0,
        log_id.bytes_le,
        flushed,
        file_bytes,
    )
    return sealed((header + descriptors).ljust(front, b"\0") + sectors)


@pytest.fixture(scope="session")
def entry() -> Callable[..., bytes]:
    return log_entry


@pytest.fixture(scope="session")
def dirty(poke) -> Callable[..., None]:
    """Put entries (pairs of offset in the log and bytes) into a file's log and mark it dirty.

    `make` gets the log id and the file size and returns the pairs.
    """

    def mark(path: Path, make: Callable[..., Iterable[tuple[int, bytes]]], **header) -> None:
        with VhdxImage.open(FileSource(path)) as image:
            log_id = uuid4()
            log = image.header.log
            for at, raw in make(log_id, path.stat().st_size):
                first = raw[: log.length - at]
                poke(path, log.offset + at, first)
                poke(path, log.offset, raw[len(first) :])
            newer = replace(
                image.header, log_id=log_id, sequence=image.header.sequence + 1, **header
            )
            poke(path, HEADER_OFFSETS[1 - image.header_index], newer.pack())

    return mark


@pytest.fixture(scope="session")
def table_sector() -> Callable[..., tuple[int, bytes]]:
    """Return the first sector of the block table (offset and bytes) with an entry changed."""

    def build(path: Path, block: int, value: int) -> tuple[int, bytes]:
        with VhdxImage.open(FileSource(path)) as image:
            at = image.regions.bat.offset
            numbers = array("Q", image.source.read_at(at, SECTOR))
            numbers[image.disk.payload_entry(block)] = value
            return at, numbers.tobytes()

    return build


@pytest.fixture(scope="session")
def qemu_img() -> str:
    """Return the path of qemu-img; skip without it unless everything is required."""
    found = shutil.which("qemu-img")
    if found:
        return found
    reason = "needs qemu-img: apt-get install qemu-utils"
    if os.environ.get("SAFEPOINT_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
