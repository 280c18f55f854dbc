"""Declare once: what the estate wants, what a product has, what would have to change.

::

    estate ─► Desired ─► translate ─┐
                                    ├─► match ─► diff ─► order ─► guards ─► Plan ─► apply ─► look again
    product ─► observe ─────────────┘

    bench = Workbench(estate, tools)
    plan = bench.plan(PlanScope())           reads only
    report = bench.apply(plan)               journals, writes, observes again
    bench.drift(scope), bench.import_from(connection)

Everything up to the plan is pure, given the observations.
"""

from __future__ import annotations

from safepoint.planning.applying import ApplyReport, ApplySink, Step
from safepoint.planning.drift import DriftLine
from safepoint.planning.importing import Imported
from safepoint.planning.planner import PlanInputs, make_plan
from safepoint.planning.workbench import Tools, Workbench

__all__ = [
    "ApplyReport",
    "ApplySink",
    "DriftLine",
    "Imported",
    "PlanInputs",
    "Step",
    "Tools",
    "Workbench",
    "make_plan",
]
