"""How Commvault handles the clock, with the evidence for each statement."""

from __future__ import annotations

from typing import Final

from safepoint.schedules import Grade, ScheduleBehaviour, ScheduleDialect, ScheduleTrait

__all__ = ["DIALECT"]

_B = ScheduleBehaviour
_SILENT: Final = (
    "the pages on scheduling that were read (11.16 to 2024) say nothing of clock changes"
)

#: What is known of the product.
DIALECT: Final = ScheduleDialect(
    "commvault",
    "Commvault",
    (
        ScheduleTrait(_B.GAP_UNSTATED, Grade.ASSUMED, _SILENT),
        ScheduleTrait(_B.OVERLAP_UNSTATED, Grade.ASSUMED, _SILENT),
        ScheduleTrait(
            _B.CLIENT_ZONE,
            Grade.DOCUMENTED,
            "documentation, job start time for servers: the local zone of each server",
        ),
        ScheduleTrait(
            _B.SHORT_MONTH_LAST_DAY,
            Grade.DOCUMENTED,
            "documentation 11.16 to 2024, schedule policies: leap year note",
        ),
    ),
)
