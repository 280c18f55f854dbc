"""What must not be left when all is over, found in the world itself and in the journal."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint.store import Store
from safepoint_lab.reference.world import World

__all__ = ["leftovers"]


def leftovers(
    world: World, store: Store, *, wanted: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Return a line for everything that is left or missing; empty when all is well.

    Args:
        world: Whose requests, operations and merges are let come to their ends first.
        store: The journal.
        wanted: Ids of the checkpoints that must exist: another owner's, or asked to stay.
    """
    world.drain()
    return (*_in_world(world, wanted), *_in_journal(store, wanted), *_in_repository(world))


def _in_world(world: World, wanted: frozenset[str]) -> Iterator[str]:
    present = world.checkpoint_ids()
    for machine in world.machines.values():
        yield from (
            f"checkpoint {frozen.id} {frozen.name!r} of {machine.name} is left"
            for frozen in machine.frozen
            if frozen.id not in wanted
        )
        if machine.merges:
            yield f"{machine.name} is not merged"
    yield from (f"checkpoint {ident} is gone" for ident in sorted(wanted - present))


def _in_journal(store: Store, wanted: frozenset[str]) -> Iterator[str]:
    for row in store.checkpoints.open():
        if row.native is None or row.native.id not in wanted:
            yield f"the journal row of {row.workload_name} is still {row.state}"
    yield from (f"lease {key!r} is held by {who}" for key, who in store.leases.held().items())
    yield from (f"run {run.id} has no end" for run, _ in store.runs.unfinished())


def _in_repository(world: World) -> Iterator[str]:
    repository = world.repository
    yield from (f"unsealed data of {tag}" for tag in repository.unsealed)
    yield from (f"restore point {ident} is damaged" for ident in repository.damaged())
