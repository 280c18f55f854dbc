"""What holds between documents: names are unique, references lead somewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from safepoint.estate.documents import REFERENCES
from safepoint.estate.findings import Findings
from safepoint.estate.nodes import Node
from safepoint.estate.suggestions import did_you_mean

__all__ = ["Named", "check_references", "check_unique_names"]


@dataclass(frozen=True, slots=True)
class Named:
    """A document, right or wrong in itself, that has a kind and a name."""

    kind: str
    name: str
    findings: Findings

    @property
    def place(self) -> str:
        """Where the document says its name: `file:line`."""
        metadata = self.findings.root.child("metadata")
        entry = metadata.node.child("name") if metadata is not None else None
        return f"{self.findings.file}:{entry.line if entry else self.findings.root.line}"


def check_unique_names(documents: Sequence[Named]) -> None:
    """Note each name that another document of the same kind has, naming both places."""
    first: dict[tuple[str, str], Named] = {}
    for document in documents:
        earlier = first.setdefault((document.kind, document.name.casefold()), document)
        if earlier is not document:
            summary = f"another {document.kind} is called {earlier.name}: {earlier.place}"
            hint = "give one of them another name"
            document.findings.add("duplicate-name", ("metadata", "name"), summary, hint)


def check_references(documents: Sequence[Named], lost_names: Collection[str] = ()) -> None:
    """Note each reference that leads to no document; `lost_names` are in unreadable ones."""
    names: dict[str, set[str]] = {}
    for document in documents:
        names.setdefault(document.kind, set()).add(document.name)
    for document in documents:
        for path, kind, target in _references(document):
            if target not in names.get(kind, ()) and target not in lost_names:
                summary = f"there is no {kind} called {target}"
                hint = _reference_hint(target, kind, names)
                document.findings.add("dangling-reference", path, summary, hint)


_Path: TypeAlias = tuple[str | int, ...]


def _references(document: Named) -> Iterator[tuple[_Path, str, str]]:
    for field, kind in REFERENCES.get(document.kind, {}).items():
        for path, node in _leading_to(document.findings.root, ("spec", *field.split("."))):
            if isinstance(node.value, str) and node.value:
                yield path, kind, node.value


def _leading_to(
    node: Node, parts: Sequence[str], path: _Path = ()
) -> Iterator[tuple[_Path, Node]]:
    if not parts:
        yield path, node
        return
    name = parts[0].removesuffix("[]")
    entry = node.child(name)
    if entry is None:
        return
    if not parts[0].endswith("[]"):
        yield from _leading_to(entry.node, parts[1:], (*path, name))
    elif isinstance(entry.node.value, list):
        for number, item in enumerate(entry.node.value):
            yield from _leading_to(item, parts[1:], (*path, name, number))


def _reference_hint(target: str, kind: str, names: dict[str, set[str]]) -> str:
    known = names.get(kind, set())
    if not known:
        return f"these files have no {kind} at all"
    hint = did_you_mean(target, known, what="known")
    other = next((other for other, called in names.items() if target in called), None)
    if other is not None and not hint.startswith("did"):
        return f"{target} is a {other}, a {kind} is needed"
    return hint
