"""The errors of a model in words for the person who wrote the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import core_schema

from safepoint.estate.fields import fields_at
from safepoint.estate.findings import IN_CLEAR, Findings, describe, is_secret_key
from safepoint.estate.nodes import Location, locate
from safepoint.estate.suggestions import did_you_mean, nearest
from safepoint.models.policies import known_time_zones
from safepoint.models.secrets import REFERENCE_FORMS, SECRET_IN_CLEAR

__all__ = ["explain_validation"]

_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
    "path_type": "a path",
}
_LIMITS: Final = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
}
_EMPTY: Final = frozenset({"too_short", "string_too_short"})
# The frame of a document has messages of its own.
_CHECKED_BEFORE: Final = (("apiVersion",), ("kind",))
_CHOICES: Final = frozenset({"enum", "literal_error"})
# Our codes are stable; those of the validation library are its own affair.
_CODES: Final = {
    "missing": "missing-field",
    "extra_forbidden": "unknown-field",
    **dict.fromkeys(_WANTED, "wrong-type"),
    **dict.fromkeys(_CHOICES, "wrong-choice"),
    **dict.fromkeys(_LIMITS, "out-of-range"),
    **dict.fromkeys(_EMPTY, "empty"),
}
_LIBRARY_CODES: Final = frozenset(get_args(core_schema.ErrorType))


def explain_validation(
    error: ValidationError,
    findings: Findings,
    model: type[BaseModel],
    prefix: tuple[str | int, ...] = (),
) -> None:
    """Add a finding for each error of `model`, which was validated at `prefix`.

    No value is repeated at places that hold secrets.
    """
    details = error.errors(include_url=False, include_input=False)
    located = [(item, locate(findings.root, (*prefix, *item["loc"]))) for item in details]
    misspelt = {_meant(item, place, model, prefix) for item, place in located}
    for item, place in located:
        if item["loc"] in _CHECKED_BEFORE and not prefix:
            continue
        if _is_consequence(item, place, located):
            continue
        if item["type"] == "missing" and place.path in misspelt:
            continue
        summary, hint = _words(item, place, model, prefix)
        code = _code(item["type"])
        in_clear = findings.has_error(IN_CLEAR, place.field)
        if not in_clear and not findings.has_error(code, place.field):
            findings.add(code, place.path, summary, hint)


def _code(kind: str) -> str:
    if kind in _LIBRARY_CODES:
        return _CODES.get(kind, "invalid-value")
    return kind.replace("_", "-")


def _is_consequence(item: Any, place: Location, located: Sequence[tuple[Any, Location]]) -> bool:
    """Tell whether a list seems too short only because its items are wrong themselves."""
    if item["type"] != "too_short" or place.node is None or place.node.value == []:
        return False
    depth = len(place.path)
    return any(
        len(other.path) > depth and other.path[:depth] == place.path for _, other in located
    )


def _meant(
    item: Any, place: Location, model: type[BaseModel], prefix: tuple[str | int, ...]
) -> tuple[str | int, ...] | None:
    """Return the path that an unknown field was probably meant to have."""
    if item["type"] != "extra_forbidden":
        return None
    guess = nearest(str(place.path[-1]), fields_at(model, place.path[len(prefix) : -1]))
    return None if guess is None else (*place.path[:-1], guess)


def _words(
    item: Any, place: Location, model: type[BaseModel], prefix: tuple[str | int, ...]
) -> tuple[str, str]:
    kind: str = item["type"]
    if kind == "missing":
        return "this field is required", ""
    if kind == "extra_forbidden":
        return _unknown_field(place, model, prefix)
    if kind == SECRET_IN_CLEAR:
        return "a secret is written in clear", f"write a reference: {REFERENCE_FORMS}"
    found = _found(place)
    if kind in _WANTED:
        found = f"the text {found}" if found.startswith("'") else found
        return f"expected {_WANTED[kind]}, found {found}", _type_hint(kind, place)
    if kind in _CHOICES:
        return _choice(item, place, found)
    if kind in _LIMITS:
        return f"expected {_LIMITS[kind].format(**item['ctx'])}, found {found}", ""
    if kind in _EMPTY and item["ctx"]["min_length"] == 1:
        return "this must not be empty", ""
    if kind == "time_zone_data":
        return item["msg"], "pip install tzdata"
    if kind == "time_zone":
        return f"no such time zone: {found}", _zone_hint(place)
    is_scalar = place.node is not None and not isinstance(place.node.value, list | dict)
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return reason + (f", found {found}" if is_scalar else ""), _backslash_hint(kind)


def _found(place: Location) -> str:
    names = [part for part in place.path if isinstance(part, str)]
    if place.node is None or any(is_secret_key(name) for name in names):
        return "something else"
    return describe(place.node)


def _unknown_field(
    place: Location, model: type[BaseModel], prefix: tuple[str | int, ...]
) -> tuple[str, str]:
    parent, name = place.path[len(prefix) : -1], str(place.path[-1])
    known = fields_at(model, parent)
    if not parent and nearest(name, known) is None:
        inside = nearest(name, fields_at(model, ("spec",)))
        if inside is not None:
            return f"unknown field {name}", f"{inside} belongs under spec"
    return f"unknown field {name}", did_you_mean(name, known, what="known fields")


def _choice(item: Any, place: Location, found: str) -> tuple[str, str]:
    expected: str = item["ctx"]["expected"]
    choices = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    if choices == ["True"]:
        return f"expected true, found {found}", ""
    value = place.node.value if place.node is not None else None
    guess = nearest(value, choices) if isinstance(value, str) else None
    hint = f"did you mean {guess}?" if guess is not None else ""
    return f"expected {expected.replace(chr(39), '')}, found {found}", hint


def _type_hint(kind: str, place: Location) -> str:
    node = place.node
    if node is None:
        return ""
    if kind == "string_type" and node.source and node.value is not None:
        return f"put it in quotes: '{node.source}'"
    if kind == "bool_type" and isinstance(node.value, str):
        word = node.value.casefold()
        if word in {"yes", "on", "y"}:
            return "write true"
        if word in {"no", "off", "n"}:
            return "write false"
    if kind in {"tuple_type", "list_type"}:
        if isinstance(node.value, str):
            return f"write ['{node.value}']"
        return "begin each item with -"
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(node.value, str):
        return "write it without quotes" if not node.source else ""
    return ""


def _zone_hint(place: Location) -> str:
    text = place.node.value if place.node is not None else None
    if not isinstance(text, str):
        return ""
    zones = known_time_zones()
    cities = sorted(
        zone for zone in zones if zone.rpartition("/")[2].casefold() == text.casefold()
    )
    guess = cities[0] if cities else nearest(text, zones)
    if guess is not None:
        return f"did you mean {guess}?"
    return "use a name of the IANA database, such as Europe/Berlin or UTC"


def _backslash_hint(kind: str) -> str:
    if kind in {"unc_path", "share_glob", "glob_control", "path_control"}:
        return r"put it in single quotes: '\\server\share'"
    if kind == "glob":
        return "write [[] for the character [ itself"
    return ""
