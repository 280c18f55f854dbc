"""What a plugin author provides: a driver on a world, and the truth behind it.

The truth never comes through the driver: a driver that lies would agree with itself.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from safepoint.drivers import Ability, CanCheckpoint, Driver
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref

__all__ = ["CheckpointHarness", "Harness", "LiveHarness"]

ResultT = TypeVar("ResultT")

#: A look that finds nothing this often is taken as "never".
_MOST_LOOKS = 2000


class LiveHarness(ABC):
    """Opens a driver on any system, also one whose truth nobody knows: rules only read there."""

    #: A cluster of that system.
    cluster: str
    #: Texts that must never show: the password with which the driver logs in.
    secrets: tuple[str, ...] = ()

    @abstractmethod
    def open(self) -> Driver:
        """Return a new driver, as the core would open it; each call connects anew."""

    def pause(self) -> None:
        """Let time pass between two looks; a world with a clock of its own moves it here."""
        time.sleep(0.01)

    def until(self, look: Callable[[], ResultT | None], what: str) -> ResultT:
        """Look until there is a result; fails when it never comes."""
        for _ in range(_MOST_LOOKS):
            result = look()
            if result is not None:
                return result
            self.pause()
        msg = f"never happened: {what}"
        raise AssertionError(msg)


class Harness(LiveHarness):
    """Opens the driver. Every test gets a harness of its own and `close` at the end.

    The world behind it has at least two VMs that nobody else changes meanwhile.
    """

    #: Abilities the driver does not have, with the reason, declared beforehand; must be exact.
    unsupported: Mapping[Ability, str] = MappingProxyType({})

    @abstractmethod
    def true_workloads(self) -> frozenset[str]:
        """Return the ids of the VMs that there are."""

    @abstractmethod
    def break_listing(self, listing: str, *, after: int) -> None:
        """Let the next listing of that name (`workloads`, `checkpoints`) fail.

        Args:
            listing: The method.
            after: How many rows, or answers of the product, come before it breaks.
        """

    def heal(self) -> None:
        """End every fault that still lasts."""

    def open_with_wrong_password(self) -> Driver | None:
        """Return a driver with a wrong password; None when the product has no login."""
        return None

    def close(self) -> None:
        """Put everything away."""


class CheckpointHarness(Harness):
    """A harness for drivers with `CanCheckpoint`."""

    @abstractmethod
    def open_checkpointing(self) -> CanCheckpoint:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def true_checkpoints(self, workload: Ref) -> frozenset[str]:
        """Return the product's ids of the checkpoints that a VM really has."""

    @abstractmethod
    def is_truly_merged(self, workload: Ref) -> bool:
        """Tell whether the VM really runs on its own files alone."""

    @abstractmethod
    def add_foreign_checkpoint(self, workload: Ref) -> None:
        """Let another product make a backup checkpoint on a VM."""

    @abstractmethod
    def lose_answer(self, method: str) -> None:
        """Let the next `create_checkpoint` or `delete_checkpoint` happen and its answer be lost."""

    @abstractmethod
    def forget_operation(self, method: str) -> None:
        """Let the product forget the next operation of that method while its effect comes."""

    def ended(self, driver: CanCheckpoint, operation: Ref) -> OperationStatus:
        """Follow an operation to its end, whatever that is."""

        def look() -> OperationStatus | None:
            status = driver.operation(operation)
            return None if status.state is OperationState.RUNNING else status

        return self.until(look, f"operation {operation} ends")
