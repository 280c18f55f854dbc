"""Findings: many at once, each with a place, for configuration, plans and inspections."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model

__all__ = ["Diagnostic", "Severity"]


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Diagnostic(Model):
    """One finding, with the place it was found and what to do about it."""

    severity: Severity
    code: str
    """Stable id such as `unknown-field`; never localised, safe to match on."""
    summary: str
    """What is wrong, in one line."""
    hint: str = ""
    """What to do about it."""
    file: str = ""
    line: int = 0
    """1-based line in `file`; 0 when the finding has no line."""
    field: str = ""
    """Dotted path of the field, such as `spec.nodes[1].address`."""

    def render(self) -> str:
        """Return `file:line: severity: field: summary (hint)` with the absent parts left out."""
        place = (
            f"{self.file}:{self.line}: "
            if self.file and self.line
            else (f"{self.file}: " if self.file else "")
        )
        field = f"{self.field}: " if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.severity}: {field}{self.summary}{hint}"
