"""A simulation in few words: stretches of days that behave alike, and points side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from safepoint.retention.points import Day, Point, Why
from safepoint.retention.simulation import DayState, Simulation

__all__ = ["Span", "Stretch", "Verdict", "side_by_side", "spans", "stretches"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days that begin when something goes (or with the simulation), until something goes again."""

    first: Day
    days: int
    """How long one round takes."""
    rounds: int
    """How often the same comes in a row."""
    gone: int
    """How many points go on the first day of each round."""
    low: int
    """How many points there are on the first day."""
    high: int
    """How many there are on the last day."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days through which the same keeps a point."""

    first_day: int
    last_day: int
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Points in a row of which every arithmetic says the same."""

    points: tuple[Point, ...]
    why: tuple[tuple[Why, ...], ...]
    """For each arithmetic what keeps them; empty where they are gone."""


def stretches(states: Sequence[DayState]) -> list[Stretch]:
    """Return the days as stretches; equal ones in a row are one with rounds."""
    found: list[Stretch] = []
    for each in _rounds(states):
        last = found[-1] if found else None
        if last and replace(last, first=each.first, rounds=1) == each:
            found[-1] = replace(last, rounds=last.rounds + 1)
        else:
            found.append(each)
    return found


def _rounds(states: Sequence[DayState]) -> Iterator[Stretch]:
    begins = [n for n, state in enumerate(states) if n == 0 or state.gone]
    for begin, end in zip(begins, [*begins[1:], len(states)], strict=True):
        first, last = states[begin], states[end - 1]
        yield Stretch(
            first=first.day,
            days=end - begin,
            rounds=1,
            gone=len(first.gone),
            low=len(first.held),
            high=len(last.held),
        )


def spans(simulation: Simulation) -> dict[int, list[Span]]:
    """Return for each point, by number, on which days it exists and why.

    A point that goes on the day on which it is made has no span.
    """
    found: dict[int, list[Span]] = {}
    for state in simulation.states:
        for point in state.day.made:
            found[point.number] = []
        for each in state.held:
            own = found[each.point.number]
            if own and own[-1].why == each.why and own[-1].last_day == state.day.number - 1:
                own[-1] = replace(own[-1], last_day=state.day.number)
            else:
                own.append(Span(state.day.number, state.day.number, each.why))
    return found


def side_by_side(simulations: Sequence[Simulation], day: int) -> list[Verdict]:
    """Return the points that any of several simulations holds on a day, alike ones together.

    Args:
        simulations: Of one timeline.
        day: The number of the day.
    """
    why = [{h.point.number: h.why for h in s.states[day - 1].held} for s in simulations]
    points = {h.point.number: h.point for s in simulations for h in s.states[day - 1].held}
    rows = [(points[n], tuple(each.get(n, ()) for each in why)) for n in sorted(points)]
    found = []
    for _, group in groupby(
        enumerate(rows), key=lambda row: (row[1][0].number - row[0], row[1][1])
    ):
        alike = [row for _, row in group]
        found.append(Verdict(tuple(point for point, _ in alike), alike[0][1]))
    return found
