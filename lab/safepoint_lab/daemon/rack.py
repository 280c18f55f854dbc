"""The simulated products of a running lab: started, shown, stopped, their faults by name."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from safepoint.errors import UnknownNameError, UsageError
from safepoint_lab.daemon.catalogue import owner_of_fault, products
from safepoint_lab.daemon.views import ProductView
from safepoint_lab.products.port import LabProduct, SettingValue, Surroundings
from safepoint_lab.products.server import ProductServer
from safepoint_lab.world.faults import Armed, FaultBook

__all__ = ["ProductRack"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Running:
    """A product, what it was given, and its server."""

    product: LabProduct
    around: Surroundings
    server: ProductServer[Any]


class ProductRack:
    """Holds what runs; empty in a lab without products."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

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
            server = product.open(around)
        except OSError:
            _log.warning("port %d of %s is taken, another one is used", around.port, name)
            server = product.open(dataclasses.replace(around, port=0))
        self._running[name] = _Running(product, around, server)
        server.start()

    def stop(self) -> None:
        """Stop every product; their state stays."""
        for running in self._running.values():
            running.server.stop()
        self._running.clear()

    def get(self, name: str) -> ProductServer[Any]:
        """Return the server of a product that runs; UnknownNameError for another."""
        if name not in self._running:
            message = f"no product '{name}' runs in this lab"
            raise UnknownNameError(message, hint=f"safepoint lab up --product {name}")
        return self._running[name].server

    def ports(self) -> Mapping[str, int]:
        """Return the port of each product."""
        return {name: running.server.port for name, running in self._running.items()}

    def settings(self) -> Mapping[str, Mapping[str, SettingValue]]:
        """Return the settings of each product's connection."""
        return {
            name: running.product.settings(running.around, running.server.url)
            for name, running in self._running.items()
        }

    def views(self) -> tuple[ProductView, ...]:
        """Return what `lab status` shows."""
        return tuple(
            ProductView(
                name=name,
                title=running.product.title,
                profile=running.around.profile,
                url=running.server.url,
                requests=sum(running.server.engine.requests.values()),
            )
            for name, running in self._running.items()
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
        return self._running[owner.name].server.faults

    def armed(self) -> Iterator[Armed]:
        """Yield what is armed in every product."""
        for running in self._running.values():
            yield from running.server.faults.armed()

    def clear(self) -> int:
        """Disarm everything in every product; return how many were armed."""
        return sum(running.server.faults.clear() for running in self._running.values())
