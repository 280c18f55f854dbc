"""How long points stay: the neutral meaning, the arithmetic of products, and their simulation.

::

    timeline(schedule, first, days, full_on=…)     -> Timeline     # when points are made
    simulate(retention, timeline, arithmetic)      -> Simulation   # which exist on which day
    first_difference(one, other)                   -> Difference | None
    EXACT                                          # what an estate document means
    RetentionArithmetic                            # what a plugin offers for its product

Everything is pure: days go in, points come out; nothing is read, nothing connects.
"""

from __future__ import annotations

from safepoint.retention.arithmetic import RetentionArithmetic
from safepoint.retention.exact import EXACT, ExactRetention
from safepoint.retention.periods import FirstOfPeriod
from safepoint.retention.points import Day, Held, Point, Timeline, Why, whole_days
from safepoint.retention.simulation import (
    DayState,
    Difference,
    Simulation,
    first_difference,
    simulate,
)
from safepoint.retention.summary import (
    Span,
    Stretch,
    Verdict,
    side_by_side,
    spans,
    stretches,
)
from safepoint.retention.timelines import timeline

__all__ = [
    "EXACT",
    "Day",
    "DayState",
    "Difference",
    "ExactRetention",
    "FirstOfPeriod",
    "Held",
    "Point",
    "RetentionArithmetic",
    "Simulation",
    "Span",
    "Stretch",
    "Timeline",
    "Verdict",
    "Why",
    "first_difference",
    "side_by_side",
    "simulate",
    "spans",
    "stretches",
    "timeline",
    "whole_days",
]
