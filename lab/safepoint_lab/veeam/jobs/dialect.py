"""The job body as each revision spells it; kept bodies are spelled as 1.3-rev1 [S]."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["from_rev2", "to_rev2"]


def to_rev2(body: dict[str, Any]) -> dict[str, Any]:
    """Return a job body with the names of 1.3-rev2."""
    body = copy.deepcopy(body)
    advanced = body["storage"].get("advancedSettings", {})
    _rename(advanced, "synthenticFulls", "syntheticFulls")
    _rename(advanced.get("fullBackupMaintenance", {}), "RemoveData", "removeData")
    advanced.get("notifications", {}).pop("vmAttribute", None)
    for item in _machines(body):
        pair = {
            name: item.pop(name) for name in ("credentialsId", "credentialsType") if name in item
        }
        if pair:
            item["credentials"] = [pair]
    return body


def from_rev2(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body of 1.3-rev2 with the names of 1.3-rev1; further credentials are dropped."""
    body = copy.deepcopy(body)
    advanced = body.get("storage", {}).get("advancedSettings", {})
    _rename(advanced, "syntheticFulls", "synthenticFulls")
    _rename(advanced.get("fullBackupMaintenance", {}), "removeData", "RemoveData")
    for item in _machines(body):
        given = item.pop("credentials", [])
        if given:
            item.update(given[0])
    return body


def _machines(body: dict[str, Any]) -> list[dict[str, Any]]:
    guests = body.get("guestProcessing", {}).get("guestCredentials", {})
    found: list[dict[str, Any]] = guests.get("credentialsPerMachine", [])
    return found


def _rename(body: dict[str, Any], old: str, new: str) -> None:
    if old in body:
        body[new] = body.pop(old)
