"""What the server fills in where a job says nothing; figures are the product's defaults [X]."""

from __future__ import annotations

from typing import Any

__all__ = ["filled"]


def filled(body: dict[str, Any], repository: str) -> dict[str, Any]:
    """Return a job body in which every part that a model must have is there."""
    whole = dict(body)
    whole.setdefault("description", "")
    whole.setdefault("isHighPriority", False)
    machines = {"includes": [], **whole.get("virtualMachines", {})}
    machines.setdefault("excludes", {"vms": [], "disks": []})
    whole["virtualMachines"] = machines
    whole["storage"] = {**_storage(repository), **whole.get("storage", {})}
    whole["storage"].setdefault("gfsPolicy", {"isEnabled": False})
    given = whole["storage"].get("advancedSettings", {})
    whole["storage"]["advancedSettings"] = {**_advanced(), **given}
    guest = {**_guest(), **whole.get("guestProcessing", {})}
    whole["guestProcessing"] = guest
    whole["schedule"] = _schedule(whole.get("schedule", {"runAutomatically": False}))
    return whole


def _storage(repository: str) -> dict[str, Any]:
    return {
        "backupRepositoryId": repository,
        "backupProxies": {"proxyType": "OnHost"},
        "retentionPolicy": {"type": "Days", "quantity": 7},
    }


def _advanced() -> dict[str, Any]:
    return {
        "backupModeType": "Incremental",
        "activeFulls": {"isEnabled": False},
        "storageData": {
            "inlineDataDedupEnabled": True,
            "excludeSwapFileBlocks": True,
            "excludeDeletedFileBlocks": True,
            "compressionLevel": "Optimal",
            "storageOptimization": "1MB",
            "encryption": {"isEnabled": False},
        },
        "hyperV": {
            "guestQuiescence": {"isEnabled": False, "crashConsistentBackup": False},
            "changedBlockTracking": True,
            "volumeSnapshots": True,
        },
    }


def _guest() -> dict[str, Any]:
    return {
        "appAwareProcessing": {"isEnabled": False},
        "guestFSIndexing": {"isEnabled": False},
        "guestInteractionProxies": {"autoSelectEnabled": True, "proxyIds": []},
    }


def _schedule(given: dict[str, Any]) -> dict[str, Any]:
    off = {"isEnabled": False}
    base: dict[str, Any] = {
        "daily": {"isEnabled": False, "localTime": "22:00", "dailyKind": "Everyday"},
        "monthly": dict(off),
        "periodically": dict(off),
        "continuously": dict(off),
        "afterThisJob": dict(off),
        "retry": {"isEnabled": True, "retryCount": 3, "awaitMinutes": 10},
        "backupWindow": dict(off),
    }
    return {**base, **given}
