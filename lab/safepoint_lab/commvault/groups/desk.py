"""Creating, changing and deleting VM groups, by either dialect."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from safepoint_lab.commvault.infrastructure import ClientDesk
from safepoint_lab.commvault.plans import plan_meant
from safepoint_lab.commvault.problems import Problem, missing
from safepoint_lab.commvault.records import Hypervisor, Job, VmGroup
from safepoint_lab.commvault.shelf import Shelf

__all__ = ["GroupDesk", "GroupWish"]

Rules = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class GroupWish:
    """A group to make, or what to change of one (None: leave it).

    `content`, `filters` and `disk_filters` are whole lists, merged by the caller already.
    `plan` is id (0: unknown) and name; an empty name with id 0 takes the plan away.
    """

    name: str | None = None
    content: Rules | None = None
    filters: Rules | None = None
    disk_filters: Rules | None = None
    plan: tuple[int, str] | None = None
    description: str | None = None
    quiesce: bool | None = None
    changed_blocks: bool | None = None
    collect_files: bool | None = None
    access_nodes: tuple[tuple[int, str], ...] | None = None
    activities: dict[int, bool] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


class GroupDesk:
    """The life of VM groups."""

    def __init__(self, shelf: Shelf, clients: ClientDesk, now: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._clients = clients
        self._now = now

    def of(self, hypervisor: Hypervisor) -> list[VmGroup]:
        """Return the groups of a hypervisor by id."""
        found = self._shelf.where(VmGroup, lambda item: item.hypervisor_id == hypervisor.id)
        return sorted(found, key=lambda item: item.id)

    def all(self) -> list[VmGroup]:
        """Return every group by id."""
        return sorted(self._shelf.all(VmGroup), key=lambda item: item.id)

    def add(self, hypervisor: Hypervisor, wish: GroupWish) -> VmGroup:
        """Make a group; `Problem` for a name that is taken there or an unknown plan."""
        with self._shelf.lock:
            if not wish.name:
                raise missing(field="name")
            self._require_free(hypervisor, wish.name)
            group = VmGroup(
                id=self._shelf.next_id("subclient"),
                guid=str(uuid.uuid4()).upper(),
                hypervisor_id=hypervisor.id,
                name=wish.name,
                created_at=self._now(),
                plan_id=hypervisor.plan_id,
            )
            self._apply(group, wish)
            self._shelf.save(group)
        return group

    def change(self, group: VmGroup, wish: GroupWish) -> None:
        """Change a group; errors as for `add`."""
        with self._shelf.lock:
            hypervisor = self._shelf.get(Hypervisor, group.hypervisor_id)
            if wish.name and wish.name.casefold() != group.name.casefold():
                self._require_free(hypervisor, wish.name)
                group.name = wish.name
            self._apply(group, wish)
            self._shelf.save(group)

    def remove(self, group: VmGroup) -> None:
        """Delete a group; its restore points age as before.

        Raises:
            Problem: It is the default group, or a job of it is active [?].
        """
        with self._shelf.lock:
            if group.is_default:
                message = "The default subclient cannot be deleted (simulated text)"
                raise Problem(message, status=400)
            job = self._shelf.find(Job, group.last_job)
            if job is not None and not job.ended:
                message = f"Job {job.id} of {group.name} is active (simulated text)"
                raise Problem(message, status=400)
            self._shelf.remove(group)

    def _apply(self, group: VmGroup, wish: GroupWish) -> None:
        if wish.plan is not None:
            group.plan_id = plan_meant(self._shelf, wish.plan).id if any(wish.plan) else 0
        if wish.access_nodes is not None:
            group.access_nodes = [item.id for item in self._clients.select(wish.access_nodes)]
        for name in (
            "content",
            "filters",
            "disk_filters",
            "description",
            "quiesce",
            "changed_blocks",
            "collect_files",
        ):
            value = getattr(wish, name)
            if value is not None:
                setattr(group, name, value)
        for activity, enable in wish.activities.items():
            rest = [item for item in group.disabled if item != activity]
            group.disabled = rest if enable else sorted([*rest, activity])
        group.settings = {**group.settings, **wish.settings}

    def _require_free(self, hypervisor: Hypervisor, name: str) -> None:
        if any(item.name.casefold() == name.casefold() for item in self.of(hypervisor)):
            message = f"Subclient [{name}] already exists (simulated text)"
            raise Problem(message, status=400)
