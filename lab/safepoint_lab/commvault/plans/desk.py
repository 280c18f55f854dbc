"""Creating, changing and deleting server plans."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safepoint_lab.commvault.problems import Problem, invalid, missing
from safepoint_lab.commvault.records import Hypervisor, Plan, VmGroup
from safepoint_lab.commvault.shelf import Shelf

__all__ = ["POOL_ID", "POOL_NAME", "PlanDesk", "PlanWish", "plan_meant"]

POOL_ID, POOL_NAME = 3, "DiskPool01"
"""The one storage pool of the lab."""

_FIRST = "Server Plan"
_DEFAULT_DAYS = 30
_LARGEST_DAYS = 9999


@dataclass(frozen=True, slots=True)
class PlanWish:
    """A plan to make, or what to change of one (None: leave it). `days` -1 keeps for ever."""

    name: str | None = None
    description: str | None = None
    copy_name: str | None = None
    pool: tuple[int, str] | None = None
    days: int | None = None
    cycles: int | None = None
    days_only: bool | None = None
    rpo: dict[str, Any] | None = None
    rpo_minutes: int | None = None
    extended: dict[str, Any] | None = None


class PlanDesk:
    """The life of plans. A new CommCell has one, over the one storage pool."""

    def __init__(self, shelf: Shelf, now: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._now = now
        if not shelf.all(Plan):
            self.add(PlanWish(name=_FIRST, pool=(POOL_ID, POOL_NAME)))

    def all(self) -> list[Plan]:
        """Return every plan by id."""
        return sorted(self._shelf.all(Plan), key=lambda item: item.id)

    def users(self, plan: Plan) -> list[VmGroup]:
        """Return the groups a plan is associated with."""
        return self._shelf.where(VmGroup, lambda item: item.plan_id == plan.id)

    def add(self, wish: PlanWish) -> Plan:
        """Make a plan; `Problem` for a name that is taken, an unknown pool, wrong days."""
        with self._shelf.lock:
            if not wish.name:
                raise missing(field="planName")
            if wish.pool is None:
                raise missing(field="backupDestinations.storagePool")
            self._require_free(wish.name)
            self._require_pool(wish.pool)
            plan = Plan(
                id=self._shelf.next_id("plan"),
                name=wish.name,
                guid=str(uuid.uuid4()).upper(),
                copy_id=self._shelf.next_id("copy"),
                copy_name=wish.copy_name or "Primary",
                pool_id=POOL_ID,
                days=_DEFAULT_DAYS,
                cycles=None,
                created_at=self._now(),
            )
            self._apply(plan, wish)
            self._shelf.save(plan)
        return plan

    def change(self, plan: Plan, wish: PlanWish) -> None:
        """Change a plan; errors as for `add`."""
        with self._shelf.lock:
            if wish.name and wish.name.casefold() != plan.name.casefold():
                self._require_free(wish.name)
                plan.name = wish.name
            if wish.pool is not None:
                self._require_pool(wish.pool)
            self._apply(plan, wish)
            self._shelf.save(plan)

    def remove(self, plan: Plan) -> None:
        """Delete a plan; `Problem` while something is associated with it [?]."""
        with self._shelf.lock:
            hypervisors = self._shelf.where(Hypervisor, lambda item: item.plan_id == plan.id)
            if self.users(plan) or hypervisors:
                message = f"Plan [{plan.name}] has associated entities (simulated text)"
                raise Problem(message, status=400)
            self._shelf.remove(plan)

    def _apply(self, plan: Plan, wish: PlanWish) -> None:
        if wish.days is not None:
            if wish.days != -1 and not 1 <= wish.days <= _LARGEST_DAYS:
                raise invalid(
                    field="retentionPeriodDays", reason=f"{wish.days} is not 1 to 9999, or -1"
                )
            plan.days = wish.days
        if wish.cycles is not None:
            plan.cycles = wish.cycles
        if wish.days_only:
            plan.cycles = None
        for name in ("description", "copy_name", "rpo", "rpo_minutes", "extended"):
            value = getattr(wish, name)
            if value is not None:
                setattr(plan, name, value)

    def _require_free(self, name: str) -> None:
        if self._shelf.named(Plan, name) is not None:
            message = f"Plan [{name}] already exists (simulated text)"
            raise Problem(message, status=400)

    def _require_pool(self, pool: tuple[int, str]) -> None:
        ident, name = pool
        if ident not in (0, POOL_ID) or (not ident and name.casefold() != POOL_NAME.casefold()):
            raise invalid(field="storagePool", reason=f"pool [{name or ident}] does not exist")


def plan_meant(shelf: Shelf, identity: tuple[int, str]) -> Plan:
    """Return the plan that an id, or a name with id 0, means; `Problem` when it is unknown."""
    found = shelf.meant(Plan, identity)
    if found is None:
        message = f"Plan [{identity[1] or identity[0]}] does not exist (simulated text)"
        raise Problem(message, status=400)
    return found
