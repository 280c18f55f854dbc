"""Field names of the job body that differ by revision: one table, both ways.

1.3-rev2 is our own form. Up to 1.3-rev1 two names differ (one of them misspelt by the vendor)
and each machine has one guest credential in place of a list [S].
"""

from __future__ import annotations

import copy
from typing import Any, Final

from safepoint_veeam.revisions import is_at_least

__all__ = ["job_from_wire", "job_to_wire"]

#: Where the field is, its name up to 1.3-rev1, its name from 1.3-rev2 on.
_RENAMES: Final = (
    (("storage", "advancedSettings"), "synthenticFulls", "syntheticFulls"),
    (("storage", "advancedSettings", "fullBackupMaintenance"), "RemoveData", "removeData"),
)
_MACHINES: Final = ("guestProcessing", "guestCredentials")
_PAIR: Final = ("credentialsId", "credentialsType")


def job_from_wire(raw: dict[str, Any], revision: str) -> dict[str, Any]:
    """Return a job body with the names of 1.3-rev2; the given one stays as it is."""
    body = copy.deepcopy(raw)
    if is_at_least(revision, "1.3-rev2"):
        return body
    for path, old, new in _RENAMES:
        _rename(_at(body, path), old, new)
    for machine in _at(body, _MACHINES).get("credentialsPerMachine") or ():
        pair = {name: machine.pop(name) for name in _PAIR if name in machine}
        if pair:
            machine["credentials"] = [pair]
    return body


def job_to_wire(body: dict[str, Any], revision: str) -> dict[str, Any]:
    """Return a job body with the names of that revision; the inverse of `job_from_wire`."""
    raw = copy.deepcopy(body)
    if is_at_least(revision, "1.3-rev2"):
        return raw
    for path, old, new in reversed(_RENAMES):
        _rename(_at(raw, path), new, old)
    for machine in _at(raw, _MACHINES).get("credentialsPerMachine") or ():
        for pair in machine.pop("credentials", None) or ():
            machine.update(pair)
    return raw


def _at(body: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    found: Any = body
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _rename(fields: dict[str, Any], old: str, new: str) -> None:
    if old in fields:
        fields[new] = fields.pop(old)
