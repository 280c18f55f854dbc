"""How Veeam Backup & Replication handles the clock, with the evidence for each statement."""

from __future__ import annotations

from typing import Final

from safepoint.schedules import Grade, ScheduleBehaviour, ScheduleDialect, ScheduleTrait

__all__ = ["DIALECT"]

_B = ScheduleBehaviour
_GUIDE: Final = "user guide 13, Automatic Startup Schedule"
_STEP: Final = "user guide 13, Define Job Schedule"

#: What is known of the product.
DIALECT: Final = ScheduleDialect(
    "veeam",
    "Veeam Backup & Replication",
    (
        ScheduleTrait(
            _B.SKIPS_GAP,
            Grade.REPORTED,
            f"cited in Xen Orchestra issue 4024; {_STEP} only says to keep it in mind",
        ),
        ScheduleTrait(_B.OVERLAP_UNSTATED, Grade.DOCUMENTED, f"{_STEP}: keep it in mind"),
        ScheduleTrait(
            _B.SERVER_ZONE, Grade.ASSUMED, "REST job schedule: localTime without a zone"
        ),
        ScheduleTrait(_B.COUNTS_FROM_MIDNIGHT, Grade.DOCUMENTED, _GUIDE),
        ScheduleTrait(_B.SKIPS_OVERRUN, Grade.DOCUMENTED, _GUIDE),
        ScheduleTrait(_B.RUNS_AT_WINDOW_OPENING, Grade.DOCUMENTED, _STEP),
        ScheduleTrait(
            _B.WHOLE_HOUR_WINDOWS, Grade.DOCUMENTED, "REST backup window: 24 flags a day"
        ),
    ),
)
