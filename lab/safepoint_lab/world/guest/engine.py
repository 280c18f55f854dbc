"""One thread that lets all guests of the lab work, a few at a time, with a small budget."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from itertools import cycle, islice

from safepoint_lab.world.bank import PAGE_BYTES
from safepoint_lab.world.guest.machine import GuestMachine

__all__ = ["GuestEngine"]

_TICK_SECONDS = 0.05
_WRITES_PER_TICK = 4
_AT_ONCE = 16
_TICKS_PER_TURN = 300

_log = logging.getLogger(__name__)


class GuestEngine:
    """Round robin over running guests: busy ones always, the others by turns of 15 seconds.

    Up to 16 guests work at once, each with about 20 transactions a second, or fewer where
    `pace_of` says how many bytes a second a guest may write.

    Args:
        candidates: Returns the guests to serve: (busy ones, the others).
    """

    def __init__(
        self, candidates: Callable[[], tuple[list[GuestMachine], list[GuestMachine]]]
    ) -> None:
        self._candidates = candidates
        self.pace_of: Callable[[str], float | None] = lambda _guid: None
        self._saved: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lab-guests", daemon=True)
        self._ticks = 0
        self._turn = 0
        self._served: list[GuestMachine] = []

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def tick(self) -> None:
        """Let the guests whose turn it is work for a twentieth of a second."""
        self._ticks += 1
        if self._ticks % _TICKS_PER_TURN == 0:
            self._turn += 1
        chosen = list(self._chosen())
        for machine in chosen:
            self._work(machine)
        self._park_others(chosen)

    def _run(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            self.tick()

    def _chosen(self) -> Iterable[GuestMachine]:
        busy, others = self._candidates()
        room = max(0, _AT_ONCE - len(busy))
        if not others or not room:
            return busy[:_AT_ONCE]
        start = self._turn * room % len(others)
        return [*busy, *islice(cycle(others), start, start + min(room, len(others)))]

    def _park_others(self, chosen: list[GuestMachine]) -> None:
        for machine in self._served:
            if machine not in chosen:
                machine.park()
        self._served = chosen

    def _work(self, machine: GuestMachine) -> None:
        try:
            for _ in range(self._writes(machine.guid)):
                if not machine.step():
                    return
        except Exception as error:  # noqa: BLE001 - one broken guest must not stop the others
            _log.exception("guest of VM %s stopped working", machine.guid)
            machine.fail(f"{type(error).__name__}: {error}")

    def _writes(self, guid: str) -> int:
        """Return how many pages a guest may write now; what is less than a page is saved."""
        pace = self.pace_of(guid)
        if pace is None:
            return _WRITES_PER_TICK
        pages = self._saved.get(guid, 0.0) + pace * _TICK_SECONDS / PAGE_BYTES
        writes = min(int(pages), _WRITES_PER_TICK)
        self._saved[guid] = min(pages - writes, 1.0)
        return writes
