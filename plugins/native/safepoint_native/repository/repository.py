"""A repository: a folder of self-describing packs and complete restore points."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safepoint.errors import (
    ConflictError,
    DamagedDataError,
    NotFoundError,
)
from safepoint_native.repository.cleaning import collect_packs, delete_point, remove_partials
from safepoint_native.repository.layout import Layout, checked_tag, from_safe_name, safe_name
from safepoint_native.repository.listing import list_points
from safepoint_native.repository.manifest import parse, render
from safepoint_native.repository.packs import DEFAULT_PACK_BYTES
from safepoint_native.repository.pins import pin_base
from safepoint_native.repository.points import StoredPoint
from safepoint_native.repository.reader import PointReader
from safepoint_native.repository.rebuilding import rebuild_index
from safepoint_native.repository.sealing import (
    PointFiles,
    load_index,
    read_whole,
    seal_point,
    write_durably,
)
from safepoint_native.repository.texts import put_texts
from safepoint_native.repository.verifying import (
    OnBytes,
    ShouldStop,
    VerifyReport,
    verify_point,
)
from safepoint_native.repository.writer import PointWriter
from safepoint_native.sources.filesystem import FileSystem, LocalFileSystem

__all__ = ["Repository"]

FORMAT_VERSION = 1


def _now() -> datetime:
    return datetime.now(UTC)


class Repository:
    """Opens or creates a repository. Threads and processes may use one at the same time.

    `vm` is the caller's stable key of a VM, such as ``cluster/GUID``. A `tag` marks everything
    an unsealed copy leaves behind, so that its owner can `discard` exactly that.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        files: FileSystem,
        clock: Callable[[], datetime],
    ) -> None:
        self._layout = Layout(path)
        self._facts = dict(facts)
        self._files = files
        self._clock = clock

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        files: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> Repository:
        """Make a folder a repository and open it. A creation that a crash cut off is taken up.

        Raises:
            ConflictError: it is one already, or holds something else.
        """
        files = files or LocalFileSystem()
        layout = Layout(Path(path))
        cls.check_free(path, files=files)
        for folder in (layout.root, layout.packs, layout.points):
            files.make_directory(folder)
        tag = f"create-{uuid.uuid4().hex[:12]}"
        put_texts(files, layout, tag)
        facts = {
            "format": FORMAT_VERSION,
            "id": str(uuid.uuid4()),
            "created_at": clock().isoformat(),
        }
        partial = layout.partial(layout.marker, tag)
        write_durably(files, partial, render(facts))
        if not files.exists(layout.marker):  # else somebody else created it meanwhile
            files.rename(partial, layout.marker)
        files.remove(partial)
        files.sync_directory(layout.root)
        return cls.open(path, files=files, clock=clock)

    @classmethod
    def check_free(cls, path: Path | str, *, files: FileSystem | None = None) -> None:
        """Look whether a folder could be made a repository; nothing is written.

        Raises:
            ConflictError: it is one already, or holds something else.
        """
        files, layout = files or LocalFileSystem(), Layout(Path(path))
        strange = [name for name in files.names(layout.root) if not layout.is_ours(name)]
        if strange or files.exists(layout.marker):
            msg = f"cannot create a repository in {layout.root}: the folder is not empty"
            raise ConflictError(msg, hint="Open it if it is a repository, else take another.")

    @classmethod
    def open_or_create(
        cls,
        path: Path | str,
        *,
        files: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> Repository:
        """Open a repository; make an empty or missing folder one first.

        Raises:
            ConflictError: the folder holds something else.
            DamagedDataError: its marker is damaged or of a format unknown to this version.
        """
        if (files or LocalFileSystem()).exists(Layout(Path(path)).marker):
            return cls.open(path, files=files, clock=clock)
        return cls.create(path, files=files, clock=clock)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        files: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> Repository:
        """Open a repository.

        Raises:
            NotFoundError: the folder is no repository.
            DamagedDataError: its marker is damaged or of a format unknown to this version.
        """
        files = files or LocalFileSystem()
        layout = Layout(Path(path))
        try:
            data = read_whole(files, layout.marker)
        except NotFoundError as error:
            msg = f"{layout.root} is no safepoint repository"
            raise NotFoundError(
                msg, hint="Check the path, and that the disk is mounted."
            ) from error
        facts = parse(data, str(layout.marker))
        if facts.get("format") != FORMAT_VERSION:
            msg = f"{layout.root}: repository format {facts.get('format')} is unknown"
            raise DamagedDataError(msg, hint="A newer safepoint wrote it; use that one.")
        return cls(layout.root, facts, files, clock)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._layout.root

    @property
    def repository_id(self) -> str:
        """A UUID that no other repository has."""
        return str(self._facts["id"])

    def free_bytes(self) -> int:
        """Return the room that is left."""
        return self._files.free_bytes(self.path)

    def begin(
        self,
        point_id: str,
        *,
        vm: str,
        tag: str,
        created_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        reuse: bool = True,
        level: int = 1,
        pack_bytes: int = DEFAULT_PACK_BYTES,
    ) -> PointWriter:
        """Begin a restore point.

        Args:
            point_id: Unique in the repository; take a new one for every attempt.
            vm: The VM's key.
            tag: The owner's mark on everything unsealed; letters, digits, ``_`` and ``-``.
            created_at: When the VM was frozen, aware; now by default.
            metadata: Kept as JSON with the point.
            reuse: Refer to what the newest point of this VM has stored. Turn it off after
                that point failed verification, so that damage is not inherited.
            level: zstd level; 0 stores bytes as they are.
            pack_bytes: A pack is closed when the next record would make it larger.

        Raises:
            ConflictError: the point is there already.
        """
        point = PointFiles(point_id, vm, checked_tag(tag))
        if self._files.exists(self._layout.index(vm, point_id)):
            msg = f"restore point {point_id} of {vm} is there already"
            raise ConflictError(msg, hint="Every attempt needs an id of its own.")
        self._layout.make_folder(self._files, self._layout.vm(vm))
        put_texts(self._files, self._layout, point.tag)
        newest = self._newest(vm) if reuse else None
        base = pin_base(self._files, self._layout, point, newest) if newest else None
        return PointWriter(
            self._files,
            self._layout,
            point,
            created_at=(created_at or self._clock()).isoformat(),
            metadata=metadata or {},
            base=base,
            level=level,
            pack_bytes=pack_bytes,
        )

    def seal(self, point_id: str, *, tag: str, vm: str | None = None) -> StoredPoint:
        """Seal a finished copy, also one of another process; twice gives the same point.

        Raises:
            NotFoundError: it was discarded or never finished.
        """
        return seal_point(self._files, self._layout, self._find(point_id, tag, vm))

    def discard(self, tag: str) -> list[str]:
        """Remove everything unsealed of this tag and return the names; twice is harmless."""
        return self.remove_partials(owner=checked_tag(tag))

    def remove_partials(
        self, *, owner: str | None = None, older_than: timedelta = timedelta(0)
    ) -> list[str]:
        """Remove unsealed files of one owner, or of everybody that are older than that."""
        return remove_partials(
            self._files, self._layout, owner=owner, older_than=older_than, now_seconds=time.time()
        )

    def points(self, vm: str | None = None) -> Iterator[StoredPoint]:
        """List restore points, oldest first within a VM; damaged ones have a `problem`."""
        folders = [safe_name(vm)] if vm is not None else self._files.names(self._layout.points)
        for folder in folders:
            yield from list_points(self._files, self._layout, from_safe_name(folder))

    def point(self, point_id: str, *, vm: str | None = None) -> StoredPoint:
        """Return one restore point.

        Raises:
            NotFoundError: it is not there.
        """
        for point in self.points(vm):
            if point.point_id == point_id:
                return point
        msg = f"restore point {point_id} is not in {self.path}"
        raise NotFoundError(msg, hint="List the points; it may have aged out.")

    def reader(self, point_id: str, *, vm: str | None = None, tag: str = "") -> PointReader:
        """Open a restore point for reading; with a tag, also a finished one not sealed yet.

        Raises:
            NotFoundError: it is not there.
            DamagedDataError: its index is missing or damaged.
        """
        point = self._find(point_id, tag, vm)
        path = self._layout.index(point.vm, point_id)
        if tag and not self._files.exists(path):
            path = self._layout.partial(path, tag)
        try:
            index = load_index(self._files, path, self._layout.relative(path))
        except NotFoundError as error:
            msg = f"{self._layout.relative(path)}: missing"
            raise DamagedDataError(msg, hint="Rebuild the index from the packs.") from error
        return PointReader(self._files, self._layout, index, tag=tag)

    def verify(
        self,
        point_id: str,
        *,
        vm: str | None = None,
        tag: str = "",
        on_bytes: OnBytes | None = None,
        should_stop: ShouldStop | None = None,
    ) -> VerifyReport:
        """Read everything of a point back; with a tag, also of a finished one not sealed yet.

        Raises:
            NotFoundError: it is not there.
            RunCancelledError: `should_stop` said so.
        """
        point = self._find(point_id, tag, vm)
        return verify_point(
            self._files, self._layout, point, on_bytes=on_bytes, should_stop=should_stop
        )

    def delete(self, point_id: str, *, vm: str | None = None) -> None:
        """Delete a restore point; `collect` then frees the room.

        Raises:
            NotFoundError: it is not there.
        """
        delete_point(self._files, self._layout, self._find(point_id, "", vm))

    def collect(self) -> list[str]:
        """Remove the packs that nothing needs and return their names.

        Raises:
            DamagedDataError: an index cannot be read; nothing was removed.
        """
        return collect_packs(self._files, self._layout)

    def rebuild_index(self, point_id: str, *, vm: str) -> StoredPoint:
        """Write a lost or damaged index and manifest anew from the packs.

        Raises:
            NotFoundError: no spare copy of the index is left.
        """
        rebuild_index(self._files, self._layout, PointFiles(point_id, vm, "rebuild"))
        return self.point(point_id, vm=vm)

    def _newest(self, vm: str) -> str | None:
        good = [point for point in self.points(vm) if not point.problem]
        return good[-1].point_id if good else None

    def _find(self, point_id: str, tag: str, vm: str | None) -> PointFiles:
        """Find the VM of a point by the files that name the point."""
        name = safe_name(point_id)
        stems = {f"{name}.index", f"{name}.json", f"{name}.index.deleted"}
        if tag:
            stems.add(f"{name}.index.{checked_tag(tag)}.partial")
        folders = [safe_name(vm)] if vm is not None else self._files.names(self._layout.points)
        for folder in folders:
            if not stems.isdisjoint(self._files.names(self._layout.points / folder)):
                return PointFiles(point_id, from_safe_name(folder), tag)
        msg = f"restore point {point_id} is not in {self.path}"
        raise NotFoundError(msg, hint="List the points; it may have aged out.")
