"""The script in every repository restores without safepoint, and stock zstd reads packs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from safepoint_native.repository import Repository


@pytest.fixture
def folder(repository: Repository, kit: Any) -> Path:
    kit.write_point(repository, "p1", tag="t", seed=10)
    kit.write_point(repository, "p2", tag="t", seed=20)
    return repository.path


def _run(folder: Path, *arguments: str, prelude: str = "") -> subprocess.CompletedProcess[str]:
    """Run restore.py; `-I` keeps safepoint's source tree out of its way."""
    script = str(folder / "restore.py")
    start = f"import sys, runpy\n{prelude}\nsys.argv = sys.argv[1:]\n"
    code = start + "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-c", code, script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_imports_nothing_of_safepoint(folder: Path) -> None:
    block = "sys.modules['safepoint'] = sys.modules['safepoint_native'] = None"
    assert _run(folder, prelude=block).returncode == 0


def test_it_lists_points_and_their_disks(folder: Path, kit: Any) -> None:
    listed = _run(folder).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[kit.vm, "p1"], [kit.vm, "p2"]]
    inside = _run(folder, kit.vm, "p2").stdout.splitlines()
    assert inside[0] == f"disk  disk0  {16 * kit.cell} bytes"
    assert len(inside) == 3


@pytest.mark.parametrize("without_blake3", [False, True])
def test_it_restores_disks_and_files(
    folder: Path, kit: Any, tmp_path: Path, without_blake3: Any
) -> None:
    prelude = "sys.modules['blake3'] = None" if without_blake3 else ""
    done = _run(folder, kit.vm, "p2", "disk0", str(tmp_path / "raw"), prelude=prelude)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "raw").read_bytes() == kit.expected_disk(20)
    assert ("not verified" in done.stdout) is without_blake3
    _run(folder, kit.vm, "p2", "vm.vmcx", str(tmp_path / "vmcx"), prelude=prelude)
    assert (tmp_path / "vmcx").read_bytes() == b"configuration" * 20


def test_it_refuses_what_is_damaged_or_unknown(folder: Path, kit: Any, tmp_path: Path) -> None:
    for path in folder.glob("packs/*/*.pack"):
        data = path.read_bytes()
        path.write_bytes(data.replace(kit.noise(20)[50:60], bytes(10)))
    done = _run(folder, kit.vm, "p2", "disk0", str(tmp_path / "raw"))
    assert done.returncode != 0
    assert "DAMAGED" in done.stderr
    assert "no restore point" in _run(folder, kit.vm, "p9", "disk0", "x").stderr
    assert "no disk or file" in _run(folder, kit.vm, "p1", "disk9", "x").stderr


def test_it_never_overwrites(folder: Path, kit: Any, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("precious")
    assert _run(folder, kit.vm, "p2", "disk0", str(tmp_path / "raw")).returncode != 0
    assert (tmp_path / "raw").read_text() == "precious"


@pytest.mark.parametrize("level", [0, 1, 3])
def test_stock_zstd_reads_a_pack(
    repository: Repository, kit: Any, need_tool: Any, level: int
) -> None:
    zstd = need_tool("zstd", "zstd")
    writer = repository.begin("p1", vm="v", tag="t", level=level)
    disk = writer.disk("d", 1 << 20)
    content = kit.noise(1, 300_000) + b"text " * 50_000
    disk.put(0, content)
    writer.seal()
    packs = repository.path.glob("packs/*/*.pack")
    runs = [subprocess.run([zstd, "-dc", pack], capture_output=True, check=True) for pack in packs]
    assert content in [run.stdout for run in runs]


def test_records_are_frames_that_zstandard_checks_itself(folder: Path, kit: Any) -> None:
    """One flipped bit of compressed data fails even without our digests."""
    path = next(p for p in folder.glob("packs/*/*.pack") if kit.noise(20)[:64] in p.read_bytes())
    data = path.read_bytes()
    at = data.index(kit.noise(20)[:64])
    start = data.rindex((0xFD2FB528).to_bytes(4, "little"), 0, at)
    frame = bytearray(data[start:])
    assert zstandard.ZstdDecompressor().decompress(bytes(frame), allow_extra_data=True)
    frame[at - start] ^= 1
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(bytes(frame), allow_extra_data=True)
