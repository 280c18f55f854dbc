"""Every record of a simulated server, in memory and written through to its state file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from safepoint_lab.world.state import StateFile

__all__ = ["Record", "Shelf"]


class Record(Protocol):
    """Anything with an id: a dataclass, kept under the text of its id in lower case."""

    @property
    def id(self) -> str | int:
        """Its id."""
        ...


R = TypeVar("R", bound=Record)


class Shelf:
    """The records of one server; `lock` guards them, `changed` is told after every change.

    Args:
        path: The state file.
        kinds: The classes of records there are.
        titles: How the product names a kind where that is not the name of its class.
        not_found: Makes the product's answer to an id that nobody has, by title and id.
    """

    def __init__(
        self,
        path: Path,
        kinds: Iterable[type[Any]],
        titles: Mapping[str, str],
        not_found: Callable[[str, Any], Exception],
    ) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._titles = titles
        self._not_found = not_found
        self._state = StateFile(path)
        self._kinds: dict[type[Any], dict[str, Any]] = {
            kind: dict(self._state.load(kind)) for kind in kinds
        }

    def all(self, kind: type[R]) -> list[R]:
        """Return every record of a kind."""
        with self.lock:
            return list(self._kinds[kind].values())

    def where(self, kind: type[R], holds: Callable[[R], bool]) -> list[R]:
        """Return the records of a kind for which something holds."""
        return [item for item in self.all(kind) if holds(item)]

    def find(self, kind: type[R], ident: str | int) -> R | None:
        """Return a record, None when there is none."""
        with self.lock:
            found: R | None = self._kinds[kind].get(_key(ident))
            return found

    def get(self, kind: type[R], ident: str | int) -> R:
        """Return a record; the product's own refusal is raised when there is none."""
        found = self.find(kind, ident)
        if found is None:
            raise self._not_found(self._titles.get(kind.__name__, kind.__name__), ident)
        return found

    def save(self, *items: Record) -> None:
        """Keep records as they are now."""
        with self.changed, self._state.transaction():
            for item in items:
                self._kinds[type(item)][_key(item.id)] = item
                self._state.put(_key(item.id), item)
            self.changed.notify_all()

    def remove(self, *items: Record) -> None:
        """Forget records; nothing happens for those that are not there."""
        with self.changed, self._state.transaction():
            for item in items:
                self._kinds[type(item)].pop(_key(item.id), None)
                self._state.delete(type(item), _key(item.id))
            self.changed.notify_all()

    def close(self) -> None:
        """Close the state file."""
        self._state.close()


def _key(ident: str | int) -> str:
    return str(ident).lower()
