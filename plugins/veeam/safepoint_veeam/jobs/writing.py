"""From the normal form to the product's job body: a job that exists keeps all that is not managed.

Bodies have the names of 1.3-rev2.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from safepoint_veeam.block import MonthName
from safepoint_veeam.jobs.reading import object_text
from safepoint_veeam.jobs.words import DAYS, GFS_SLOTS, title, to_hours

__all__ = ["Resolved", "job_body"]

_MONTHS: Final = tuple(title(month) for month in MonthName)
_TRIGGERS: Final = ("daily", "monthly", "periodically", "continuously", "afterThisJob")
_FULL_AT: Final = "22:00"


@dataclass(frozen=True)
class Resolved:
    """What the names in a job's normal form are in the product."""

    rows: Mapping[str, dict[str, Any]]
    """Object in normal form to its inventory row, verbatim."""
    repository_id: str
    guest_credential_id: str | None
    description: str


def job_body(
    content: Mapping[str, Any], found: Resolved, present: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the whole body to be created, or to be written in place of `present`."""
    body: dict[str, Any] = {"type": "HyperVBackup"}
    if present is not None:
        body = copy.deepcopy(dict(present))
    body |= {
        "name": content["name"],
        "description": found.description,
        "isHighPriority": bool(content.get("high_priority")),
    }
    if present is not None:
        body["isDisabled"] = not content.get("enabled", True)
    _machines(body, content, found)
    _storage(body, content, found)
    _guests(body, content, found)
    _schedule(body.setdefault("schedule", {}), content.get("schedule", {}))
    return body


def _machines(body: dict[str, Any], content: Mapping[str, Any], found: Resolved) -> None:
    machines = body.setdefault("virtualMachines", {})
    machines["includes"] = [found.rows[text] for text in content.get("objects", ())]
    excluded = content.get("excluded", ())
    if excluded or "excludes" in machines:
        excludes = machines.get("excludes") or {}
        machines["excludes"] = excludes | {"vms": [found.rows[text] for text in excluded]}


def _storage(body: dict[str, Any], content: Mapping[str, Any], found: Resolved) -> None:
    storage = body.setdefault("storage", {"backupProxies": {"proxyType": "OnHost"}})
    storage["backupRepositoryId"] = found.repository_id
    retention = content["retention"]
    kind = {"days": "Days", "points": "RestorePoints"}[retention["type"]]
    storage["retentionPolicy"] = {"type": kind, "quantity": retention["count"]}
    storage["gfsPolicy"] = _gfs(content.get("gfs", {}), storage.get("gfsPolicy") or {})
    advanced = storage.setdefault("advancedSettings", {"backupModeType": "Incremental"})
    for ours, theirs in (("synthetic", "syntheticFulls"), ("active", "activeFulls")):
        days = content.get("fulls", {}).get(ours, ())
        _fulls(advanced, theirs, days)
    hyperv = advanced.setdefault("hyperV", {"changedBlockTracking": True, "volumeSnapshots": True})
    hyperv["guestQuiescence"] = {
        "isEnabled": content["consistency"] == "filesystem",
        "crashConsistentBackup": content["consistency"] == "filesystem"
        and content["fallback"] == "allow",
    }


def _gfs(terms: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the long-term policy; a level that is off keeps its other fields."""
    policy = {**present, "isEnabled": bool(terms)}
    for name, field, unit, on in GFS_SLOTS:
        if name in terms:
            rule = terms[name]
            policy[name] = {
                "isEnabled": True,
                field: rule[unit],
                "desiredTime": title(rule[on]),
            }
        elif present.get(name):
            policy[name] = {**present[name], "isEnabled": False}
    return policy


def _fulls(advanced: dict[str, Any], name: str, days: Any) -> None:
    """Set the weekly fulls; those on days of the month are left as they are."""
    rule = advanced.get(name) or {"isEnabled": False}
    if days:
        weekly = {"localTime": _FULL_AT, **(rule.get("weekly") or {})}
        weekly |= {"isEnabled": True, "days": [title(day) for day in days]}
        advanced[name] = {**rule, "isEnabled": True, "weekly": weekly}
    elif (rule.get("weekly") or {}).get("isEnabled"):
        is_monthly = bool((rule.get("monthly") or {}).get("isEnabled"))
        weekly = {**rule["weekly"], "isEnabled": False}
        advanced[name] = {**rule, "isEnabled": is_monthly, "weekly": weekly}
    else:
        advanced[name] = rule


def _guests(body: dict[str, Any], content: Mapping[str, Any], found: Resolved) -> None:
    guest = body.setdefault("guestProcessing", {"guestFSIndexing": {"isEnabled": False}})
    aware = guest.setdefault("appAwareProcessing", {"isEnabled": False})
    aware["isEnabled"] = content["consistency"] == "application"
    if aware["isEnabled"]:
        _set_failures(aware, content, found)
    if found.guest_credential_id is not None:
        named = {"credentialsId": found.guest_credential_id, "credentialsType": "Standard"}
        known = guest.get("guestCredentials") or {"useAgentManagementCredentials": False}
        guest["guestCredentials"] = {**known, "credentials": named}
    elif (guest.get("guestCredentials") or {}).get("credentials"):
        del guest["guestCredentials"]["credentials"]


def _set_failures(aware: dict[str, Any], content: Mapping[str, Any], found: Resolved) -> None:
    """Say for each object whether a failing guest fails the VM; other settings of it stay."""
    vss = "IgnoreFailures" if content["fallback"] == "allow" else "RequireSuccess"
    rows = {object_text(row["vmObject"]): row for row in aware.get("appSettings") or ()}
    wanted = [text for text in content.get("objects", ()) if text in found.rows]
    if not rows and vss == "RequireSuccess":
        return  # the product's default
    aware["appSettings"] = [
        {**rows.get(text, {"vmObject": found.rows[text]}), "vss": vss} for text in wanted
    ]


def _schedule(rule: dict[str, Any], terms: Mapping[str, Any]) -> None:
    """Set exactly one trigger; retries and the job's own window stay."""
    kind = terms.get("kind", "none")
    rule["runAutomatically"] = kind != "none"
    for name in _TRIGGERS:
        if name in rule:
            rule[name] = {**(rule[name] or {}), "isEnabled": False}
    if kind == "daily":
        rule["daily"] = _daily(terms)
    elif kind == "monthly":
        rule["monthly"] = _monthly(terms)
    elif kind == "every":
        rule["periodically"] = _every(terms)
    elif kind == "after":
        rule["afterThisJob"] = {"isEnabled": True, "jobName": terms["job"]}
    elif kind == "continuous":
        rule["continuously"] = {**(rule.get("continuously") or {}), "isEnabled": True}


def _daily(terms: Mapping[str, Any]) -> dict[str, Any]:
    days = terms.get("days", ())
    rule: dict[str, Any] = {"isEnabled": True, "localTime": terms["at"]}
    if not days:
        return rule | {"dailyKind": "Everyday"}
    return rule | {"dailyKind": "SelectedDays", "days": [title(day) for day in days]}


def _monthly(terms: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"isEnabled": True, "localTime": terms["at"], "months": list(_MONTHS)}
    ordinal, _, day = str(terms["on"]).partition(" ")
    if day:
        return rule | {"dayNumberInMonth": title(ordinal), "dayOfWeek": title(day)}
    if ordinal == "last":
        return rule | {"dayNumberInMonth": "OnDay", "isLastDayOfMonth": True}
    return rule | {
        "dayNumberInMonth": "OnDay",
        "dayOfMonth": int(ordinal),
        "isLastDayOfMonth": False,
    }


def _every(terms: Mapping[str, Any]) -> dict[str, Any]:
    minutes = terms["minutes"]
    in_hours = minutes % 60 == 0
    rule = {
        "isEnabled": True,
        "periodicallyKind": "Hours" if in_hours else "Minutes",
        "frequency": minutes // 60 if in_hours else minutes,
    }
    window = terms.get("window", ())
    always = tuple(f"{day}:{'1' * 24}" for day in DAYS)
    return rule | {"backupWindow": to_hours(window or always)}
