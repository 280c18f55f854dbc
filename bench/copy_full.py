"""A full copy of one VHDX: safepoint against cp, qemu-img and restic, in one interleaved run.

    python bench/copy_full.py [--directory D] [--rounds 3] [--json result.json]

Every tool runs as a process of its own and must have its bytes on stable storage when the
clock stops. Rounds are interleaved, so that a busy machine slows all of them; read the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from blake3 import blake3

from safepoint_native.copying import copy_disk, restore_disk
from safepoint_native.repository import Repository
from safepoint_native.sources.mounted import MountedShares, ShareMap
from safepoint_native.vhdx import Chain, DiskKind, FileSource, SequentialVhdxWriter, VhdxImage

MIB = 1 << 20
RUN_MIB = 64
POLL_SECONDS = 0.01
SHARE = r"\\fs01\vmstore"
SOURCE = "disk0.vhdx"


@dataclass
class Figure:
    """One tool in one round."""

    tool: str
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    stored_mib: float


def real_files(limit_bytes: int) -> Iterator[bytes]:
    """Yield the content of installed files: code, libraries, texts, as a guest would have."""
    left = limit_bytes
    for root in (Path("/usr"), Path(sys.prefix)):
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder) / name
                if path.is_symlink() or not path.is_file() or not os.access(path, os.R_OK):
                    continue
                data = path.read_bytes()[:left]
                left -= len(data)
                yield data + bytes(-len(data) % 4096)
                if left <= 0:
                    return


def data_cells(size_mib: int, data_mib: int) -> Iterator[int]:
    """Yield the cells that hold data: runs of 64 MiB, evenly spread over the disk."""
    for cell in range(size_mib):
        run = cell // RUN_MIB
        if (run + 1) * data_mib // size_mib > run * data_mib // size_mib:
            yield cell


def make_source(path: Path, size_mib: int, data_mib: int) -> None:
    """Write a dynamic VHDX, partly filled with real files."""
    kind, size_bytes = DiskKind.DYNAMIC, size_mib * MIB
    cells, pending = data_cells(size_mib, data_mib), bytearray()
    with SequentialVhdxWriter(path, kind=kind, size_bytes=size_bytes) as disk:
        for data in real_files(data_mib * MIB):
            pending += data
            while len(pending) >= MIB and (cell := next(cells, None)) is not None:
                disk.write(cell * MIB, pending[:MIB])
                del pending[:MIB]
    fill(path)


def fill(path: Path) -> None:
    """Bring the file into the page cache, for everybody."""
    with path.open("rb") as file:
        while file.read(16 * MIB):
            pass


def own_copy(share: Path, repository: Path, level: int) -> None:
    """The measured process of safepoint: from a share to a sealed restore point."""
    shares = MountedShares(ShareMap.of({SHARE: share}))
    source = shares.open(f"{SHARE}\\{SOURCE}")
    chain = Chain([VhdxImage.open(source)])
    writer = Repository.open(repository).begin("bench", vm="bench", tag="bench", level=level)
    copy_disk(chain, writer.disk("disk0", chain.size_bytes))
    writer.seal()


def own_verify(repository: Path) -> None:
    """The measured process that reads a restore point back."""
    report = Repository.open(repository).verify("bench")
    if not report.is_good:
        sys.exit(str(report.findings))


def own_restore(repository: Path, target: Path) -> None:
    """The measured process that writes a VHDX from a restore point."""
    with Repository.open(repository).reader("bench") as point:
        disk = point.disk("disk0")
        size = disk.size_bytes
        with SequentialVhdxWriter(target, kind=DiskKind.DYNAMIC, size_bytes=size) as sink:
            restore_disk(disk, sink)


def allocated(path: Path) -> int:
    """Bytes on disk of a file or folder."""
    paths = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_blocks * 512 for one in paths if one.is_file())


def make_durable(path: Path) -> None:
    for one in path.rglob("*") if path.is_dir() else [path]:
        if one.is_file():
            descriptor = os.open(one, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def peak_rss_mib(pid: int) -> float:
    """Peak memory since exec; `ru_maxrss` would count the process that forked it, too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes[0]) / 1024 if kilobytes else 0.0


def timed(tool: str, command: list[str], output: Path, env: dict[str, str]) -> Figure:
    """Run a command, then fsync what it wrote; both count."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **env})
    pid, status, usage, peak = 0, 0, None, 0.0
    while not pid:
        peak = max(peak, peak_rss_mib(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        time.sleep(POLL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    make_durable(output)
    seconds = time.monotonic() - began
    if process.returncode or usage is None:
        sys.exit(f"{tool}: exit {process.returncode}: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Figure(tool, seconds, cpu, peak, allocated(output) / MIB)


class Bench:
    """Knows how to run each tool once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.share = directory / "share"
        self.share.mkdir()
        self.source = self.share / SOURCE
        self.out = directory / "out"

    def fresh(self) -> Path:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        return self.out

    def cp(self) -> Figure:
        target = self.fresh() / "copy.vhdx"
        command = ["cp", "--sparse=always", str(self.source), str(target)]
        return timed("cp --sparse=always", command, target, {})

    def qemu(self) -> Figure:
        target = self.fresh() / "copy.vhdx"
        options = ["-O", "vhdx", "-o", "subformat=dynamic,block_size=2M"]
        command = ["qemu-img", "convert", *options, str(self.source), str(target)]
        return timed("qemu-img convert", command, target, {})

    def restic(self) -> Figure:
        target = self.fresh() / "restic"
        cache = self.directory / "cache"
        env = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(cache)}
        base = ["restic", "-q", "-r", str(target)]
        subprocess.run([*base, "init"], check=True, env={**os.environ, **env})
        figure = timed("restic backup", [*base, "backup", str(self.source)], target, env)
        shutil.rmtree(cache, ignore_errors=True)
        return figure

    def safepoint(self, level: int) -> Figure:
        target = self.fresh() / "repository"
        Repository.create(target)
        name = f"safepoint, zstd {level}" if level else "safepoint, not compressed"
        return timed(name, self.me("copy", str(self.share), str(target), str(level)), target, {})

    def safepoint_verify(self) -> Figure:
        """Needs what `safepoint` left behind."""
        target = self.out / "repository"
        return timed("safepoint verify", self.me("verify", str(target)), target, {})

    def safepoint_restore(self) -> Figure:
        """Needs what `safepoint` left behind."""
        target = self.out / "restored.vhdx"
        command = self.me("restore", str(self.out / "repository"), str(target))
        figure = timed("safepoint restore to .vhdx", command, target, {})
        if content(target) != content(self.source):
            sys.exit("the restored disk differs")
        return figure

    @staticmethod
    def me(*arguments: str) -> list[str]:
        return [sys.executable, __file__, "--child", *arguments]

    def round(self) -> Iterator[Figure]:
        yield self.cp()
        yield self.safepoint(0)
        yield self.qemu()
        yield self.restic()
        yield self.safepoint(1)
        yield self.safepoint_verify()
        yield self.safepoint_restore()


def content(path: Path) -> str:
    """Digest of the virtual disk, read by nothing but the VHDX reader."""
    digest = blake3()
    with Chain([VhdxImage.open(FileSource(path))]) as chain:
        for at in range(0, chain.size_bytes, 4 * MIB):
            digest.update(chain.read_at(at, min(4 * MIB, chain.size_bytes - at)))
    return digest.hexdigest()


def summary(figures: list[Figure]) -> list[dict[str, object]]:
    """Medians by tool, in the order of first appearance."""
    rows: list[dict[str, object]] = []
    reference = statistics.median(one.seconds for one in figures if one.tool.startswith("cp"))
    for tool in dict.fromkeys(one.tool for one in figures):
        mine = [one for one in figures if one.tool == tool]
        seconds = statistics.median(one.seconds for one in mine)
        rows.append(
            {
                "tool": tool,
                "seconds": round(seconds, 2),
                "times_cp": round(seconds / reference, 2),
                "cpu_seconds": round(statistics.median(one.cpu_seconds for one in mine), 2),
                "peak_rss_mib": round(max(one.peak_rss_mib for one in mine)),
                "stored_mib": round(statistics.median(one.stored_mib for one in mine)),
            }
        )
    return rows


def table(rows: list[dict[str, object]]) -> Iterator[str]:
    names = list(rows[0])
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in names}
    yield "  ".join(name.ljust(widths[name]) for name in names)
    for row in rows:
        yield "  ".join(str(row[name]).ljust(widths[name]) for name in names)


def child(arguments: list[str]) -> None:
    what, *rest = arguments
    if what == "copy":
        own_copy(Path(rest[0]), Path(rest[1]), int(rest[2]))
    elif what == "verify":
        own_verify(Path(rest[0]))
    else:
        own_restore(Path(rest[0]), Path(rest[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, help="where to work; default a temporary one")
    parser.add_argument("--size-mib", type=int, default=2048)
    parser.add_argument("--data-mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-copy-") as folder:
        bench = Bench(Path(folder))
        make_source(bench.source, given.size_mib, given.data_mib)
        figures = []
        for number in range(given.rounds):
            for figure in bench.round():
                figures.append(figure)
                print(
                    f"round {number + 1}: {figure.tool}: {figure.seconds:.2f} s", file=sys.stderr
                )
        source_mib = allocated(bench.source) / MIB
    rows = summary(figures)
    print(f"source: {given.size_mib} MiB disk, {source_mib:.0f} MiB allocated; medians")
    print("\n".join(table(rows)))
    if given.json:
        result = {"rows": rows, "figures": [asdict(one) for one in figures]}
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        main()
