"""Content rules as the legacy dialect writes them, checked; they are kept in this grammar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.bodies import flag, integer, rows, text
from safepoint_lab.commvault.problems import invalid
from safepoint_lab.commvault.vocabulary import Content

__all__ = ["Operation", "merged", "operation_of", "rules_of"]

Operation = str
"""ADD, DELETE or OVERWRITE."""

_WORDS = {"": "OVERWRITE", "1": "OVERWRITE", "2": "ADD", "3": "DELETE"}
_KNOWN = {int(item) for item in Content}
_MODERN = range(20, 48)


def operation_of(body: Mapping[str, Any], name: str) -> Operation:
    """Return what shall be done with rules: text, or 1 on update and 2 on create [S][P]."""
    word = text(body, name).upper()
    word = _WORDS.get(word, word)
    if word not in ("ADD", "DELETE", "OVERWRITE"):
        raise invalid(field=name, reason=f"'{word}' is unknown")
    return word


def rules_of(content: Any, where: str) -> list[dict[str, Any]]:
    """Return the rules below an object with `children`; `Problem` for one that cannot be."""
    return [_rule(item, where) for item in rows(content, "children")]


def merged(
    known: list[dict[str, Any]], given: list[dict[str, Any]], operation: Operation
) -> list[dict[str, Any]]:
    """Return what rules are after an operation."""
    if operation == "OVERWRITE":
        return given
    keys = {_key(rule) for rule in given}
    rest = [rule for rule in known if _key(rule) not in keys]
    return rest if operation == "DELETE" else [*rest, *given]


def _rule(item: Mapping[str, Any], where: str) -> dict[str, Any]:
    if "children" in item:
        return {
            "allOrAnyChildren": flag(item, "allOrAnyChildren", default=True),
            "children": rules_of(item, where),
        }
    kind = integer(item, "type")
    if kind not in _KNOWN and kind not in _MODERN:
        raise invalid(field=f"{where}.type", reason=f"{kind} is unknown")
    named = any(text(item, name) for name in ("name", "displayName", "value"))
    if not named and kind != Content.ROOT:
        raise invalid(field=where, reason="a rule needs name, displayName or value")
    return {
        "equalsOrNotEquals": flag(item, "equalsOrNotEquals", default=True),
        "allOrAnyChildren": flag(item, "allOrAnyChildren", default=True),
        "name": text(item, "name"),
        "displayName": text(item, "displayName"),
        "path": text(item, "path"),
        "value": text(item, "value"),
        "type": kind,
    }


def _key(rule: dict[str, Any]) -> object:
    if "children" in rule:
        return (rule["allOrAnyChildren"], tuple(_key(item) for item in rule["children"]))
    shown = (rule["name"] or rule["displayName"]).casefold()
    return (rule["type"], shown, rule["equalsOrNotEquals"])
