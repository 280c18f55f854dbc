"""The simulated products of a running lab: started, shown, stopped, their faults by name."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping

from safepoint.errors import UnknownNameError, UsageError
from safepoint_lab.daemon.catalogue import owner_of_fault, products
from safepoint_lab.daemon.views import ProductView
from safepoint_lab.products.port import LabProduct, RunningProduct, SettingValue, Surroundings
from safepoint_lab.world.faults import Armed, FaultBook

__all__ = ["ProductRack"]

_log = logging.getLogger(__name__)


class ProductRack:
    """Holds what runs; empty in a lab without products."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[LabProduct, str, RunningProduct]] = {}

    def start(self, name: str, around: Surroundings) -> None:
        """Start a product on the port it had, or on a free one when that is taken now.

        Raises:
            UnknownNameError: there is no such product.
        """
        product = next((one for one in products() if one.name == name), None)
        if product is None:
            message = f"the lab has no product '{name}'"
            raise UnknownNameError(message)
        try:
            running = product.open(around)
        except OSError:
            _log.warning("port %d of %s is taken, another one is used", around.port, name)
            running = product.open(dataclasses.replace(around, port=0))
        self._running[name] = (product, around.profile, running)
        running.start()

    def stop(self) -> None:
        """Stop every product; their state stays."""
        for _, _, running in self._running.values():
            running.stop()
        self._running.clear()

    def get(self, name: str) -> RunningProduct:
        """Return a product that runs; UnknownNameError for another."""
        if name not in self._running:
            message = f"no product '{name}' runs in this lab"
            raise UnknownNameError(message, hint=f"safepoint lab up --product {name}")
        return self._running[name][2]

    def ports(self) -> Mapping[str, int]:
        """Return the port of each product."""
        return {name: running.port for name, (_, _, running) in self._running.items()}

    def settings(self) -> Mapping[str, Mapping[str, SettingValue]]:
        """Return the settings of each product's connection."""
        return {name: running.settings() for name, (_, _, running) in self._running.items()}

    def views(self) -> tuple[ProductView, ...]:
        """Return what `lab status` shows."""
        return tuple(
            ProductView(
                name=name,
                title=product.title,
                profile=profile,
                url=running.url,
                requests=running.request_count,
            )
            for name, (product, profile, running) in self._running.items()
        )

    def book_of(self, fault: str) -> FaultBook | None:
        """Return the book that a fault is armed in; None for the hosts' own.

        Raises:
            UnknownNameError: nobody knows the fault.
            UsageError: its product does not run here.
        """
        owner = owner_of_fault(fault)
        if owner is None:
            return None
        if owner.name not in self._running:
            message = f"{fault} is a fault of {owner.title}, which does not run in this lab"
            raise UsageError(message, hint=f"safepoint lab up --product {owner.name}")
        return self._running[owner.name][2].faults

    def armed(self) -> Iterator[Armed]:
        """Yield what is armed in every product."""
        for _, _, running in self._running.values():
            yield from running.faults.armed()

    def clear(self) -> int:
        """Disarm everything in every product; return how many were armed."""
        return sum(running.faults.clear() for _, _, running in self._running.values())
