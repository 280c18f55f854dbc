"""The schedules of a plan: added, changed and deleted one by one, each with an id of its own [O]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.bodies import inside, integer, rows, text
from safepoint_lab.commvault.problems import invalid, not_found

__all__ = ["changed"]

_OPERATION = "scheduleOperation"


def changed(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the schedules and windows of a plan are after a request.

    Windows are replaced by those that are given. Raises `Problem` for an unknown schedule or
    operation.
    """
    present = {item["scheduleId"]: item for item in _schedules(known)}
    for item in _schedules(given):
        operation = (text(item, _OPERATION) or "ADD").upper()
        ident = integer(item, "scheduleId")
        content = {name: value for name, value in item.items() if name != _OPERATION}
        if operation == "ADD":
            ident = max(present, default=0) + 1
            present[ident] = {**content, "scheduleId": ident}
        elif ident not in present:
            raise not_found(what="Schedule", ident=str(ident))
        elif operation == "MODIFY":
            present[ident] = {**present[ident], **content}
        elif operation == "DELETE":
            del present[ident]
        else:
            raise invalid(field=_OPERATION, reason=f"'{operation}' is unknown")
    windows = given if "backupWindow" in given else known
    return {
        "backupFrequency": {"schedules": list(present.values())},
        "backupWindow": [dict(one) for one in rows(windows, "backupWindow")],
    }


def _schedules(rpo: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(item) for item in rows(inside(rpo, "backupFrequency"), "schedules")]
