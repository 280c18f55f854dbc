"""The table of shapes and its notation.

One line a shape, read from ``rev1.txt`` (all) and ``rev2.txt`` (what differs there) [S]::

    Name: field! type, field type, list [type]     an object; '!' marks a required field
    Name = Value Value                             an enumeration
    Name by field: Value=Shape Value=Shape         a choice by a discriminator field

Types are str, int, number, bool, uuid, datetime, any, or the name of another line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from safepoint_lab.veeam.profiles import REV2

__all__ = ["Field", "ShapeTable", "table_of"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    type: str
    required: bool


@dataclass(slots=True)
class ShapeTable:
    """Every shape of one revision by name."""

    objects: dict[str, dict[str, Field]] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    choices: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """Add (or replace by) the lines of a table."""
        for line in text.splitlines():
            if line and not line.startswith("#"):
                self._read_line(line)

    def _read_line(self, line: str) -> None:
        head, _, rest = line.partition(": ")
        if " by " in head:
            name, _, by = head.partition(" by ")
            pairs = (pair.partition("=") for pair in rest.split())
            self.choices[name] = (by, {value: shape for value, _, shape in pairs})
        elif " = " in line:
            name, _, values = line.partition(" = ")
            self.enums[name] = tuple(values.split())
        else:
            self.objects[head] = dict(_field(item) for item in rest.split(", "))


def _field(item: str) -> tuple[str, Field]:
    name, _, kind = item.partition(" ")
    return name.removesuffix("!"), Field(kind, name.endswith("!"))


@cache
def table_of(revision: str) -> ShapeTable:
    """Return the shapes of a revision."""
    folder = files("safepoint_lab.veeam.shapes")
    table = ShapeTable()
    table.read((folder / "rev1.txt").read_text("utf-8"))
    if revision == REV2:
        table.read((folder / "rev2.txt").read_text("utf-8"))
    return table
