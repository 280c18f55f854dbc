"""Writing server plans: schedules one by one, windows as a whole, retention of the first copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from safepoint.models.plans import Change
from safepoint.models.resources import Resource
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing import keeping, schedules
from safepoint_commvault.managing.kind import Kind, marked, native_id, wish_of
from safepoint_commvault.managing.observing import Observer, primary_copy
from safepoint_commvault.wire.base import as_list

__all__ = ["PlanKind"]

_COPY: Final = "Primary"
#: The time at which copies start, as the OpenAPI document's own example has it.
_ANY_TIME: Final = -1


@dataclass(frozen=True, slots=True)
class PlanKind(Kind):
    """A plan has no description in V4; its marker is in the name of its first copy.

    That name is given in the request that creates the plan. That it may hold brackets is inference.
    """

    client: CommvaultClient
    observer: Observer

    @override
    def find(self, change: Change) -> Resource | None:
        rows = self.client.plans.all()
        known = native_id(change.before)
        if known is not None:
            ident = next((row.plan.id for row in rows if row.plan.id == known), None)
        else:
            name = str(wish_of(change).attributes["name"]).casefold()
            ident = next((r.plan.id for r in rows if r.plan.name.casefold() == name), None)
        return self.observer.plan(ident) if ident is not None else None

    @override
    def create(self, change: Change) -> str:
        wished = wish_of(change)
        wish = wished.attributes.nested()
        pool = self.client.storage.pool(str(wish.get("storage_pool") or ""))
        copy = {
            "backupDestinationName": marked(_COPY, wished),
            "storagePool": {"id": int(pool.id), "name": pool.name},
            "storageType": "DISK",
            "backupStartTime": _ANY_TIME,
            **keeping.to_wire(wish["keep"]),
        }
        starts = [*map(schedules.to_wire, wish.get("starts", []))]
        body = {
            "planName": wish["name"],
            "backupDestinations": [copy],
            "rpo": {
                "backupFrequency": {"schedules": starts},
                "backupWindow": [*map(schedules.window_to_wire, wish.get("windows", []))],
            },
            "snapshotOptions": {"enableBackupCopy": False},
        }
        return self.client.plans.create(body)

    @override
    def modify(self, change: Change, found: Resource) -> str:
        wished, ident = wish_of(change), native_id(found) or ""
        wish, now = wished.attributes.nested(), found.attributes.nested()
        body = self.client.plans.get(ident)
        changes: dict[str, Any] = {}
        if now["name"] != wish["name"]:
            changes["newName"] = wish["name"]
        rpo = _rpo(body, wish, now)
        if rpo:
            changes["rpo"] = rpo
        if changes:
            self.client.plans.modify(ident, changes)
        self._modify_copy(ident, primary_copy(body), wished)
        return ident

    def _modify_copy(self, ident: str, copy: Mapping[str, Any], wished: Resource) -> None:
        entity = copy.get("planBackupDestination") or {}
        name, keep = str(entity.get("name") or _COPY), wished.attributes.nested()["keep"]
        fields: dict[str, Any] = {}
        if marked(name, wished) != name:
            fields["newName"] = marked(name, wished)
        if keeping.from_wire(copy) != keep:
            fields |= keeping.to_wire(keep)
        if fields:
            self.client.plans.modify_copy(ident, str(entity.get("id")), fields)

    @override
    def remove(self, change: Change, found: Resource) -> None:
        self.client.plans.delete(native_id(found) or "")

    @override
    def look(self, change: Change, ident: str) -> Resource:
        return self.observer.plan(ident)


def _rpo(
    body: Mapping[str, Any], wish: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what has to change of the schedules and windows of a plan."""
    changes: dict[str, Any] = {}
    wanted, present = wish.get("starts", []), now.get("starts", [])
    if wanted != present:
        frequency = (body.get("rpo") or {}).get("backupFrequency") or {}
        gone = [
            {**one, "scheduleOperation": "DELETE"}
            for one in as_list(frequency.get("schedules"))
            if _is_unwanted(one, wanted)
        ]
        new = [schedules.to_wire(row) for row in wanted if row not in present]
        changes["backupFrequency"] = {"schedules": [*gone, *new]}
    if wish.get("windows", []) != now.get("windows", []):
        windows = [*map(schedules.window_to_wire, wish.get("windows", []))]
        changes["backupWindow"] = windows
    return changes


def _is_unwanted(schedule: Mapping[str, Any], wanted: list[dict[str, Any]]) -> bool:
    row = schedules.from_wire(schedule)
    return row is not None and row not in wanted
