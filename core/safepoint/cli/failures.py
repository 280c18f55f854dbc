"""Connections that could not be asked: named beside what the others said."""

from __future__ import annotations

from typing import TypeAlias

from safepoint.errors import SafepointError

__all__ = ["Failures", "not_asked"]

#: Which connections could not be asked, and why.
Failures: TypeAlias = list[tuple[str, SafepointError]]


def not_asked(failures: Failures) -> str:
    """Return the sentence that names them, to be added to a hint; nothing when there are none."""
    names = ", ".join(name for name, _ in failures)
    return f" These connections could not be asked: {names}." if names else ""
