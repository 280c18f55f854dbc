"""What Hyper-V refuses about a relationship's settings, before anything is touched.

Figures are those of the class page [D]; that a faster extended leg is refused when it is set up,
and with which number, is [I].
"""

from __future__ import annotations

import ipaddress

from safepoint_lab.world.enums import ReturnValue
from safepoint_lab.world.model import Refused
from safepoint_lab.world.replication.numbers import (
    APPLICATION_HOURS,
    HISTORY_HOURS,
    INTERVALS,
    Authentication,
)
from safepoint_lab.world.replication.records import ReplicationSettings

__all__ = ["check_settings"]


def check_settings(
    settings: ReplicationSettings, *, disks: list[str], first_leg: int, next_leg: int
) -> None:
    """Refuse INVALID_PARAMETER settings that cannot be.

    Args:
        settings: What was asked.
        disks: Slots of the disks that can be replicated.
        first_leg: Interval of the leg before this one in seconds; 0 when this is the first.
        next_leg: Interval of the extended leg behind this one; 0 when there is none.
    """
    problems = (
        (settings.interval_seconds not in INTERVALS, "the interval is none of 30, 300 and 900 s"),
        (not 0 <= settings.history_hours <= HISTORY_HOURS, "0 to 24 additional points"),
        (not 0 <= settings.application_hours <= APPLICATION_HOURS, "every 0 to 12 hours"),
        (
            bool(settings.application_hours) and not settings.history_hours,
            "application-consistent points need additional recovery points",
        ),
        (
            bool(first_leg) and settings.interval_seconds == INTERVALS[0],
            "an extended leg cannot run every 30 s",
        ),
        (
            settings.interval_seconds < first_leg,
            "an extended leg cannot be faster than the leg before it",
        ),
        (
            bool(first_leg) and bool(settings.application_hours),
            "an extended leg takes no application-consistent points",
        ),
        (
            0 < next_leg < settings.interval_seconds,
            "the extended leg would be faster than this one",
        ),
        (_is_address(settings.recovery_point), "the connection point must be a name"),
        (not 0 < settings.port <= 65535, f"port {settings.port}"),
        (
            settings.authentication is Authentication.CERTIFICATE and not settings.thumbprint,
            "certificate authentication needs a thumbprint",
        ),
        (not settings.slots, "no disk would be replicated"),
        (not set(settings.slots) <= set(disks), "a disk is not one of the VM's"),
    )
    for wrong, why in problems:
        if wrong:
            raise Refused(ReturnValue.INVALID_PARAMETER, why)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return not name
    return True
