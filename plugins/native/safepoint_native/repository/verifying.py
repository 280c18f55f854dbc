"""Reading everything of a restore point back and naming each place that is not right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from blake3 import blake3

from safepoint.errors import DamagedDataError, NotFoundError, RunCancelledError
from safepoint_native.repository.frames import open_note
from safepoint_native.repository.index import PointIndex
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.manifest import parse
from safepoint_native.repository.pack_files import PackFiles
from safepoint_native.repository.packs import PACK_NOTE
from safepoint_native.repository.sealing import PointFiles, read_whole
from safepoint_native.repository.suspects import mark_suspects
from safepoint_native.repository.texts import check_texts
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["Finding", "OnBytes", "ShouldStop", "VerifyReport", "verify_point"]

#: Called with done and total bytes.
OnBytes = Callable[[int, int], None]
#: True makes the work end with `RunCancelledError`.
ShouldStop = Callable[[], bool]

_NOTE_PROBE_BYTES = 4096
_BATCH_RECORDS = 64
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the repository is not what was written."""

    file: str
    """Path from the root of the repository."""
    problem: str
    disk: str = ""
    """The disk or file of the VM that is hit, empty when the point as a whole is."""
    offset: int = 0
    """First byte hit, in the virtual disk."""
    length: int = 0
    """Bytes hit."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification saw."""

    point_id: str
    checked_bytes: int = 0
    """Stored bytes that were read."""
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_good(self) -> bool:
        """True when the point can be restored byte for byte."""
        return not self.findings


def verify_point(
    files: FileSystem,
    layout: Layout,
    point: PointFiles,
    *,
    on_bytes: OnBytes | None = None,
    should_stop: ShouldStop | None = None,
) -> VerifyReport:
    """Check every byte the point consists of. With a tag, the unsealed point of that tag.

    A repository that cannot be reached raises; damage is a finding, and no later point leans on
    the pack that has it.

    Raises:
        NotFoundError: there is no trace of such a point.
        RunCancelledError: `should_stop` said so.
    """
    check = _Verification(files, layout, point)
    index = check.small_files()
    if index is None:
        return VerifyReport(point.point_id, 0, tuple(check.findings))
    packs = PackFiles(files, layout, index, point.tag)
    try:
        check.packs(index, packs)
        checked = check.records(index, packs, on_bytes or _ignore, should_stop or _never)
    finally:
        packs.close()
    mark_suspects(files, layout, sorted(check.bad_packs))
    return VerifyReport(point.point_id, checked, tuple(_joined(check.findings)))


def _ignore(_done: int, _total: int) -> None:
    return


def _never() -> bool:
    return False


class _Verification:
    """Collects findings about one point."""

    def __init__(self, files: FileSystem, layout: Layout, point: PointFiles) -> None:
        self._files = files
        self._layout = layout
        self._point = point
        self.findings: list[Finding] = []
        self.bad_packs: set[str] = set()

    def small_files(self) -> PointIndex | None:
        """Check marker, texts, manifest, index and its spare copy; return the index."""
        self._check_repository()
        index_path = self._path(self._layout.index(self._point.vm, self._point.point_id))
        manifest_path = self._path(self._layout.manifest(self._point.vm, self._point.point_id))
        manifest = self._read(manifest_path)
        data = self._read(index_path)
        if manifest is None and data is None:
            msg = f"there is no restore point {self._point.point_id} of {self._point.vm}"
            raise NotFoundError(msg)
        self._check_manifest(manifest_path, manifest, data)
        index = self._check_index(index_path, data)
        if index is not None and data is not None:
            self._check_spare(index, data)
        return index

    def packs(self, index: PointIndex, packs: PackFiles) -> None:
        """Check the size of every pack, and the bytes of our own that belong to no record."""
        ends = _first_and_last(index)
        for number, entry in enumerate(index.packs):
            path = packs.path(number)
            name = self._layout.relative(path)
            try:
                size = self._files.size_bytes(path)
            except NotFoundError:
                self.findings.append(Finding(name, "missing"))
                continue
            if size != entry.size_bytes:
                problem = f"has {size} bytes instead of {entry.size_bytes}"
                self.findings.append(Finding(name, problem))
            elif entry.is_own:
                self._check_note(packs, number, name, *ends[number])

    def records(
        self, index: PointIndex, packs: PackFiles, on_bytes: OnBytes, should_stop: ShouldStop
    ) -> int:
        """Read every record in the order of the packs, on two threads."""
        records = index.records
        order = sorted(
            range(len(records)), key=lambda one: (records.packs[one], records.offsets[one])
        )
        total, done = sum(records.stored), 0
        bad: dict[int, str] = {}

        def check(numbers: list[int]) -> int:
            if should_stop():
                msg = f"verification of restore point {index.point_id} was cancelled"
                raise RunCancelledError(msg)
            bad.update(_bad_records(packs, numbers))
            return sum(records.stored[number] for number in numbers)

        batches = [order[at : at + _BATCH_RECORDS] for at in range(0, len(order), _BATCH_RECORDS)]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
            try:
                for stored in pool.map(check, batches):
                    done += stored
                    on_bytes(done, total)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self.findings += _hit_places(index, packs, bad)
        self.bad_packs |= {index.packs[records.packs[number]].pack_id for number in bad}
        return done

    def _path(self, final: Path) -> Path:
        partial = self._layout.partial(final, self._point.tag)
        return partial if self._point.tag and not self._files.exists(final) else final

    def _read(self, path: Path) -> bytes | None:
        try:
            return read_whole(self._files, path)
        except NotFoundError:
            return None

    def _note(self, path: Path, problem: str) -> None:
        self.findings.append(Finding(self._layout.relative(path), problem))

    def _check_repository(self) -> None:
        data = self._read(self._layout.marker)
        try:
            parse(data or b"", "marker")
        except DamagedDataError as error:
            self._note(self._layout.marker, error.message)
        for path, problem in check_texts(self._files, self._layout):
            self._note(path, problem)

    def _check_manifest(self, path: Path, manifest: bytes | None, data: bytes | None) -> None:
        if manifest is None:
            self._note(path, "missing")
            return
        try:
            facts = parse(manifest, "manifest")
        except DamagedDataError as error:
            self._note(path, error.message)
            return
        if data is not None and facts.get("index_digest") != blake3(data).hexdigest():
            self._note(path, "does not belong to the index beside it")

    def _check_index(self, path: Path, data: bytes | None) -> PointIndex | None:
        if data is None:
            self._note(path, "missing")
            return None
        try:
            return PointIndex.decode(data, "index")
        except DamagedDataError as error:
            self._note(path, error.message)
            return None

    def _check_spare(self, index: PointIndex, data: bytes) -> None:
        path = self._layout.pack(index.spare_pack_id)
        if self._point.tag and not self._files.exists(path):
            path = self._layout.partial_pack(index.spare_pack_id, self._point.tag)
        spare = self._read(path)
        try:
            _, end = open_note(PACK_NOTE, spare or b"", "spare index")
        except DamagedDataError as error:
            self._note(path, "missing" if spare is None else error.message)
            return
        if spare is not None and spare[end:] != data:
            self._note(path, "spare index differs from the index")

    def _check_note(self, packs: PackFiles, number: int, name: str, first: int, last: int) -> None:
        """Between the note and the end, own packs hold records and nothing else."""
        size = self._files.size_bytes(packs.path(number))
        try:
            _, end = open_note(PACK_NOTE, packs.read_raw(number, 0, _NOTE_PROBE_BYTES), "header")
        except DamagedDataError as error:
            self.findings.append(Finding(name, error.message))
            return
        if (end, size) != (first, last):
            self.findings.append(Finding(name, "holds bytes that belong to no record"))


def _first_and_last(index: PointIndex) -> list[tuple[int, int]]:
    """For each pack, where its first record begins and its last one ends."""
    ends = [(entry.size_bytes, 0) for entry in index.packs]
    rows = zip(index.records.packs, index.records.offsets, index.records.stored, strict=True)
    for pack, offset, stored in rows:
        first, last = ends[pack]
        ends[pack] = (min(first, offset), max(last, offset + stored))
    return ends


def _bad_records(packs: PackFiles, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    for number in numbers:
        try:
            packs.read_record(number)
        except DamagedDataError as error:
            yield number, error.message


def _hit_places(index: PointIndex, packs: PackFiles, bad: dict[int, str]) -> list[Finding]:
    """Translate damaged records into places of disks."""
    if not bad:
        return []
    found = []
    for stream in index.streams:
        for piece in map(stream.pieces.__getitem__, range(len(stream.pieces))):
            if piece.record in bad:
                file = packs.name(index.records.packs[piece.record])
                problem = bad[piece.record].removeprefix(f"{file}: ")
                where = (stream.name, piece.offset, piece.length)
                found.append(Finding(file, problem, *where))
    return found


def _joined(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Join neighbours in one disk that were hit by one missing or damaged pack."""
    last: Finding | None = None
    for one in findings:
        if (
            last is not None
            and one.length
            and (last.file, last.disk, last.problem) == (one.file, one.disk, one.problem)
            and last.offset + last.length == one.offset
        ):
            last = replace(last, length=last.length + one.length)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
