"""Everything that reaches the screen passes here: data on stdout, the rest on stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from safepoint.errors import ConfigError, SafepointError

__all__ = ["Column", "Format", "Output"]

#: The version of the JSON and YAML forms; raised when a field changes its meaning or goes.
OUTPUT_VERSION = "safepoint.output/v1"


class Format(StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True)
class Column:
    """A column of a table: which field, under which heading, on which side."""

    field: str
    heading: str
    right: bool = False


class Output:
    """Writes data, messages and errors in the chosen format."""

    def __init__(self, form: Format = Format.TABLE) -> None:
        self.form = form
        self.data = Console(file=sys.stdout, highlight=False, emoji=False, soft_wrap=True)
        self.messages = Console(file=sys.stderr, highlight=False, emoji=False, soft_wrap=True)

    @property
    def is_table(self) -> bool:
        """True when a person reads, not a program."""
        return self.form is Format.TABLE

    @property
    def is_document(self) -> bool:
        """True when a program reads one whole document."""
        return self.form in {Format.JSON, Format.YAML}

    def rows(
        self,
        kind: str,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[Column],
        *,
        show: Sequence[Mapping[str, Any]] | None = None,
        empty: str = "nothing to show",
        title: str | None = None,
    ) -> None:
        """Write a list.

        Args:
            kind: Names the list in JSON and YAML, such as `RunList`.
            rows: The full facts, JSON-ready.
            columns: What a table or CSV shows of `show`.
            show: The same rows as a person reads them; `rows` when left out.
            empty: Said on stderr instead of an empty table.
            title: Above the table.
        """
        if self.is_document:
            self._document({"apiVersion": OUTPUT_VERSION, "kind": kind, "items": list(rows)})
            return
        if self.form is Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow([column.field for column in columns])
            writer.writerows([[_plain(row.get(c.field)) for c in columns] for row in rows])
            return
        if not rows:
            self.say(empty)
            return
        self._table(columns, show if show is not None else rows, title)

    def facts(self, kind: str, facts: Mapping[str, Any], lines: Iterable[str] = ()) -> None:
        """Write one object: as a document, or as the given lines for a person."""
        if self.is_document:
            self._document({"apiVersion": OUTPUT_VERSION, "kind": kind, **facts})
            return
        for line in lines:
            self.data.print(escape(line))

    def text(self, text: str) -> None:
        """Write text to stdout exactly as it is."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def say(self, text: str, *, style: str = "") -> None:
        """Say something to the person, on stderr; styles vanish when it is no terminal."""
        self.messages.print(escape(text), style=style or None)

    def warn(self, text: str) -> None:
        """Say a warning on stderr."""
        self.messages.print(f"[yellow]warning:[/yellow] {escape(text)}")

    def error(self, error: SafepointError) -> None:
        """Report an error: one object on stdout for programs, lines on stderr for people."""
        if self.is_document:
            self._document(
                {"apiVersion": OUTPUT_VERSION, "kind": "Error", "error": error.to_dict()}
            )
        if isinstance(error, ConfigError):
            for finding in error.findings:
                self.messages.print(escape(finding))
        self.messages.print(f"[bold red]error:[/bold red] {escape(error.message)}")
        if error.hint:
            self.messages.print(f"[bold]hint:[/bold] {escape(error.hint)}")

    def _document(self, document: Mapping[str, Any]) -> None:
        if self.form is Format.YAML:
            text = yaml.safe_dump(
                json.loads(json.dumps(document, default=str)), sort_keys=False, allow_unicode=True
            )
        else:
            text = json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n"
        sys.stdout.write(text)

    def _table(
        self, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], title: str | None
    ) -> None:
        table = Table(
            title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for column in columns:
            table.add_column(
                column.heading, justify="right" if column.right else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*(escape(_plain(row.get(c.field))) for c in columns))
        wide = (
            self.data
            if self.data.is_terminal
            else Console(file=sys.stdout, highlight=False, emoji=False, width=220)
        )
        wide.print(table)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    return str(value)
