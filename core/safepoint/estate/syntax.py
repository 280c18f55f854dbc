"""YAML's own complaints in words that help someone who writes an estate document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import yaml

__all__ = ["Problem", "explain"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a text, before its meaning is looked at."""

    line: int
    code: str
    summary: str
    hint: str = ""


#: What newer parsers say by themselves, before the nesting that we allow is counted.
_TOO_DEEP: Final = "maximum nesting depth"
_QUOTES: Final = "put the text in single quotes"
_INDENT: Final = "look at the indentation of this line and the one before"
_FIT: Final = "look at the indentation, and at quotes inside of quotes"
# (words of the parser, our words, what to do). The parser's own words are never shown as they
# are: the slower of the two parsers repeats parts of the text in them.
_WORDS: Final = (
    (
        "escape character",
        "in double quotes a backslash begins an escape, and this one does not exist",
        r"put paths in single quotes: '\\server\share'",
    ),
    (
        "alphabetic or numeric",
        "a plain text must not begin with * or &",
        "put the text or pattern in quotes",
    ),
    ("cannot start any token", "a plain text must not begin with this character", _QUOTES),
    ("mapping values are not allowed", "a colon where no field can begin", _INDENT),
    ("could not find expected ':'", "a line that is no field: the colon is missing", _INDENT),
    ("unexpected end of stream", "a quote that is opened here is not closed", "close the quote"),
    ("',' or ']'", "a list in brackets is not closed", "close it with ]"),
    ("',' or '}'", "a mapping in braces is not closed", "close it with }"),
    ("node content", "a list in brackets or a mapping in braces is not closed", "close it"),
    ("did not find expected key", "this does not fit the lines before", _FIT),
    ("expected <block end>", "this does not fit the lines before", _FIT),
    ("block sequence entries", "a list begins where none can be", _INDENT),
    ("'-' indicator", "the items of this list are not aligned", _INDENT),
    ("tag", "a YAML tag that cannot be read", "a text that begins with ! needs quotes"),
    ("duplicate anchor", "an anchor is defined twice", "give each anchor its own name"),
    ("document start", "text after the end of a document", "begin a new document with ---"),
    ("YAML version", "a YAML version that is not known", "remove the %YAML line"),
)


def explain(error: yaml.YAMLError, text: str, first_line: int) -> Problem:
    """Return a finding for what the parser raised; `text` began at `first_line` of its file."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(first_line, "yaml-syntax", "this is not valid YAML")
    problem = error.problem or ""
    mark = error.problem_mark
    opens_earlier = "end of stream" in problem or "',' or" in problem
    if opens_earlier and error.context_mark is not None:
        mark = error.context_mark
    lines = text.rstrip().split("\n")
    index = min(mark.line, len(lines) - 1)
    line, here = first_line + index, lines[index]
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return Problem(
            line, "yaml-tab", "a tab is used for indentation", "YAML allows spaces only"
        )
    if _TOO_DEEP in problem:
        return Problem(line, "yaml-depth", "nested far too deep", "use fewer than ten levels")
    for words, summary, hint in _WORDS:
        if words in problem or words in (error.context or ""):
            return Problem(line, "yaml-syntax", summary, hint)
    return Problem(line, "yaml-syntax", "this is not valid YAML", _INDENT)
