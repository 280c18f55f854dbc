"""Limits per node and per share, as leases in the store: they hold across processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from safepoint.errors import LeaseHeldError, RunTimedOutError
from safepoint.runs.crew import Crew
from safepoint.store import Lease

__all__ = ["Limit", "slots"]


@dataclass(frozen=True)
class Limit:
    """At most `places` at once on `name`, such as `node hx1/hv01`."""

    name: str
    places: int


@contextmanager
def slots(
    crew: Crew, limits: Sequence[Limit], *, purpose: str, check: Callable[[], None]
) -> Iterator[None]:
    """Hold one place of every limit; waits for free places, calling `check` before every look.

    Limits are taken in the order of their names, so that two waiters never block each other.

    Raises:
        RunTimedOutError: no place came free within the deadline.
        RunCancelledError: `check` raised it.
    """
    with ExitStack() as stack:
        for limit in sorted(limits, key=lambda one: one.name):
            lease = crew.waiter.until(
                partial(_try, crew, limit, purpose, check),
                deadline_seconds=crew.deadlines.slot_seconds,
            )
            if lease is None:
                msg = f"no place came free on {limit.name} ({limit.places} at once)"
                raise RunTimedOutError(msg, hint="Look at `safepoint runs list`.")
            stack.callback(crew.store.leases.give_back, lease)
        yield


def _try(crew: Crew, limit: Limit, purpose: str, check: Callable[[], None]) -> Lease | None:
    check()
    for place in range(limit.places):
        try:
            key = f"{limit.name}#{place}"
            return crew.store.leases.take(key, crew.executor, purpose=purpose)
        except LeaseHeldError:
            continue
    return None
