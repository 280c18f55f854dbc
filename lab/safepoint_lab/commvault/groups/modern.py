"""Content rules as the V4 dialect writes them, to and from the legacy grammar [O].

A condition becomes a pattern: STARTS_WITH ``sql`` is ``sql*``. Explicit VMs are rules of type 9
outside every group; a rule outside a group is read back as a group of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.bodies import rows, text
from safepoint_lab.commvault.problems import invalid, missing
from safepoint_lab.commvault.vocabulary import Content

__all__ = ["read_content", "write_content"]

_TYPES = {item.name: int(item) for item in Content}
_NAMES = {number: name for name, number in _TYPES.items()}
_CONDITIONS = {
    "EQUALS": ("{}", True),
    "DOES_NOT_EQUAL": ("{}", False),
    "CONTAINS": ("*{}*", True),
    "DOES_NOT_CONTAIN": ("*{}*", False),
    "STARTS_WITH": ("{}*", True),
    "ENDS_WITH": ("*{}", True),
}


def read_content(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a V4 content or filter; `Problem` for one that cannot be."""
    found = [_machine(item) for item in rows(content, "virtualMachines")]
    for group in rows(content, "ruleGroups"):
        word = text(group, "matchRule").upper() or "ALL"
        if word not in ("ALL", "ANY"):
            raise invalid(field="ruleGroups.matchRule", reason=f"'{word}' is unknown")
        children = [_rule(item) for item in rows(group, "rules")]
        if children:
            found.append({"allOrAnyChildren": word == "ALL", "children": children})
    return found


def write_content(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rules as V4 content."""
    machines, groups = [], []
    for rule in rules:
        if "children" in rule:
            word = "ALL" if rule["allOrAnyChildren"] else "ANY"
            groups.append({"matchRule": word, "rules": _flat(rule)})
        elif rule["type"] == Content.VM and rule["equalsOrNotEquals"]:
            machines.append({"name": rule["displayName"], "GUID": rule["name"], "type": "VM"})
        else:
            groups.append({"matchRule": "ANY", "rules": [_written(rule)]})
    return {"virtualMachines": machines, "ruleGroups": groups}


def _flat(group: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a group; groups below it cannot be said in V4 and are flattened."""
    found: list[dict[str, Any]] = []
    for rule in group["children"]:
        found += _flat(rule) if "children" in rule else [_written(rule)]
    return found


def _machine(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = text(item, "type").upper() or "VM"
    if kind not in _TYPES:
        raise invalid(field="virtualMachines.type", reason=f"'{kind}' is unknown")
    guid, name = text(item, "GUID"), text(item, "name")
    if not guid and not name:
        raise missing(field="virtualMachines.GUID")
    return _made(_TYPES[kind], guid, name, equals=True)


def _rule(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = text(item, "type", required=True).upper()
    if kind not in _TYPES:
        raise invalid(field="rules.type", reason=f"'{kind}' is unknown")
    condition = text(item, "condition").upper() or "EQUALS"
    if condition not in _CONDITIONS:
        raise invalid(field="rules.condition", reason=f"'{condition}' is unknown")
    shown = text(item, "displayName") or text(item, "name", required=True)
    pattern, equals = _CONDITIONS[condition]
    name = text(item, "name") if _TYPES[kind] == Content.VM else ""
    value = text(item, "value")
    return _made(_TYPES[kind], name, pattern.format(shown), equals=equals, value=value)


def _written(rule: dict[str, Any]) -> dict[str, Any]:
    shown = rule["displayName"] or rule["name"]
    core = shown.strip("*")
    equals = rule["equalsOrNotEquals"]
    if shown.startswith("*") and shown.endswith("*") and len(shown) > 1:
        condition = "CONTAINS" if equals else "DOES_NOT_CONTAIN"
    elif shown.startswith("*"):
        condition = "ENDS_WITH"
    elif shown.endswith("*"):
        condition = "STARTS_WITH"
    else:
        condition = "EQUALS" if equals else "DOES_NOT_EQUAL"
    return {
        "type": _NAMES.get(rule["type"], "NONE"),
        "condition": condition,
        "name": core,
        "displayName": core,
        "value": rule["value"],
    }


def _made(kind: int, name: str, shown: str, *, equals: bool, value: str = "") -> dict[str, Any]:
    return {
        "equalsOrNotEquals": equals,
        "allOrAnyChildren": True,
        "name": name,
        "displayName": shown,
        "path": "",
        "value": value,
        "type": kind,
    }
