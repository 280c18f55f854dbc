"""How fast a replicated guest may write, so that a lab that is left alone stays in order.

Disks of the lab are tiny, and its guests would rewrite all of one within minutes. The logs of a
long cycle would exceed half of the disks, and Hyper-V give them up. An administrator would size
disks and cycles for what a server writes; the lab sizes what its servers write.
"""

from __future__ import annotations

from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.book import ReplicationBook

__all__ = ["pace_of"]

_CYCLES_TO_SPARE = 4
_LEAST_SECONDS = 300


def pace_of(registry: Registry, book: ReplicationBook, vm: str) -> float | None:
    """Return how many bytes a second a guest may write; None when its VM sends nothing.

    Logs reach their limit only after four cycles in a row did not run, on the slowest leg of all
    that carry the changes onwards, and after twenty minutes at the least.
    """
    paces: list[float] = []
    seen: set[str] = set()
    with registry.lock:
        while vm not in seen and (record := book.sending(vm)) is not None:
            seen.add(vm)
            source = registry.vms.get(vm)
            if source is None:
                break
            room = book.log_room_bytes(record, source)
            seconds = max(record.settings.interval_seconds, _LEAST_SECONDS)
            paces.append(room / (_CYCLES_TO_SPARE * seconds))
            vm = record.partner
    return min(paces, default=None)
