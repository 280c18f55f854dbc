"""What a job may say beyond its shape: references that exist, sensible combinations.

Which rules the product has is told by its documentation only in part; those marked [X] are
inference. Each raises `ApiError` 400 that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from safepoint_lab.veeam.infrastructure.inventory import Inventory
from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.records import Credential, Job, Repository, Server
from safepoint_lab.veeam.shelf import Shelf

__all__ = ["JobRules"]

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_HOURS = re.compile(r"[01](,[01]){23}")
_ROOTS = {"Scvmm": "SCVMM", "Cluster": "HvCluster", "Host": "HvServer"}
_TRIGGERS = ("daily", "monthly", "periodically", "continuously", "afterThisJob")
_MOST_RETAINED = 999


class JobRules:
    """Checks job bodies (filled, spelled as 1.3-rev1)."""

    def __init__(self, shelf: Shelf, inventory: Inventory) -> None:
        self._shelf = shelf
        self._inventory = inventory

    def check(self, body: dict[str, Any], own: str = "") -> None:
        """Raise for the first rule a job breaks; `own` is its id when it exists."""
        self._check_name(body, own)
        machines = body["virtualMachines"]
        if not machines["includes"]:
            raise invalid(
                field="virtualMachines.includes", reason="The job has no objects to process."
            )
        for at, item in enumerate(machines["includes"]):
            self._check_object(item, f"virtualMachines.includes[{at}]")
        self._check_excludes(machines.get("excludes", {}))
        self._check_storage(body["storage"])
        self._check_guest(body["guestProcessing"])
        self._check_schedule(body["schedule"], own)
        _check_times(body, "")

    def _check_name(self, body: dict[str, Any], own: str) -> None:
        if not body["name"].strip():
            raise invalid(field="name", reason="'Name' must not be empty.")
        for job in self._shelf.all(Job):
            if job.id != own and job.name.casefold() == body["name"].casefold():
                raise invalid(
                    field="name",
                    reason=f"A job named {body['name']} exists already.",
                    value=body["name"],
                )

    def _check_object(self, item: dict[str, Any], where: str) -> None:
        """An object must be one the inventory gives: on a registered server, with its id."""
        ident, kind = item["objectId"], item["type"]
        if self._inventory.server(item["hostName"]) is None:
            raise invalid(
                field=f"{where}.hostName",
                reason="The server is not registered.",
                value=item["hostName"],
            )
        if kind == "VirtualMachine":
            known = self._inventory.covered(ident) is not None
        elif kind in _ROOTS:
            server = self._shelf.find(Server, ident)
            known = server is not None and server.type == _ROOTS[kind]
        else:
            known = False
        if not known:
            raise invalid(
                field=f"{where}.objectId", reason="The object was not found.", value=ident
            )

    def _check_excludes(self, excludes: dict[str, Any]) -> None:
        for at, item in enumerate(excludes.get("vms", ())):
            self._check_object(item, f"virtualMachines.excludes.vms[{at}]")
        for at, item in enumerate(excludes.get("disks", ())):
            where = f"virtualMachines.excludes.disks[{at}]"
            self._check_object(item["vmObject"], f"{where}.vmObject")
            if item["disksToProcess"] == "SelectedDisks" and not item.get("disks"):
                raise invalid(field=f"{where}.disks", reason="No disk is selected.")

    def _check_storage(self, storage: dict[str, Any]) -> None:
        repository = storage["backupRepositoryId"]
        where = "storage.backupRepositoryId"
        if self._shelf.find(Repository, repository) is None:
            raise invalid(
                field=where,
                reason=f"Repository with ID {repository} was not found.",
                value=repository,
            )
        quantity = storage["retentionPolicy"]["quantity"]
        if not 1 <= quantity <= _MOST_RETAINED:
            where = "storage.retentionPolicy.quantity"
            raise invalid(
                field=where,
                reason=f"'{where}' must be from 1 to {_MOST_RETAINED}.",
                value=quantity,
            )
        proxies = storage["backupProxies"]
        if proxies["proxyType"] == "OffHost" and "offHostSettings" not in proxies:
            raise invalid(
                field="storage.backupProxies.offHostSettings", reason="Off-host needs settings."
            )
        _check_gfs(storage["gfsPolicy"])
        encryption = storage["advancedSettings"].get("storageData", {}).get("encryption", {})
        if encryption.get("isEnabled"):
            where = "storage.advancedSettings.storageData.encryption.encryptionPasswordId"
            raise invalid(field=where, reason="The encryption password was not found.")

    def _check_guest(self, guest: dict[str, Any]) -> None:
        for at, item in enumerate(guest["appAwareProcessing"].get("appSettings", ())):
            where = f"guestProcessing.appAwareProcessing.appSettings[{at}].vmObject"
            self._check_object(item["vmObject"], where)
        named = guest.get("guestCredentials", {})
        used = [named.get("credentials", {}), *named.get("credentialsPerMachine", ())]
        for item in used:
            ident = item.get("credentialsId")
            if ident is not None and self._shelf.find(Credential, ident) is None:
                where = "guestProcessing.guestCredentials.credentials.credentialsId"
                raise invalid(
                    field=where, reason=f"Credentials with ID {ident} were not found.", value=ident
                )

    def _check_schedule(self, schedule: dict[str, Any], own: str) -> None:
        if not schedule["runAutomatically"]:
            return
        chosen = [name for name in _TRIGGERS if schedule.get(name, {}).get("isEnabled")]
        if len(chosen) != 1:
            raise invalid(field="schedule", reason="Exactly one way to schedule must be enabled.")
        after = schedule["afterThisJob"]
        others = {job.name for job in self._shelf.all(Job) if job.id != own}
        if after["isEnabled"] and after.get("jobName") not in others:
            where = "schedule.afterThisJob.jobName"
            raise invalid(
                field=where,
                reason="The job to run after was not found.",
                value=after.get("jobName"),
            )
        daily = schedule["daily"]
        selected = daily["isEnabled"] and daily.get("dailyKind") == "SelectedDays"
        if selected and not daily.get("days"):
            raise invalid(field="schedule.daily.days", reason="No day is selected.")
        period = schedule["periodically"]
        if period["isEnabled"] and period.get("frequency", 0) < 1:
            raise invalid(
                field="schedule.periodically.frequency", reason="'Frequency' must be at least 1."
            )


def _check_gfs(policy: dict[str, Any]) -> None:
    """GFS without any period makes no sense [X]; a period keeps at least one."""
    if not policy["isEnabled"]:
        return
    periods = {"weekly": "Weeks", "monthly": "Months", "yearly": "Years"}
    enabled = [name for name in periods if policy.get(name, {}).get("isEnabled")]
    if not enabled:
        raise invalid(field="storage.gfsPolicy", reason="No GFS period is enabled.")
    for name in enabled:
        field = f"keepForNumberOf{periods[name]}"
        if policy[name].get(field, 0) < 1:
            where = f"storage.gfsPolicy.{name}.{field}"
            raise invalid(
                field=where,
                reason=f"'{where}' must be at least 1.",
                value=policy[name].get(field, 0),
            )


def _check_times(body: Any, where: str) -> None:
    """``localTime`` is HH:mm or empty, ``hours`` are 24 flags, wherever they stand [S]."""
    for name, value in _texts(body, where):
        if name.endswith("localTime") and value and not _TIME.fullmatch(value):
            raise invalid(field=name, reason=f"'{name}' must be a time like 22:00.", value=value)
        if name.endswith(".hours") and not _HOURS.fullmatch(value):
            raise invalid(field=name, reason=f"'{name}' must be 24 flags of 0 and 1.", value=value)


def _texts(body: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(body, dict):
        for name, value in body.items():
            yield from _texts(value, f"{where}.{name}" if where else name)
    elif isinstance(body, list):
        for at, value in enumerate(body):
            yield from _texts(value, f"{where}[{at}]")
    elif isinstance(body, str):
        yield where, body
