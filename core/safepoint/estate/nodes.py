"""The tree that a YAML document is read into: plain values that remember their lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Entry", "Node", "Scalar", "locate", "walk"]

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of a document with the place it was written at."""

    line: int
    """1-based line of the file."""
    value: Scalar | list[Node] | dict[str, Entry]
    source: str = ""
    """The text of an unquoted scalar as it was written; empty for everything else."""
    size: int = 1
    """Number of values in the tree, anchors counted as often as they are used."""
    height: int = 1
    """Number of levels of the tree."""

    def plain(self) -> Any:
        """Return the value as plain lists, dictionaries and scalars."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, part: str | int) -> Entry | None:
        """Return the entry of a mapping or the item of a list; None when there is none."""
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            item = self.value[part]
            return Entry(item.line, item)
        return None

    def text_at(self, *path: str) -> str | None:
        """Return the text at a path of keys; None when it is absent or no text."""
        node = self
        for part in path:
            entry = node.child(part)
            if entry is None:
                return None
            node = entry.node
        return node.value if isinstance(node.value, str) else None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A value of a mapping, with the line of its key."""

    line: int
    node: Node


@dataclass(frozen=True, slots=True)
class Location:
    """Where a path leads: the field as the user wrote it, its line, and the value if any."""

    field: str
    line: int
    node: Node | None
    path: tuple[str | int, ...] = ()
    """The parts of the path that exist, plus a missing last one."""


def locate(root: Node, path: Sequence[str | int]) -> Location:
    """Follow `path` from `root`.

    Parts that lead nowhere are skipped unless they are the last: a validator may name the
    branch of a union it tried, and a missing field is named by its last part.
    """
    line, node, real = root.line, root, list[str | int]()
    for number, part in enumerate(path, start=1):
        entry = node.child(part)
        if entry is not None:
            line, node = entry.line, entry.node
            real.append(part)
        elif number == len(path) and isinstance(node.value, dict):
            real.append(part)
            return Location(_render(real), line, None, tuple(real))
    return Location(_render(real), line, node, tuple(real))


def walk(
    node: Node, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Entry]]:
    """Yield every value below `node` with its path, parents before children."""
    if isinstance(node.value, dict):
        children: list[tuple[str | int, Entry]] = list(node.value.items())
    elif isinstance(node.value, list):
        children = [(index, Entry(item.line, item)) for index, item in enumerate(node.value)]
    else:
        return
    for part, entry in children:
        yield (*path, part), entry
        yield from walk(entry.node, (*path, part))


def _render(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
