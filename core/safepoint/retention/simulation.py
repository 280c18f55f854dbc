"""Which points exist on which day, and where two arithmetics part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from safepoint.errors import DriverContractError
from safepoint.models.policies import Retention
from safepoint.retention.arithmetic import RetentionArithmetic
from safepoint.retention.points import Day, Held, Point, Timeline

__all__ = ["DayState", "Difference", "Simulation", "first_difference", "simulate"]


@dataclass(frozen=True, slots=True)
class DayState:
    """What exists at the end of a day."""

    day: Day
    held: tuple[Held, ...]
    """Oldest first."""
    gone: tuple[Point, ...]
    """What went on this day."""

    @property
    def oldest_age(self) -> int | None:
        """The age of the oldest point in calendar days; None when there is no point."""
        return self.day.age_of(self.held[0].point) if self.held else None


@dataclass(frozen=True)
class Simulation:
    """The days of one arithmetic."""

    name: str
    title: str
    evidence: str
    losses: tuple[str, ...]
    """What the product cannot carry exactly."""
    states: tuple[DayState, ...]
    """One for each day."""

    @cached_property
    def settled(self) -> tuple[DayState, ...]:
        """The days from the first on which something went; all when nothing ever goes."""
        begin = next((n for n, state in enumerate(self.states) if state.gone), 0)
        return self.states[begin:]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first day on which two arithmetics disagree."""

    day: Day
    only_first: tuple[Held, ...]
    """What only the first one still has."""
    only_second: tuple[Held, ...]
    """What only the second one still has."""


def simulate(
    retention: Retention, timeline: Timeline, arithmetic: RetentionArithmetic
) -> Simulation:
    """Return which points exist at the end of each day by an arithmetic.

    Raises:
        DriverContractError: the arithmetic broke a rule of `RetentionArithmetic`.
    """
    states: list[DayState] = []
    before: dict[int, Point] = {}
    answers = arithmetic.held(retention, timeline)
    for day in timeline.days:
        held = next(answers, None)
        if held is None:
            raise _broken(arithmetic, f"says nothing of day {day.number}")
        possible = before | {point.number: point for point in day.made}
        numbers = [each.point.number for each in held]
        still = set(numbers)
        if numbers != sorted(still) or not possible.keys() >= still:
            raise _broken(arithmetic, f"names points on day {day.number} that cannot be there")
        gone = tuple(point for number, point in possible.items() if number not in still)
        states.append(DayState(day, held, gone))
        before = {each.point.number: each.point for each in held}
    if next(answers, None) is not None:
        raise _broken(arithmetic, "goes on after the last day")
    return Simulation(
        name=arithmetic.name,
        title=arithmetic.title,
        evidence=arithmetic.evidence,
        losses=arithmetic.losses(retention),
        states=tuple(states),
    )


def first_difference(one: Simulation, other: Simulation) -> Difference | None:
    """Return the first day on which two simulations of one timeline hold different points."""
    for mine, theirs in zip(one.states, other.states, strict=True):
        first = {each.point.number for each in mine.held}
        second = {each.point.number for each in theirs.held}
        if first != second:
            return Difference(
                day=mine.day,
                only_first=tuple(h for h in mine.held if h.point.number not in second),
                only_second=tuple(h for h in theirs.held if h.point.number not in first),
            )
    return None


def _broken(arithmetic: RetentionArithmetic, what: str) -> DriverContractError:
    msg = f"the retention arithmetic {arithmetic.name!r} {what}"
    return DriverContractError(msg, hint="This is a defect of its plugin; report it there.")
