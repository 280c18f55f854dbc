"""In which order changes have to happen: what is needed first, what needs others goes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from safepoint.errors import DriverContractError
from safepoint.models.plans import Action, PlannedChange
from safepoint.models.resources import Resource

__all__ = ["in_order", "in_turn", "with_needs"]

#: What comes after everything else on every connection.
_TURNS: Final[Mapping[Action, int]] = {Action.RETIRE: 1, Action.DELETE: 2}


def in_turn(changes: Iterable[PlannedChange]) -> tuple[PlannedChange, ...]:
    """Return the changes of all connections in the order of carrying out.

    What is made or changed comes first, then what is retired, then what is deleted: a job that
    moves from one product to another is protected by the new one before the old one lets go.
    Apart from that the order stays, so that dependencies are kept.
    """
    return tuple(sorted(changes, key=lambda change: _TURNS.get(change.action, 0)))


def in_order(changes: Sequence[PlannedChange], driver: str) -> tuple[PlannedChange, ...]:
    """Return the changes of one connection: dependencies before dependents, deletions last.

    Deletions run the other way round: dependents before what they need. Among equals the order
    is that of the addresses, so that the same plan always looks the same.

    Raises:
        DriverContractError: the driver's resources need one another in a circle.
    """
    kept = [c for c in changes if c.action is not Action.DELETE]
    gone = [c for c in changes if c.action is Action.DELETE]
    return (*_sorted(kept, driver), *reversed(_sorted(gone, driver)))


def with_needs(addresses: Iterable[str], resources: Iterable[Resource]) -> set[str]:
    """Return those of the addresses that are among the resources, with all that they depend on."""
    by_address = {one.address: one for one in resources}
    waiting = [address for address in addresses if address in by_address]
    found: set[str] = set()
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            waiting += [one for one in by_address[address].depends_on if one in by_address]
    return found


def _sorted(changes: Sequence[PlannedChange], driver: str) -> tuple[PlannedChange, ...]:
    by_address = {change.address: change for change in sorted(changes, key=lambda c: c.address)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for address, change in by_address.items():
        resource = change.after or change.before
        needs = resource.depends_on if resource is not None else ()
        sorter.add(address, *(one for one in needs if one in by_address))
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        msg = f"driver {driver!r} returned resources that depend on one another: {circle}"
        raise DriverContractError(msg, hint="This is a defect of the plugin.") from error
    order: list[PlannedChange] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [by_address[address] for address in ready]
        sorter.done(*ready)
    return tuple(order)
