"""From the product's job to the normal form. Bodies have the names of 1.3-rev2.

What is not named here is not managed: it is kept as it is when a job is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from safepoint_veeam.infrastructure import Infrastructure, short
from safepoint_veeam.jobs.words import GFS_SLOTS, clock, days_in_order, from_hours, lower, whole
from safepoint_veeam.wire.objects import Job

__all__ = ["KEPT", "job_content", "kept_parts", "object_text"]

_KINDS: Final = {"virtualmachine": "vm", "cluster": "cluster", "host": "host"}
_RETENTION: Final = {"days": "days", "restorepoints": "points"}

#: Parts of a job that no document says; they stay as they are.
KEPT: Final = (
    ("storage.advancedSettings.storageData", "compression, block size, encryption"),
    ("storage.advancedSettings.notifications", "notifications"),
    ("storage.advancedSettings.scripts", "scripts"),
    ("storage.advancedSettings.backupHealth", "health check"),
    ("storage.advancedSettings.fullBackupMaintenance", "maintenance of fulls"),
    ("storage.backupProxies", "proxies"),
    ("guestProcessing.guestFSIndexing", "indexing"),
    ("virtualMachines.excludes.disks", "choice of disks"),
    ("schedule.retry", "retries"),
    ("schedule.backupWindow", "backup window"),
)


def object_text(row: Mapping[str, Any]) -> str:
    """Return an inventory object in normal form: `vm:sql01`, `cluster:…`, `host:hv01`."""
    kind, name = lower(row.get("type")), str(row.get("name", ""))
    known = _KINDS.get(kind, kind)
    if known == "host":
        return f"host:{short(name)}"
    return f"{known}:{name if known == 'vm' else name.lower()}"


def job_content(job: Job, known: Infrastructure) -> dict[str, Any]:
    """Return the normal form of a job."""
    raw = job.raw()
    machines, storage = _part(raw, "virtualMachines"), _part(raw, "storage")
    advanced = _part(storage, "advancedSettings")
    includes = [row for row in machines.get("includes") or () if isinstance(row, dict)]
    objects, excluded = _objects(includes, _part(machines, "excludes").get("vms") or ())
    fulls = {
        "synthetic": _full_days(_part(advanced, "syntheticFulls")),
        "active": _full_days(_part(advanced, "activeFulls")),
    }
    return {
        "name": job.name,
        "cluster": _cluster_of(includes, known),
        "objects": objects,
        "excluded": excluded,
        "repository": known.repository_name(str(storage.get("backupRepositoryId", ""))),
        "enabled": not job.is_disabled,
        "high_priority": bool(raw.get("isHighPriority")),
        "guest_credential": _guest_credential(raw, known),
        "fulls": fulls,
        "retention": _retention(_part(storage, "retentionPolicy")),
        "gfs": _gfs(_part(storage, "gfsPolicy")),
        "schedule": _schedule(_part(raw, "schedule")),
        **_consistency(_part(raw, "guestProcessing"), _part(advanced, "hyperV")),
    }


def kept_parts(job: Job) -> dict[str, str]:
    """Return which parts that no document says a job has, with what they are."""
    raw = job.raw()
    return {path: words for path, words in KEPT if _at(raw, path)}


def _cluster_of(includes: Iterable[Mapping[str, Any]], known: Infrastructure) -> str | None:
    """Return the one cluster, or host of its own, that all objects are on; None for several."""
    found = set()
    for row in includes:
        server = known.cluster_of(str(row.get("objectId"))) or known.cluster_of(
            str(row.get("parentObjectId"))
        )
        found.add(server.name.lower() if server else str(row.get("hostName", "")).lower())
    return found.pop() if len(found) == 1 else None


def _objects(
    includes: Iterable[Any], excludes: Iterable[Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return objects and exclusions without what has no effect."""
    objects, excluded = _texts(includes), _texts(excludes)
    clusters = tuple(text for text in objects if text.startswith("cluster:"))
    if clusters:
        return clusters, excluded
    if all(text.startswith("vm:") for text in objects):
        return tuple(text for text in objects if text not in excluded), ()
    return objects, excluded


def _texts(rows: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({object_text(row) for row in rows if isinstance(row, dict)}))


def _guest_credential(raw: Mapping[str, Any], known: Infrastructure) -> str | None:
    guest = _part(_part(raw, "guestProcessing"), "guestCredentials")
    ident = _part(guest, "credentials").get("credentialsId")
    return (known.username(ident) or str(ident)) if ident else None


def _full_days(rule: Mapping[str, Any]) -> tuple[str, ...]:
    weekly = _part(rule, "weekly")
    is_on = rule.get("isEnabled") and weekly.get("isEnabled")
    return days_in_order(weekly.get("days") or ()) if is_on else ()


def _retention(rule: Mapping[str, Any]) -> dict[str, Any]:
    word = lower(rule.get("type"))
    return {"type": _RETENTION.get(word, word), "count": whole(rule.get("quantity"))}


def _gfs(policy: Mapping[str, Any]) -> dict[str, Any]:
    if not policy.get("isEnabled"):
        return {}
    terms: dict[str, Any] = {}
    for name, field, unit, on in GFS_SLOTS:
        rule = _part(policy, name)
        if rule.get("isEnabled"):
            terms[name] = {unit: whole(rule.get(field)), on: lower(rule.get("desiredTime"))}
    return terms


def _consistency(guest: Mapping[str, Any], hyperv: Mapping[str, Any]) -> dict[str, str]:
    aware, quiet = _part(guest, "appAwareProcessing"), _part(hyperv, "guestQuiescence")
    if aware.get("isEnabled"):
        rows = aware.get("appSettings") or ()
        words = {lower(row.get("vss")) for row in rows} or {"requiresuccess"}
        named = {"requiresuccess": "fail", "ignorefailures": "allow"}
        fallback = named.get(words.pop(), "mixed") if len(words) == 1 else "mixed"
        return {"consistency": "application", "fallback": fallback}
    if quiet.get("isEnabled"):
        fallback = "allow" if quiet.get("crashConsistentBackup") else "fail"
        return {"consistency": "filesystem", "fallback": fallback}
    return {"consistency": "crash", "fallback": "fail"}


def _schedule(rule: Mapping[str, Any]) -> dict[str, Any]:
    if not rule.get("runAutomatically"):
        return {"kind": "none"}
    daily, monthly = _part(rule, "daily"), _part(rule, "monthly")
    period, after = _part(rule, "periodically"), _part(rule, "afterThisJob")
    if period.get("isEnabled"):
        return _every(period)
    if daily.get("isEnabled"):
        return {"kind": "daily", "at": clock(daily.get("localTime")), "days": _daily_days(daily)}
    if monthly.get("isEnabled"):
        return {
            "kind": "monthly",
            "at": clock(monthly.get("localTime")),
            "on": _month_day(monthly),
        }
    if after.get("isEnabled"):
        return {"kind": "after", "job": str(after.get("jobName", ""))}
    return {"kind": "continuous" if _part(rule, "continuously").get("isEnabled") else "none"}


def _every(rule: Mapping[str, Any]) -> dict[str, Any]:
    units = {"hours": 60, "minutes": 1, "days": 24 * 60}
    unit, frequency = units.get(lower(rule.get("periodicallyKind"))), whole(rule.get("frequency"))
    minutes = unit * frequency if unit and frequency else None
    window = from_hours(_part(rule, "backupWindow"))
    is_open = len(window) == 7 and all("0" not in row for row in window)
    return {"kind": "every", "minutes": minutes, "window": () if is_open else window}


def _daily_days(rule: Mapping[str, Any]) -> tuple[str, ...]:
    kind = lower(rule.get("dailyKind"))
    if kind == "weekdays":
        return days_in_order(("monday", "tuesday", "wednesday", "thursday", "friday"))
    days = days_in_order(rule.get("days") or ()) if kind == "selecteddays" else ()
    return days if len(days) < 7 else ()


def _month_day(rule: Mapping[str, Any]) -> str:
    ordinal = lower(rule.get("dayNumberInMonth"))
    if ordinal and ordinal != "onday":
        return f"{ordinal} {lower(rule.get('dayOfWeek'))}"
    return "last" if rule.get("isLastDayOfMonth") else str(rule.get("dayOfMonth"))


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}


def _at(fields: Mapping[str, Any], path: str) -> Any:
    found: Any = fields
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
