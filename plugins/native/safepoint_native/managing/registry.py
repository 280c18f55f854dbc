"""The files: a label and one registration a job, each replaced as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from safepoint.errors import (
    DamagedDataError,
    NotFoundError,
    OutcomeUnknownError,
    UnreachableError,
)
from safepoint_native.repository.layout import checked_tag, from_safe_name, safe_name
from safepoint_native.repository.manifest import parse, render
from safepoint_native.repository.sealing import read_whole, write_durably
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["Entry", "Registry"]

#: Raised with every change of the files' meaning; a newer one is refused.
_FORMAT: Final = 1
_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it was read."""

    name: str
    content: Mapping[str, Any]
    digest: str
    """Of the file's bytes, to notice that somebody wrote it in between."""


class Registry:
    """Reads and writes the registrations of one repository."""

    def __init__(self, root: Path, files: FileSystem) -> None:
        self._root = root
        self._files = files

    @property
    def _folder(self) -> Path:
        return self._root / "jobs"

    def label(self) -> Entry | None:
        """Return the label; None while there is none."""
        return self._read(self._root / "label.json", "label")

    def jobs(self) -> Iterator[Entry]:
        """Return every registered job.

        Raises:
            DamagedDataError: a file is not what was written; no list without it is returned.
        """
        for name in self._files.names(self._folder):
            if name.endswith(_SUFFIX) and not name.startswith("."):
                entry = self._read(self._folder / name, from_safe_name(name.removesuffix(_SUFFIX)))
                if entry is not None:
                    yield entry

    def job(self, name: str) -> Entry | None:
        """Return one job; None when it is not registered."""
        return self._read(self._path(name), name)

    def put_label(self, content: Mapping[str, Any], tag: str) -> None:
        """Write the label; raises as `put_job` does."""
        self._write(self._root / "label.json", content, tag)

    def put_job(self, name: str, content: Mapping[str, Any], tag: str) -> None:
        """Write the registration of a job.

        Raises:
            OutcomeUnknownError: the share went away while the file got its name.
        """
        self._files.make_directory(self._folder)
        self._write(self._path(name), content, tag)

    def remove_job(self, name: str) -> None:
        """Remove the registration of a job; one that is gone already is not an error.

        Raises:
            OutcomeUnknownError: the share went away in the middle of it.
        """
        with _perhaps(self._path(name)):
            self._files.remove(self._path(name))
            if self._files.exists(self._folder):
                self._files.sync_directory(self._folder)

    def _path(self, name: str) -> Path:
        return self._folder / f"{safe_name(name)}{_SUFFIX}"

    def _read(self, path: Path, name: str) -> Entry | None:
        try:
            data = read_whole(self._files, path)
        except NotFoundError:
            return None
        content = parse(data, str(path))
        if content.get("format") != _FORMAT:
            msg = f"{path}: format {content.get('format')} is unknown"
            raise DamagedDataError(msg, hint="A newer safepoint wrote it; use that one.")
        return Entry(name, content, blake3(data).hexdigest())

    def _write(self, path: Path, content: Mapping[str, Any], tag: str) -> None:
        partial = path.with_name(f".{path.name}.{checked_tag(tag)}.partial")
        self._files.remove(partial)  # of an attempt with the same key that died
        write_durably(self._files, partial, render({"format": _FORMAT, **content}))
        with _perhaps(path):
            self._files.rename(partial, path)
            self._files.sync_directory(path.parent)


@contextmanager
def _perhaps(path: Path) -> Iterator[None]:
    """Take a medium that goes away while names change for an unknown outcome."""
    try:
        yield
    except UnreachableError as error:
        msg = f"no answer came while {path} was written: {error.message}"
        raise OutcomeUnknownError(msg, hint=error.hint, operation="apply") from error
