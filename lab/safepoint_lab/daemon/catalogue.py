"""Which simulated products a lab can carry, and every fault by name."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint.errors import UsageError
from safepoint_lab.products.port import LabProduct
from safepoint_lab.world.catalogue import CATALOGUE, Fault
from safepoint_lab.world.faults import find_fault

__all__ = ["chosen_products", "every_fault", "owner_of_fault", "products"]


def products() -> tuple[LabProduct, ...]:
    """Return every product, in the order in which they start."""
    # Imported here: the products stand on the daemon's TLS, and many labs have none of them.
    from safepoint_lab.commvault.product import COMMVAULT  # noqa: PLC0415
    from safepoint_lab.veeam.product import VEEAM  # noqa: PLC0415

    return (VEEAM, COMMVAULT)


def chosen_products(words: list[str]) -> dict[str, str]:
    """Read ``NAME`` or ``NAME=PROFILE`` and return the profile of each product.

    Raises:
        UsageError: there is no such product or profile.
    """
    chosen = {}
    for word in words:
        name, _, profile = word.partition("=")
        product = next((one for one in products() if one.name == name), None)
        if product is None:
            message = f"the lab has no product '{name}'"
            raise UsageError(message, hint=f"One of: {', '.join(one.name for one in products())}.")
        if profile and profile not in product.profiles:
            message = f"{product.title} has no profile '{profile}' in the lab"
            raise UsageError(message, hint=f"One of: {', '.join(product.profiles)}.")
        chosen[name] = profile or product.profiles[0]
    return chosen


def every_fault() -> Iterator[Fault]:
    """Yield the faults of the hosts, then those of each product."""
    yield from CATALOGUE
    for product in products():
        yield from product.faults


def owner_of_fault(name: str) -> LabProduct | None:
    """Return the product that knows a fault, None for the hosts.

    Raises:
        UnknownNameError: nobody knows it.
    """
    for product in products():
        if any(fault.name == name for fault in product.faults):
            return product
    find_fault(name, tuple(every_fault()))
    return None
