"""How a product handles the clock, in words that name no product.

A plugin describes its product with a `ScheduleDialect`; the core compares that with a schedule
and says where the product will deviate from what safepoint means by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Grade", "ScheduleBehaviour", "ScheduleDialect", "ScheduleTrait"]


class ScheduleBehaviour(StrEnum):
    """What a product does with a schedule."""

    EXACTLY_ONCE = "exactly-once"
    """Every wall-clock time happens once, also when clocks change: as previewed."""
    SKIPS_GAP = "skips-gap"
    """A time that the clock skips in spring does not happen."""
    GAP_UNSTATED = "gap-unstated"
    """Nobody says what becomes of a time that the clock skips."""
    REPEATS_OVERLAP = "repeats-overlap"
    """A time that the clock shows twice in autumn happens twice."""
    OVERLAP_UNSTATED = "overlap-unstated"
    """Nobody says what becomes of a time that the clock shows twice."""
    COUNTS_FROM_MIDNIGHT = "counts-from-midnight"
    """Intervals are counted from midnight, as safepoint does."""
    SKIPS_OVERRUN = "skips-overrun"
    """While a run goes on, the starts that fall due are dropped; the next slot is used."""
    SERVER_ZONE = "server-zone"
    """Times are meant in the zone of the product's server; a schedule has no zone of its own."""
    CLIENT_ZONE = "client-zone"
    """Times are meant in the zone of each protected system unless a zone is set."""
    SHORT_MONTH_LAST_DAY = "short-month-last-day"
    """In a month without the wanted day it runs on the last day; safepoint runs nothing."""
    RUNS_AT_WINDOW_OPENING = "runs-at-window-opening"
    """It also starts when the window opens, whatever the interval says."""
    WHOLE_HOUR_WINDOWS = "whole-hour-windows"
    """A window is made of whole hours."""


class Grade(StrEnum):
    """How well a statement about a product is supported."""

    DOCUMENTED = "documented"
    """The maker's documentation says so."""
    REPORTED = "reported"
    """Users say so; the documentation does not."""
    ASSUMED = "assumed"
    """Concluded from the form of the interface; nobody says so."""
    OWN = "own"
    """safepoint's own scheduler does it, and tests show it."""


@dataclass(frozen=True, slots=True)
class ScheduleTrait:
    """One behaviour with its evidence."""

    behaviour: ScheduleBehaviour
    grade: Grade
    evidence: str
    """Where it is said: a page, an issue, a field of an interface. One line."""


@dataclass(frozen=True, slots=True)
class ScheduleDialect:
    """How one product handles the clock.

    What no trait speaks of is taken to be as safepoint means it, except for clock changes: a
    product without a word about those is treated as if it had said `*-unstated`.
    """

    name: str
    """The driver's name, as in `Connection.spec.driver`."""
    title: str
    """The product's name for people."""
    traits: tuple[ScheduleTrait, ...]

    def trait(self, behaviour: ScheduleBehaviour) -> ScheduleTrait | None:
        """Return the trait with that behaviour, if the product has it."""
        return next((each for each in self.traits if each.behaviour is behaviour), None)
