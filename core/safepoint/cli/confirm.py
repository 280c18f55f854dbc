"""Asking before something is lost."""

from __future__ import annotations

import sys

import typer

from safepoint.errors import UsageError

__all__ = ["confirm"]


def confirm(deed: str, word: str, given: str) -> None:
    """Make the person type `word`, unless they gave it already as an option.

    Raises:
        UsageError: the word is another, or nobody is there to be asked.
    """
    answer = given
    if not answer and sys.stdin.isatty():
        answer = typer.prompt(f"This will {deed}. Type {word!r} to go on", default="", err=True)
    if answer.strip().casefold() != word.casefold():
        msg = f"not confirmed: {deed}"
        raise UsageError(msg, hint=f"Give --yes {word} or type it when asked. Nothing was done.")
