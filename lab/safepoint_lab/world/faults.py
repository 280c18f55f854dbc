"""The fault book: faults armed by name, asked by the world and by the servers in front of it.

A `Fault` is a row of the catalogue; arming one makes an `Armed` entry with a filter (node, VM,
operation) and a number of times. Whoever is about to act asks `take`, which consumes one time.
"""

from __future__ import annotations

import difflib
import fnmatch
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from safepoint.errors import UnknownNameError
from safepoint_lab.world.catalogue import CATALOGUE, Fault

__all__ = ["Armed", "FaultBook", "find_fault"]


@dataclass(slots=True)
class Armed:
    """One armed fault. Empty filters match everything; `times` None lasts until cleared.

    `operation` is a glob over ``Class.Method`` or ``Enumerate``, ``Pull``, ``Get``…; `skip`
    lets that many matching occasions pass first (the nth call).
    """

    fault: Fault
    node: str = ""
    vm: str = ""
    operation: str = ""
    times: int | None = 1
    skip: int = 0
    hits: int = 0
    parameters: dict[str, str] = field(default_factory=dict)

    def matches(self, node: str, vms: Iterable[str], operation: str) -> bool:
        """Tell whether this occasion is meant; `vms` are the VM's names (GUID and name)."""
        pattern = self.operation or self.fault.operation
        return (
            (not self.node or self.node.casefold() == node.casefold())
            and (not self.vm or self.vm.casefold() in {name.casefold() for name in vms})
            and (not pattern or fnmatch.fnmatchcase(operation, pattern))
        )


class FaultBook:
    """Every fault that is armed now, in arming order. Thread-safe.

    Args:
        catalogue: The faults there are; the world's own unless a server has its own.
    """

    def __init__(self, catalogue: Sequence[Fault] = CATALOGUE) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._armed: list[Armed] = []

    def arm(
        self,
        name: str,
        *,
        node: str = "",
        vm: str = "",
        operation: str = "",
        times: int | None = 1,
        skip: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> Armed:
        """Arm a fault by its catalogue name.

        Args:
            name: A name of the catalogue; `UnknownNameError` otherwise.
            node: Only on this node.
            vm: Only for this VM (GUID or name).
            operation: Only for this operation (glob); default is the fault's own.
            times: How often it strikes; None until cleared (so are lasting faults anyway).
            skip: How many matching occasions pass before it strikes.
            parameters: Overrides of the fault's own parameters.
        """
        fault = find_fault(name, self._catalogue)
        times = None if fault.lasting else times
        armed = Armed(fault, node, vm, operation, times, skip, 0, dict(parameters or {}))
        with self._lock:
            self._armed.append(armed)
        return armed

    def clear(self, name: str = "", *, node: str = "", vm: str = "") -> int:
        """Disarm by name (all when empty), narrowed by filter; return how many were cleared."""
        if name:
            find_fault(name, self._catalogue)
        with self._lock:
            keep = [
                armed
                for armed in self._armed
                if (name and armed.fault.name != name)
                or (node and armed.node.casefold() != node.casefold())
                or (vm and armed.vm.casefold() != vm.casefold())
            ]
            cleared = len(self._armed) - len(keep)
            self._armed = keep
        return cleared

    def armed(self) -> tuple[Armed, ...]:
        """Return what is armed and not used up."""
        with self._lock:
            return tuple(self._armed)

    def take(
        self, name: str, *, node: str = "", vms: Iterable[str] = (), operation: str = ""
    ) -> Mapping[str, str] | None:
        """Consume one time of a named fault on this occasion.

        Returns its parameters (catalogue defaults with overrides) or None when not armed.
        """
        names = tuple(vms)
        with self._lock:
            for armed in self._armed:
                if armed.fault.name == name and armed.matches(node, names, operation):
                    return self._strike(armed)
        return None

    def _strike(self, armed: Armed) -> Mapping[str, str] | None:
        if armed.skip > 0:
            armed.skip -= 1
            return None
        armed.hits += 1
        if armed.times is not None:
            armed.times -= 1
            if armed.times <= 0:
                self._armed.remove(armed)
        return {**armed.fault.parameters, **armed.parameters}


def find_fault(name: str, catalogue: Sequence[Fault]) -> Fault:
    """Return the catalogue row of a name, or raise `UnknownNameError` with a suggestion."""
    for fault in catalogue:
        if fault.name == name:
            return fault
    close = difflib.get_close_matches(name, [fault.name for fault in catalogue], n=1)
    hint = f"Did you mean '{close[0]}'?" if close else "`safepoint lab fault --list` shows all."
    message = f"no fault is called '{name}'"
    raise UnknownNameError(message, hint=hint)
