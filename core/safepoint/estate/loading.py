"""Files to estate: everything is read and checked before anything is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from safepoint.errors import ConfigError
from safepoint.estate.documents import KINDS
from safepoint.estate.estate import Estate, LoadedDocument
from safepoint.estate.findings import Findings, problem_finding
from safepoint.estate.nodes import walk
from safepoint.estate.reading import ReadDocument, read_text
from safepoint.estate.references import Named, check_references, check_unique_names
from safepoint.estate.scalars import OLD_BOOLEANS
from safepoint.estate.sources import Source, Sources, read_sources
from safepoint.estate.suggestions import nearest
from safepoint.estate.validating import Drivers, SettingsModel, validate_document
from safepoint.models.diagnostics import Diagnostic, Severity

__all__ = ["CheckedEstate", "check_estate", "check_text", "load_estate"]


@dataclass(frozen=True, slots=True)
class CheckedEstate:
    """The outcome of a check: findings by file and line, and the estate if there is no error."""

    findings: tuple[Diagnostic, ...]
    valid: Estate | None

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that make the estate unusable."""
        return tuple(each for each in self.findings if each.severity is Severity.ERROR)

    @property
    def estate(self) -> Estate:
        """The estate; raises ConfigError with all findings when there is an error."""
        if self.valid is None:
            files = {finding.file for finding in self.errors}
            where = f"{len(files)} files" if len(files) > 1 else "".join(files)
            count = len(self.errors)
            what = "1 error" if count == 1 else f"{count} errors"
            msg = f"the estate is not valid: {what}" + (f" in {where}" if where else "")
            findings = tuple(finding.render() for finding in self.findings)
            raise ConfigError(msg, findings=findings, hint="`safepoint schema` shows the format")
        return self.valid


def load_estate(
    paths: Iterable[str | os.PathLike[str]],
    *,
    settings_model: SettingsModel | None = None,
    driver_names: Iterable[str] = (),
    job_block: SettingsModel | None = None,
    stdin: BinaryIO | None = None,
) -> Estate:
    """Read files, folders and `-` into one estate.

    Args:
        paths: Files, folders (searched at any depth) and `-` for standard input.
        settings_model: Returns a driver's settings model, None for an unknown driver. Without
            it, settings are checked for secrets in clear only.
        driver_names: The drivers there are, for suggestions.
        job_block: Returns the model of a driver's block in jobs, None when it is not checked.
        stdin: What `-` reads; the process's own standard input by default.

    Raises:
        ConfigError: Something is wrong; `findings` has every error, with file and line.
    """
    checked = check_estate(
        paths,
        settings_model=settings_model,
        driver_names=driver_names,
        job_block=job_block,
        stdin=stdin,
    )
    return checked.estate


def check_estate(
    paths: Iterable[str | os.PathLike[str]],
    *,
    settings_model: SettingsModel | None = None,
    driver_names: Iterable[str] = (),
    job_block: SettingsModel | None = None,
    stdin: BinaryIO | None = None,
) -> CheckedEstate:
    """Like `load_estate`, but return the findings (warnings too) and raise nothing."""
    sources = read_sources(paths, stdin=stdin)
    return _check(sources, Drivers.of(settings_model, driver_names, job_block))


def check_text(
    text: str,
    *,
    name: str = "<text>",
    base_dir: Path | None = None,
    settings_model: SettingsModel | None = None,
    driver_names: Iterable[str] = (),
    job_block: SettingsModel | None = None,
) -> CheckedEstate:
    """Check a text as if it were the only file; `name` stands for it in findings."""
    source = Source(name, base_dir if base_dir is not None else Path.cwd(), text)
    return _check(Sources([source]), Drivers.of(settings_model, driver_names, job_block))


def _check(sources: Sources, drivers: Drivers) -> CheckedEstate:
    findings = list(sources.findings)
    named: list[Named] = []
    loaded: list[LoadedDocument] = []
    per_document: list[Findings] = []
    lost_names: set[str] = set()
    for source in sources.texts:
        read = read_text(source.text)
        lost_names |= read.lost_names
        problems = [problem_finding(source.name, problem) for problem in read.problems]
        findings += problems
        documents = [each for each in read.documents if each.root.value is not None]
        if not documents and not problems:
            findings.append(_no_documents(source))
        for document in documents:
            about = Findings(source.name, document.root)
            per_document.append(about)
            _check_document(document, about, source, drivers, loaded)
            _note_name(about, named)
    check_unique_names(named)
    if not sources.findings:  # else the documents that are referred to may be in there
        check_references(named, lost_names)
    findings += _without_echoes(per_document, findings)
    findings.sort(key=lambda finding: (finding.file, finding.line))
    usable = all(finding.severity is not Severity.ERROR for finding in findings)
    return CheckedEstate(tuple(findings), Estate(loaded) if usable else None)


def _no_documents(source: Source) -> Diagnostic:
    is_empty = not source.text.strip()
    return Diagnostic(
        severity=Severity.ERROR,
        code="no-documents",
        summary="the file is empty" if is_empty else "the file has no document, only comments",
        hint="`safepoint init` writes a first estate file",
        file=source.name,
    )


def _check_document(
    document: ReadDocument,
    about: Findings,
    source: Source,
    drivers: Drivers,
    loaded: list[LoadedDocument],
) -> None:
    valid = validate_document(about, source.base_dir, drivers)
    if document.old_booleans:
        _warn_old_booleans(document, about)
    if valid is not None:
        content = document.root.plain()
        line = document.root.line
        loaded.append(LoadedDocument(valid, source.name, line, source.base_dir, content))


def _warn_old_booleans(document: ReadDocument, about: Findings) -> None:
    wrong = {item.line for item in about.items}
    for path, entry in walk(document.root):
        node = entry.node
        if node.line in document.old_booleans - wrong and node.source in OLD_BOOLEANS:
            summary = (
                f"read as the text '{node.source}'; other readers of YAML take it for a boolean"
            )
            hint = f"write '{node.source}' in quotes, or true or false"
            about.add("old-boolean", path, summary, hint, severity=Severity.WARNING)


def _note_name(about: Findings, named: list[Named]) -> None:
    kind, name = about.root.text_at("kind"), about.root.text_at("metadata", "name")
    if kind and name:
        # A misspelt kind is an error of its own and should not make references dangle.
        named.append(Named(nearest(kind, KINDS) or kind, name, about))


def _without_echoes(
    documents: Iterable[Findings], problems: Iterable[Diagnostic]
) -> list[Diagnostic]:
    """Leave out findings on lines that YAML itself already made no sense of."""
    broken = {(problem.file, problem.line) for problem in problems if problem.line}
    return [
        item
        for findings in documents
        for item in findings.items
        if (item.file, item.line) not in broken
    ]
