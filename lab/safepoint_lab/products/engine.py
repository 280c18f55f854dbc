"""What the engine behind every product's API has: the lab, faults, workers, records, counts."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from safepoint_lab.products.shelf import Shelf
from safepoint_lab.products.work import Crew
from safepoint_lab.world.catalogue import Fault
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.port import WorldPort

__all__ = ["ProductEngine"]

ShelfT = TypeVar("ShelfT", bound=Shelf)


class ProductEngine(ABC, Generic[ShelfT]):
    """The simulated product. `start` it, and `halt` then `close` it.

    Args:
        name: The product's, for logs and thread names.
        world: The Hyper-V hosts it protects.
        faults: What can go wrong in it.
        shelf: Its records.
    """

    def __init__(
        self, name: str, world: WorldPort, faults: Sequence[Fault], shelf: ShelfT
    ) -> None:
        self.name = name
        self.world = world
        self.crew = Crew(name)
        self.faults = FaultBook(faults)
        self.shelf = shelf
        self._calls: dict[str, int] = {}
        self._calls_lock = threading.Lock()

    @abstractmethod
    def start(self) -> None:
        """End what a stop cut off; from now on calls are served."""

    def halt(self) -> None:
        """End background work where it stands."""
        self.crew.stop()

    def close(self) -> None:
        """Close the state; after `halt`, when nobody calls any more."""
        self.shelf.close()

    def now(self) -> datetime:
        """Return the lab's time."""
        return self.world.now()

    def count(self, call: str) -> None:
        """Count a request."""
        with self._calls_lock:
            self._calls[call] = self._calls.get(call, 0) + 1

    @property
    def requests(self) -> Mapping[str, int]:
        """How often each ``METHOD /path`` was asked."""
        with self._calls_lock:
            return dict(self._calls)
