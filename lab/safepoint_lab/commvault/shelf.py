"""Every record of the CommServe, and the ids it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar

from safepoint_lab.commvault import records
from safepoint_lab.commvault.problems import not_found
from safepoint_lab.products.shelf import Record
from safepoint_lab.products.shelf import Shelf as _Shelf

__all__ = ["Shelf"]


class Named(Record, Protocol):
    """A record with a name of its own."""

    name: str


N = TypeVar("N", bound=Named)

_KINDS: tuple[type[Any], ...] = (
    records.Counter,
    records.CommCell,
    records.Client,
    records.Credential,
    records.Hypervisor,
    records.VmGroup,
    records.Plan,
    records.Job,
    records.Event,
    records.RestorePoint,
    records.ReferencePoint,
)
_TITLES = {"VmGroup": "VM group"}
_FIRST = {
    "client": 2,
    "instance": 21,
    "backupset": 31,
    "subclient": 41,
    "plan": 1,
    "copy": 11,
    "credential": 8,
    "job": 1001,
    "task": 501,
    "event": 1,
}


class Shelf(_Shelf):
    """The records of one CommServe."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _KINDS, _TITLES, not_found)

    def named(self, kind: type[N], name: str) -> N | None:
        """Return the record of a kind with a name, in any case; None when there is none."""
        wanted = name.casefold()
        return next((item for item in self.all(kind) if item.name.casefold() == wanted), None)

    def meant(self, kind: type[N], identity: tuple[int, str]) -> N | None:
        """Return the record that an id, or a name with id 0, means; None when there is none."""
        ident, name = identity
        return self.find(kind, ident) if ident else self.named(kind, name)

    def next_id(self, kind: str) -> int:
        """Return the next id of a kind of thing; none is given twice."""
        with self.lock:
            counter = self.find(records.Counter, kind)
            if counter is None:
                counter = records.Counter(kind, _FIRST[kind] - 1)
            counter.last += 1
            self.save(counter)
            return counter.last
