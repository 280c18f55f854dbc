"""Text to documents: YAML read event by event, with a line for every value.

The composer of PyYAML is not used: on deeply nested input it ends the process, and it forgets
the lines of keys. Every problem is a finding; a broken document does not hide the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import yaml
from yaml import events

from safepoint.estate.nodes import Entry, Node
from safepoint.estate.scalars import CORE_TAGS, OLD_BOOLEANS, resolve_plain, resolve_tagged
from safepoint.estate.syntax import Problem, explain

__all__ = ["ReadDocument", "ReadText", "read_text"]

#: The deepest nesting that is read; estate documents need fewer than ten levels.
MAX_DEPTH: Final = 50
#: The most values one document may have once its anchors are followed.
MAX_VALUES: Final = 2_000_000

_LOADER: Final[type[Any]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENT_START: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_ONLY_DIRECTIVES: Final = re.compile(
    r"(?:[ \t]*(?:#[^\n]*)?\n|%[^\n]*\n)*%[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*"
)
_NAME: Final = re.compile(r"\bname:[ \t]*['\"]?([A-Za-z0-9._-]+)")
# What YAML forbids, and what one version takes for a line break and another does not.
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]"
)


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """One document of a text."""

    root: Node
    old_booleans: frozenset[int] = frozenset()
    """Lines with an unquoted word that other YAML readers take for true or false."""


@dataclass(slots=True)
class ReadText:
    """What a text holds: its documents, and what is wrong with it."""

    documents: list[ReadDocument] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lost_names: set[str] = field(default_factory=set)
    """Names in documents that could not be read, so that references to them pass."""


def read_text(text: str) -> ReadText:
    """Read all documents of `text`; never raises for what the text holds."""
    result = ReadText()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    bad = _FORBIDDEN.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        summary = f"the character U+{ord(bad.group()):04X} cannot be used in a document"
        result.problems.append(Problem(line, "yaml-character", summary, "remove it"))
        result.lost_names.update(_NAME.findall(text))
        return result
    for first_line, chunk in _chunks(text):
        _read_chunk(chunk, first_line, result)
    return result


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Cut at the `---` lines, which YAML allows nowhere else, so that errors stay local."""
    cuts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    if cuts and _ONLY_DIRECTIVES.fullmatch(text[: cuts[0]]):
        cuts.pop(0)
    borders = [0, *(cut for cut in cuts if cut), len(text)]
    line = 1
    for start, end in pairwise(borders):
        chunk = text[start:end]
        yield line, chunk
        line += chunk.count("\n")


def _read_chunk(chunk: str, first_line: int, result: ReadText) -> None:
    builder = _Builder(first_line, result)
    try:
        for event in yaml.parse(chunk, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        result.problems.append(explain(error, chunk, first_line))
        result.lost_names.update(_NAME.findall(chunk))
    except _StopReading:
        result.lost_names.update(_NAME.findall(chunk))


class _StopReading(Exception):  # noqa: N818  # a signal inside this module, not an error
    """The rest of this chunk is not read."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    line: int
    anchor: str | None
    content: list[Node] | dict[str, Entry]
    key: str | None = None
    key_line: int = 0
    has_key: bool = False
    size: int = 1
    height: int = 1


class _Builder:
    """Turns the events of one chunk into documents."""

    def __init__(self, first_line: int, result: ReadText) -> None:
        self._first_line = first_line
        self._result = result
        self._begin()

    def _begin(self) -> None:
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}
        self._old_booleans: set[int] = set()

    def take(self, event: Any) -> None:
        """Use one event of the parser."""
        line = self._first_line + event.start_mark.line
        if isinstance(event, events.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self._open(event, line)
        elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
            self._close()
        elif isinstance(event, events.AliasEvent):
            self._place(self._aliased(event.anchor or "", line), line)
        elif isinstance(event, events.DocumentStartEvent):
            self._begin()
            if event.tags:
                self._problem(line, "yaml-tag", "tag directives are not allowed", "remove it")

    def _problem(self, line: int, code: str, summary: str, hint: str) -> None:
        self._result.problems.append(Problem(line, code, summary, hint))

    def _scalar(self, event: Any, line: int) -> None:
        text: str = event.value
        source = ""
        if event.tag is not None:
            value = self._tagged(text, event.tag, line)
        elif event.implicit[0]:
            value = resolve_plain(text)
            source = text
            if text in OLD_BOOLEANS:
                self._old_booleans.add(line)
        else:
            value = text
        self._finish(Node(line, value, source), event.anchor, line)

    def _tagged(self, text: str, tag: str, line: int) -> Any:
        if self._check_tag(tag, line):
            try:
                return resolve_tagged(text, tag)
            except ValueError as error:
                self._problem(line, "yaml-tag", str(error), "remove the tag")
        return text

    def _check_tag(self, tag: str | None, line: int) -> bool:
        if tag is None or tag in CORE_TAGS:
            return True
        # The tag is not repeated: an unquoted password may begin with an exclamation mark.
        hint = "remove the tag; a text that begins with ! needs quotes"
        self._problem(line, "yaml-tag", "YAML tags other than the core ones are not allowed", hint)
        return False

    def _open(self, event: Any, line: int) -> None:
        self._check_tag(event.tag, line)
        if len(self._stack) >= MAX_DEPTH:
            self._too_deep(line)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        is_mapping = isinstance(event, events.MappingStartEvent)
        self._stack.append(_Frame(line, event.anchor, {} if is_mapping else []))

    def _too_deep(self, line: int) -> None:
        summary = f"nested more than {MAX_DEPTH} levels deep"
        self._problem(line, "yaml-depth", summary, "an estate document needs fewer than ten")
        raise _StopReading

    def _close(self) -> None:
        frame = self._stack.pop()
        node = Node(frame.line, frame.content, "", frame.size, frame.height)
        self._finish(node, frame.anchor, frame.line)

    def _finish(self, node: Node, anchor: str | None, line: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._place(node, line)

    def _aliased(self, anchor: str, line: int) -> Node:
        # The name is not repeated: an unquoted password may begin with an asterisk.
        node = self._anchors.get(anchor)
        if node is not None:
            return node
        if anchor in self._anchors:
            summary = "an alias that refers to what it stands in"
        else:
            summary = "an alias (*…) of an anchor (&…) that this document does not have"
        hint = "a text or pattern that begins with * needs quotes"
        self._problem(line, "yaml-alias", summary, hint)
        return Node(line, None)

    def _place(self, node: Node, line: int) -> None:
        if not self._stack:
            self._result.documents.append(ReadDocument(node, frozenset(self._old_booleans)))
            return
        frame = self._stack[-1]
        if isinstance(frame.content, list):
            frame.content.append(node)
        elif not frame.has_key:
            frame.key, frame.key_line, frame.has_key = self._key(node), line, True
            return
        else:
            self._add_entry(frame.content, frame, node)
        frame.size += node.size
        frame.height = max(frame.height, node.height + 1)
        self._check_growth(frame)

    def _check_growth(self, frame: _Frame) -> None:
        if frame.height > MAX_DEPTH:
            self._too_deep(frame.line)
        if frame.size > MAX_VALUES:
            summary = "the aliases of this document multiply to too many values"
            self._problem(frame.line, "yaml-size", summary, "write the values out")
            raise _StopReading

    def _key(self, node: Node) -> str | None:
        if isinstance(node.value, str):
            return node.value
        summary = "a key must be text"
        self._problem(node.line, "yaml-key", summary, "put the key in quotes")
        return None

    def _add_entry(self, content: dict[str, Entry], frame: _Frame, node: Node) -> None:
        frame.has_key = False
        if frame.key is None:
            return
        if frame.key == "<<":
            hint = "write the fields out; an anchor may stand for a whole value: key: *name"
            self._problem(frame.key_line, "yaml-merge", "merge keys (<<) are not allowed", hint)
            return
        first = content.setdefault(frame.key, Entry(frame.key_line, node))
        if first.node is not node or first.line != frame.key_line:
            summary = f"the key {frame.key} is given twice; it is already on line {first.line}"
            self._problem(frame.key_line, "duplicate-key", summary, "keep one of the two")
