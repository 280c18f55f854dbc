"""Findings about one document: each gets its line and the field as the user wrote it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from safepoint.estate.nodes import Node, locate
from safepoint.estate.syntax import Problem
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.secrets import SECRET_IN_CLEAR

__all__ = ["IN_CLEAR", "Findings", "describe", "is_secret_key", "problem_finding"]

#: The code of the finding "a secret is written in clear".
IN_CLEAR: Final = SECRET_IN_CLEAR.replace("_", "-")

_SECRET_KEY: Final = re.compile(
    r"(?:pass[_-]?(?:word|wd|phrase|code)|pwd|secret|token"
    r"|(?:api|access|private|account|shared)[_-]?key)s?",
    re.IGNORECASE,
)


def is_secret_key(key: str) -> bool:
    """Tell whether a field of this name holds a secret: `smbPassword` does, `passwordFile` not."""
    return any(match.end() == len(key) for match in _SECRET_KEY.finditer(key))


def describe(node: Node) -> str:
    """Return what was found, such as `the number 007` or `a list`; long text is cut."""
    match node.value:
        case None:
            return "nothing"
        case bool():
            return node.source or str(node.value).lower()
        case int() | float():
            return f"the number {node.source or node.value}"
        case str() as text:
            return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}…'"
        case list():
            return "a list"
        case _:
            return "a mapping"


def problem_finding(file: str, problem: Problem) -> Diagnostic:
    """Return the finding for something wrong with the text of a file."""
    return Diagnostic(
        severity=Severity.ERROR,
        code=problem.code,
        summary=problem.summary,
        hint=problem.hint,
        file=file,
        line=problem.line,
    )


@dataclass(slots=True)
class Findings:
    """What is wrong with one document."""

    file: str
    root: Node
    items: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self,
        code: str,
        path: Sequence[str | int],
        summary: str,
        hint: str = "",
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note something wrong at `path`."""
        place = locate(self.root, path)
        self._seen.add((code, place.field))
        self.items.append(
            Diagnostic(
                severity=severity,
                code=code,
                summary=summary,
                hint=hint,
                file=self.file,
                line=place.line,
                field=place.field,
            )
        )

    def has_error(self, code: str, field: str) -> bool:
        """Tell whether this very finding was noted already."""
        return (code, field) in self._seen
