"""When runs start: a schedule as a stream of instants, and how products deviate from it.

::

    next_runs(schedule, after, count=10)          -> Iterator[Occurrence]   # pure, in order
    clock_changes(zone, after, until)             -> Iterator[ClockChange]
    ScheduleDialect(name, title, traits)          # what a plugin says of its product
    deviations(schedule, runs, dialect)           -> tuple[Deviation, ...]
    departure(occurrence, dialect)                -> str                    # of one run

One rule settles every clock change: a wall-clock time happens at the first instant at which the
clock shows it or has passed it. So a time that the clock skips happens once, when the gap ends,
and a time that comes twice happens once, the first time; and two times never change their order.
"""

from __future__ import annotations

from safepoint.schedules.deviations import Deviation, departure, deviations
from safepoint.schedules.dialects import (
    Grade,
    ScheduleBehaviour,
    ScheduleDialect,
    ScheduleTrait,
)
from safepoint.schedules.occurrences import Adjustment, Occurrence
from safepoint.schedules.rules import Rule
from safepoint.schedules.runs import next_runs
from safepoint.schedules.walltime import ClockChange, clock_changes, first_instant

__all__ = [
    "Adjustment",
    "ClockChange",
    "Deviation",
    "Grade",
    "Occurrence",
    "Rule",
    "ScheduleBehaviour",
    "ScheduleDialect",
    "ScheduleTrait",
    "clock_changes",
    "departure",
    "deviations",
    "first_instant",
    "next_runs",
]
