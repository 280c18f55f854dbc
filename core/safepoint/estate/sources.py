"""From what the user named to texts: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from safepoint.estate.suggestions import did_you_mean
from safepoint.models.diagnostics import Diagnostic, Severity

__all__ = ["STDIN", "Source", "Sources", "read_sources"]

#: The word for standard input.
STDIN: Final = "-"
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Source:
    """One text with the folder that its relative paths start from."""

    name: str
    """The file as the user named it."""
    base_dir: Path
    text: str


@dataclass(slots=True)
class Sources:
    """What could be read, and what could not."""

    texts: list[Source] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)

    def refuse(self, code: str, file: str, summary: str, hint: str = "") -> None:
        """Note a file that cannot be used."""
        self.findings.append(
            Diagnostic(severity=Severity.ERROR, code=code, summary=summary, hint=hint, file=file)
        )


def read_sources(
    paths: Iterable[str | os.PathLike[str]], *, stdin: BinaryIO | None = None
) -> Sources:
    """Read files, folders (`*.yaml` and `*.yml` at any depth, hidden ones left out) and `-`.

    A file that is named twice is read once. Never raises for what is missing or unreadable.
    """
    sources = Sources()
    seen: set[Path] = set()
    named = list(paths)
    if not named:
        hint = "name a file, a folder, or - for standard input"
        sources.refuse("no-documents", "", "no file was named", hint)
    for each in named:
        path = os.fspath(each)
        if path == STDIN:
            stream = stdin if stdin is not None else sys.stdin.buffer
            _decode(stream.read(), "<stdin>", Path.cwd(), sources)
            continue
        for file in _files(Path(path), sources):
            real = Path(os.path.realpath(file))  # unlike resolve() it bears a loop of links
            if real not in seen:
                seen.add(real)
                _read_file(file, real.parent, sources)
    return sources


def _files(path: Path, sources: Sources) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = False
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                found = True
                yield Path(folder, name)
    if not found:
        hint = "estate documents are files that end in .yaml or .yml"
        sources.refuse("no-documents", str(path), "the folder has no estate documents", hint)


def _read_file(file: Path, base_dir: Path, sources: Sources) -> None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        sources.refuse("no-file", str(file), "there is no such file or folder", _look_around(file))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sources.refuse("unreadable-file", str(file), f"the file cannot be read: {reason}")
    else:
        _decode(content, str(file), base_dir, sources)


def _look_around(file: Path) -> str:
    try:
        names = [each.name for each in file.parent.iterdir() if each.name.endswith(_SUFFIXES)]
    except OSError:
        return "`safepoint init` writes a first estate file"
    hint = did_you_mean(file.name, names, what="this folder has")
    return hint or "`safepoint init` writes a first estate file"


def _decode(content: bytes, name: str, base_dir: Path, sources: Sources) -> None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        hint = "save it as UTF-8; the > of Windows PowerShell writes UTF-16"
        sources.refuse("encoding", name, "the file is UTF-16, not UTF-8", hint)
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        summary = f"the file is not UTF-8: byte 0x{content[error.start]:02x} on line {line}"
        sources.refuse("encoding", name, summary, "save it as UTF-8")
        return
    sources.texts.append(Source(name, base_dir, text))
