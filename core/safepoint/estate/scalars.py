"""What an unquoted word means: the core schema of YAML 1.2, not the guesses of YAML 1.1.

`no`, `on`, `22:00` and `2024-01-01` are text here. PyYAML's own rules would read false, true,
1320 and a date.
"""

from __future__ import annotations

import math
import re
from typing import Final

from safepoint.estate.nodes import Scalar

__all__ = ["CORE_TAGS", "OLD_BOOLEANS", "resolve_plain", "resolve_tagged"]

_PREFIX: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL: Final = re.compile(r"0o[0-7]{1,100}")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

#: Words that YAML 1.1 takes for true or false and YAML 1.2 for text.
OLD_BOOLEANS: Final = frozenset(
    form for word in ("yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper())
)

#: The tags that may be written out; each names a type of the core schema.
CORE_TAGS: Final = frozenset(
    _PREFIX + name for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


def resolve_plain(text: str) -> Scalar:
    """Return what an unquoted word means; a number too large to hold stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Return what a word means under one of `CORE_TAGS`; raises ValueError when it cannot be."""
    if tag == _PREFIX + "str":
        return text
    value = resolve_plain(text)
    wanted: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "null": (type(None),),
    }
    if type(value) not in wanted.get(tag.removeprefix(_PREFIX), ()):
        msg = "the value does not fit its tag"
        raise ValueError(msg)
    return value
