"""Names and places inside a repository folder.

::

    safepoint-repository.json            who it is
    README.txt  restore.py               for whoever finds the folder without safepoint
    packs/<2hex>/<pack-id>.pack          records, sealed
    packs/<2hex>/<pack-id>.pack.<tag>.partial
    packs/<2hex>/<pack-id>.suspect       damage was seen in it
    points/<vm>/<point>.index            the restore point: it exists when this name exists
    points/<vm>/<point>.json             the same in short, for people and for quick listings
    points/<vm>/<point>.{index,json,base}.<tag>.partial      unsealed
    points/<vm>/<point>.index.<tag>.discarded                 being thrown away, unsealed
    points/<vm>/<point>.index.deleted                         being deleted, was sealed
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from safepoint.errors import InvalidRequestError, UnreachableError
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["Layout", "checked_tag", "from_safe_name", "safe_name", "tag_of"]

_TAG = re.compile(r"[A-Za-z0-9_-]{1,80}")
_UNFINISHED = re.compile(r"\.([A-Za-z0-9_-]{1,80})\.(?:partial|discarded)$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_MAX_NAME_LENGTH = 150


def safe_name(text: str) -> str:
    """Return `text` as one file-name component for every platform; `from_safe_name` undoes it.

    Raises:
        InvalidRequestError: it is empty or too long to be a file name.
    """
    name = quote(text, safe="").replace(".", "%2E").replace("~", "%7E")
    if _RESERVED.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if not name or len(name) > _MAX_NAME_LENGTH:
        msg = f"{text[:60]!r} cannot name anything in a repository: empty or too long"
        raise InvalidRequestError(msg)
    return name


def from_safe_name(name: str) -> str:
    """Return the text that `safe_name` was given."""
    return unquote(name)


def checked_tag(tag: str) -> str:
    """Return the tag when it can stand in a file name.

    Raises:
        InvalidRequestError: it holds something else than letters, digits, ``_`` and ``-``.
    """
    if not _TAG.fullmatch(tag):
        msg = f"tag {tag[:100]!r} may only hold up to 80 letters, digits, '_' and '-'"
        raise InvalidRequestError(msg)
    return tag


def tag_of(name: str) -> str | None:
    """Return the tag inside the name of an unfinished file, None for other files."""
    found = _UNFINISHED.search(name)
    return found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class Layout:
    """Computes every path of the repository at `root`."""

    root: Path

    def make_folder(self, files: FileSystem, folder: Path) -> None:
        """Make a folder of the repository, durably, where the repository itself is there.

        Raises:
            UnreachableError: it is away; made anew it would be another one.
        """
        if not files.exists(self.marker):
            msg = f"the repository in {self.root} is away"
            raise UnreachableError(msg, hint="Check that its disk is mounted.")
        files.make_directory(folder)

    @property
    def marker(self) -> Path:
        """The file that makes a folder a repository."""
        return self.root / "safepoint-repository.json"

    @property
    def restore_script(self) -> Path:
        """The stand-alone restore program."""
        return self.root / "restore.py"

    @property
    def readme(self) -> Path:
        """The text for people."""
        return self.root / "README.txt"

    @property
    def packs(self) -> Path:
        """The folder of all pack folders."""
        return self.root / "packs"

    @property
    def points(self) -> Path:
        """The folder of all VM folders."""
        return self.root / "points"

    def pack(self, pack_id: str) -> Path:
        """A sealed pack."""
        return self.packs / pack_id[:2] / f"{pack_id}.pack"

    def partial_pack(self, pack_id: str, tag: str) -> Path:
        """A pack that belongs to no restore point yet."""
        return self.packs / pack_id[:2] / f"{pack_id}.pack.{tag}.partial"

    def suspect(self, pack_id: str) -> Path:
        """The mark of a pack in which damage was seen."""
        return self.packs / pack_id[:2] / f"{pack_id}.suspect"

    def vm(self, vm: str) -> Path:
        """The folder with the restore points of one VM."""
        return self.points / safe_name(vm)

    def index(self, vm: str, point_id: str) -> Path:
        """The index whose presence makes the restore point."""
        return self.vm(vm) / f"{safe_name(point_id)}.index"

    def manifest(self, vm: str, point_id: str) -> Path:
        """The readable summary of a restore point."""
        return self.vm(vm) / f"{safe_name(point_id)}.json"

    def base(self, vm: str, point_id: str) -> Path:
        """Tells which packs of older points a running copy leans on."""
        return self.vm(vm) / f"{safe_name(point_id)}.base"

    def deleted(self, vm: str, point_id: str) -> Path:
        """The index of a sealed point whose deletion has begun."""
        return self.vm(vm) / f"{safe_name(point_id)}.index.deleted"

    @staticmethod
    def partial(path: Path, tag: str) -> Path:
        """The unsealed form of a file of a restore point."""
        return path.with_name(f"{path.name}.{tag}.partial")

    @staticmethod
    def discarded(path: Path, tag: str) -> Path:
        """The form of an unsealed index that can no longer be sealed."""
        return path.with_name(f"{path.name}.{tag}.discarded")

    def is_ours(self, name: str) -> bool:
        """Tell whether a name in the root can stem from a repository; dot files do not count."""
        known = {self.packs, self.points, self.readme, self.restore_script, self.marker}
        is_known = name in {path.name for path in known}
        return is_known or name.startswith(".") or tag_of(name) is not None

    def relative(self, path: Path) -> str:
        """A path as it is named in findings: from the root, with slashes."""
        return path.relative_to(self.root).as_posix()
