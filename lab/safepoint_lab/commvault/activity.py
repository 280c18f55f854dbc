"""Activity control: what is switched off, for the CommCell, a client or a VM group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.records import Client, CommCell, Hypervisor, VmGroup
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.vocabulary import Activity

__all__ = ["ActivityDesk", "Switchable"]

Switchable: TypeAlias = CommCell | Client | Hypervisor | VmGroup

_TITLES = {
    Activity.BACKUP: "Backup",
    Activity.RESTORE: "Restore",
    Activity.AGING: "Data aging",
    Activity.ALL: "All",
}


class ActivityDesk:
    """Switches activities, at once or on again at a time."""

    def __init__(self, shelf: Shelf, now: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._now = now
        if not shelf.all(CommCell):
            shelf.save(CommCell("commcell"))

    @property
    def commcell(self) -> CommCell:
        """The switches of the whole system."""
        return self._shelf.all(CommCell)[0]

    def switch(self, record: Switchable, activity: int, *, enable: bool) -> None:
        """Switch an activity on or off now."""
        with self._shelf.lock:
            rest = [item for item in record.disabled if item != activity]
            record.disabled = rest if enable else sorted([*rest, activity])
            if not isinstance(record, VmGroup):
                record.enable_at.pop(activity, None)
            self._shelf.save(record)

    def enable_later(
        self, record: CommCell | Client | Hypervisor, activity: int, at: datetime
    ) -> None:
        """Switch an activity off until a time."""
        with self._shelf.lock:
            self.switch(record, activity, enable=False)
            record.enable_at[activity] = at
            self._shelf.save(record)

    def keep_time(self) -> None:
        """Switch on again what is due."""
        now = self._now()
        with self._shelf.lock:
            records: list[CommCell | Client | Hypervisor] = [
                self.commcell,
                *self._shelf.all(Client),
                *self._shelf.all(Hypervisor),
            ]
            for record in records:
                for activity in [kind for kind, at in record.enable_at.items() if at <= now]:
                    self.switch(record, activity, enable=True)

    def is_enabled(self, activity: Activity, *records: Switchable) -> bool:
        """Tell whether an activity is on for the CommCell and everything given."""
        return not any(_is_off(record, activity) for record in (self.commcell, *records))

    def require(self, activity: Activity, *records: Client | Hypervisor | VmGroup) -> None:
        """Raise `Problem` when an activity is off; the text is simulated [?]."""
        for record in (self.commcell, *records):
            if _is_off(record, activity):
                name = "CommCell" if isinstance(record, CommCell) else record.name
                message = f"{_TITLES[activity]} activity is disabled for [{name}] (simulated text)"
                raise Problem(message, status=400)


def _is_off(record: Switchable, activity: Activity) -> bool:
    return activity in record.disabled or Activity.ALL in record.disabled
