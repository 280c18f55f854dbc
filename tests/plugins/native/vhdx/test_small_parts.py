"""Runs of bits and local files."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx import ByteSource, FileSource
from safepoint_native.vhdx.bitmaps import is_complete, runs, set_bits
from safepoint_native.vhdx.file import LocalFile


@given(data=st.data(), bits=st.binary(min_size=1, max_size=1200))
def test_runs_are_exactly_the_set_bits(data, bits):
    first = data.draw(st.integers(0, 8 * len(bits)))
    end = data.draw(st.integers(first, 8 * len(bits)))
    found = list(runs(bits, first, end))
    expected = [n for n in range(first, end) if bits[n // 8] >> n % 8 & 1]
    assert [n for left, right in found for n in range(left, right)] == expected
    assert all(left < right for left, right in found)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(found))


@given(data=st.data(), size=st.integers(1, 700))
def test_set_bits_sets_these_and_no_others(data, size):
    first = data.draw(st.integers(0, 8 * size))
    end = data.draw(st.integers(first, 8 * size))
    bits = bytearray(size)
    set_bits(bits, first, end)
    assert list(runs(bits, 0, 8 * size)) == ([(first, end)] if first < end else [])
    assert is_complete(bits, 8 * size) == ((first, end) == (0, 8 * size))


@pytest.fixture(params=["positioned", "seeking"])
def system(request, monkeypatch):
    """Also as on a system without positioned reads and writes (Windows)."""
    if request.param == "seeking":
        for name in ("preadv", "pwrite", "pread"):
            monkeypatch.delattr(os, name, raising=False)
    return request.param


def test_file_reads_and_writes_at_offsets(tmp_path, system):
    path = tmp_path / "file"
    with LocalFile.create(path) as file:
        file.write_at(5, b"hello")
        file.write_at(0, memoryview(b"12345"))
        file.resize(12)
        file.sync()
        assert file.size_bytes == 12
    source = FileSource(path)
    assert isinstance(source, ByteSource)
    assert source.read_at(0, 12) == b"12345hello\0\0"
    buffer = bytearray(4)
    source.read_into(4, memoryview(buffer))
    assert buffer == b"5hel"
    source.close()
    source.close()


def test_bytes_that_are_not_there_are_damage_with_a_place(tmp_path, system):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    source = FileSource(path)
    for attempt in (
        lambda: source.read_at(8, 3),
        lambda: source.read_at(-1, 1),
        lambda: source.read_at(0, -1),
        lambda: source.read_into(8, memoryview(bytearray(3))),
    ):
        with pytest.raises(DamagedDataError, match=r"file: .* the file has 10 bytes"):
            attempt()
    source.close()


def test_file_that_grows_is_seen_to_grow(tmp_path):
    path = tmp_path / "file"
    with LocalFile.create(path) as file:
        source = FileSource(path)
        file.write_at(0, b"x" * 100)
        assert source.size_bytes == 100
        source.close()
