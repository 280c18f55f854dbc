"""What Hyper-V Replica does by the lab's clock: cycles, scheduled starts, resynchronisation windows.

Intervals are those of the lab's clock, whatever its speed. `advance` moves that clock and does on
the way what came due, in order.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from safepoint_lab.world.model import NEVER, Refused
from safepoint_lab.world.replication.cycles import CycleRunner
from safepoint_lab.world.replication.initial import InitialDesk
from safepoint_lab.world.replication.numbers import InitialCopy, ReplicationState
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.replication.resync import ResyncDesk
from safepoint_lab.world.replication.tools import Tools
from safepoint_lab.world.scheduler import Scheduler

__all__ = ["ReplicationClock"]

_TICK_SECONDS = 1.0
_STEP = timedelta(milliseconds=1)
_CYCLING = frozenset({ReplicationState.REPLICATING, ReplicationState.CRITICAL})
_FAR = datetime.max.replace(tzinfo=NEVER.tzinfo)


class ReplicationClock:
    """Looks every second for what is due."""

    def __init__(
        self,
        tools: Tools,
        scheduler: Scheduler,
        cycles: CycleRunner,
        initial: InitialDesk,
        resync: ResyncDesk,
    ) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._scheduler = scheduler
        self._cycles = cycles
        self._initial = initial
        self._resync = resync
        self._alone = threading.Lock()

    def start(self) -> None:
        """Begin to look."""
        self._scheduler.after(_TICK_SECONDS, self._tick)

    def advance(self, span: timedelta) -> int:
        """Move the lab's clock forward; return how many cycles ran on the way."""
        with self._alone:
            end = self._registry.now() + span
            ran = 0
            while (due := self._next()) <= end:
                ahead = due - self._registry.now()
                self._registry.move_clock(max(ahead, _STEP))  # a job may be in the way of it
                ran += self._run_due()
            self._registry.move_clock(max(end - self._registry.now(), timedelta(0)))
            return ran

    def _tick(self) -> None:
        try:
            with self._alone:
                self._run_due()
        finally:
            self.start()

    def _next(self) -> datetime:
        with self._registry.lock:
            now = self._registry.now()
            sources = self._tools.book.sources()
            windows = [self._resync.next_window(record, now) for record in sources]
            dues = [_due(record) for record in sources]
            return min([*dues, *(each for each in windows if each is not None)], default=_FAR)

    def _run_due(self) -> int:
        now = self._registry.now()
        ran = 0
        with self._registry.lock:
            due = [each for each in self._tools.book.sources() if _due(each) <= now]
        for record in due:
            if record.start_at != NEVER:
                self._begin(record)
            elif record.state in _CYCLING:
                self._next_time(record, now)
                self._cycles.run(record)
                ran += 1
        for record in self._tools.book.sources():
            self._resync.begin_in_window(record, now)
        return ran

    def _begin(self, record: Replication) -> None:
        """Start what was scheduled."""
        with self._registry.lock:
            vm = self._registry.vms.get(record.vm)
            if vm is None:
                self._tools.book.delete(record)
                return
            record.start_at = NEVER
            try:
                if record.state is ReplicationState.READY:
                    kind = InitialCopy(record.start_kind)
                    self._initial.start_now(vm, record, kind, record.export)
                elif record.state is ReplicationState.WAITING_FOR_RESYNC:
                    self._resync.start_now(vm, record)
            except Refused:
                record.start_at = self._registry.now() + timedelta(seconds=_TICK_SECONDS)

    def _next_time(self, record: Replication, now: datetime) -> None:
        """Put the next cycle on its beat; beats that passed while the lab was off are skipped."""
        interval = timedelta(seconds=record.settings.interval_seconds)
        while record.next_cycle_at <= now:
            behind = (now - record.next_cycle_at) // interval
            record.next_cycle_at += interval * (behind + 1)


def _due(record: Replication) -> datetime:
    if record.start_at != NEVER:
        return record.start_at
    return record.next_cycle_at if record.state in _CYCLING else _FAR
