"""Dealing the faults of the whole catalogue, one after the other."""

from __future__ import annotations

import contextlib
import random
from typing import Final

from safepoint.errors import SafepointError
from safepoint_lab.chaos.ground import Ground
from safepoint_lab.daemon.catalogue import every_fault
from safepoint_lab.world.catalogue import Fault

__all__ = ["DEEDS_OF_THEIR_OWN", "Dealer", "dealt"]

#: A checkpoint of another product is planted by a deed, which remembers it: it must stay.
DEEDS_OF_THEIR_OWN: Final = frozenset({"foreign-recovery-checkpoint"})
_REPLICA: Final = "replica-"
_PRODUCTS: Final = ("veeam-", "commvault-")
#: A host stays silent shorter than a story would bear; what it answers in the end is nothing.
_PARAMETERS: Final = {"stall": {"seconds": "15"}}
#: How many a story is thought to take: the next one goes on there.
_STRIDE: Final = 2


def dealt(*, has_replicas: bool) -> tuple[Fault, ...]:
    """Return every fault that is drawn in stories, in one order for all of them."""
    faults = [
        fault
        for fault in every_fault()
        if fault.name not in DEEDS_OF_THEIR_OWN
        and (has_replicas or not fault.name.startswith(_REPLICA))
    ]
    random.Random("deck").shuffle(faults)  # noqa: S311 - one order for all stories
    return tuple(faults)


class Dealer:
    """Arms faults. Seeds that follow on one another go round the whole catalogue."""

    def __init__(self, ground: Ground, seed: int, *, has_replicas: bool) -> None:
        self._ground = ground
        self._deck = dealt(has_replicas=has_replicas)
        self._next = seed * _STRIDE
        self._armed: list[str] = []

    def peek(self) -> Fault:
        """Return the fault that is dealt next."""
        return self._deck[self._next % len(self._deck)]

    def arm(self) -> None:
        """Arm the next fault, somewhere where it can strike."""
        fault = self.peek()
        self._next += 1
        ground = self._ground
        ground.story.did("fault", fault.name)
        ground.story.kinds.add(fault.name)
        is_of_hosts = not fault.name.startswith(_PRODUCTS)
        node = ground.choice(ground.nodes()) if fault.lasting and is_of_hosts else ""
        vm = ""
        if fault.name == "replica-changed" and ground.replicated:
            vm, node = ground.choice(ground.replicated), ""
        skip = 0 if fault.lasting else ground.random.randint(0, 3)
        with contextlib.suppress(SafepointError):
            parameters = _PARAMETERS.get(fault.name)
            ground.lab.arm_fault(
                fault.name, node=node, vm=vm, times=1, skip=skip, parameters=parameters
            )
            self._armed.append(fault.name)

    def count_hits(self) -> None:
        """Tell which of those that were armed have struck."""
        with contextlib.suppress(SafepointError):
            waiting = {fault.name for fault in self._ground.lab.faults() if not fault.hits}
            for name in self._armed:
                if name not in waiting:
                    self._ground.story.count("fault that struck")
        self._armed.clear()
