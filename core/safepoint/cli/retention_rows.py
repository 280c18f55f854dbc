"""Simulated retention as rows and documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Final

from safepoint.cli.output import Column
from safepoint.retention import (
    DayState,
    Difference,
    Held,
    Point,
    Simulation,
    Span,
    Stretch,
    first_difference,
    side_by_side,
    spans,
    stretches,
)

__all__ = [
    "DIFFERENCE_COLUMNS",
    "LOSS_COLUMNS",
    "STRETCH_COLUMNS",
    "SUMMARY_COLUMNS",
    "day_columns",
    "day_lines",
    "difference_lines",
    "loss_lines",
    "simulation_facts",
    "stretch_lines",
    "summary_line",
]

SUMMARY_COLUMNS: Final = (
    Column("name", "ARITHMETIC"),
    Column("title", "PRODUCT AND MODE"),
    Column("points", "POINTS", right=True),
    Column("oldest", "OLDEST, DAYS", right=True),
    Column("at_end", "AT THE END", right=True),
    Column("evidence", "EVIDENCE"),
)
LOSS_COLUMNS: Final = (Column("name", "ARITHMETIC"), Column("loss", "NOT EXACT"))
STRETCH_COLUMNS: Final = (
    Column("name", "ARITHMETIC"),
    Column("day", "DAY", right=True),
    Column("date", "FROM"),
    Column("rounds", "ROUNDS", right=True),
    Column("days", "OF DAYS", right=True),
    Column("gone", "GO FIRST", right=True),
    Column("held", "THEN POINTS", right=True),
)
DIFFERENCE_COLUMNS: Final = (
    Column("between", "BETWEEN"),
    Column("day", "FIRST DAY", right=True),
    Column("date", "DATE"),
    Column("only_first", "ONLY THE FIRST HAS"),
    Column("only_second", "ONLY THE SECOND HAS"),
)


def summary_line(simulation: Simulation) -> dict[str, Any]:
    """Return a simulation in one row: the ranges since the first point went."""
    counts, oldest = _ranges(simulation.settled)
    return {
        "name": simulation.name,
        "title": simulation.title,
        "points": _range_text(counts),
        "oldest": _range_text(oldest),
        "at_end": len(simulation.states[-1].held),
        "evidence": simulation.evidence,
    }


def loss_lines(simulations: Iterable[Simulation]) -> list[dict[str, Any]]:
    """Return what each product cannot carry exactly."""
    return [{"name": each.name, "loss": loss} for each in simulations for loss in each.losses]


def stretch_lines(simulation: Simulation) -> list[dict[str, Any]]:
    """Return the days of a simulation, those that behave alike in one row."""
    return [
        {
            "name": simulation.name,
            "day": each.first.number,
            "date": each.first.date.isoformat(),
            "rounds": each.rounds,
            "days": each.days,
            "gone": each.gone,
            "held": _range_text((each.low, each.high), " → "),
        }
        for each in stretches(simulation.states)
    ]


def difference_lines(simulations: Sequence[Simulation]) -> list[dict[str, Any]]:
    """Return for each pair the first day on which it differs, with which points."""
    lines = []
    for one, other, found in _differences(simulations):
        line: dict[str, Any] = {"between": f"{one.name}, {other.name}"}
        if found is None:
            line["only_first"] = "never differ"
        else:
            line |= {
                "day": found.day.number,
                "date": found.day.date.isoformat(),
                "only_first": _held_text(found.only_first),
                "only_second": _held_text(found.only_second),
            }
        lines.append(line)
    return lines


def day_columns(simulations: Iterable[Simulation]) -> list[Column]:
    """Return the columns of `day_lines`: the points, and what each arithmetic says."""
    return [Column("points", "POINTS"), *(Column(s.name, s.name.upper()) for s in simulations)]


def day_lines(simulations: Sequence[Simulation], day: int) -> list[dict[str, Any]]:
    """Return the points of a day side by side; a dash where an arithmetic has dropped them."""
    return [
        {
            "points": _points_text(verdict.points),
            **{
                each.name: ", ".join(why) or "-"
                for each, why in zip(simulations, verdict.why, strict=True)
            },
        }
        for verdict in side_by_side(simulations, day)
    ]


def simulation_facts(simulations: Sequence[Simulation]) -> dict[str, Any]:
    """Return everything, JSON-ready: each point's days and reasons, each day's count."""
    return {
        "arithmetics": [_facts(each) for each in simulations],
        "differences": [
            {
                "first": one.name,
                "second": other.name,
                "day": found.day.number if found else None,
                "date": found.day.date.isoformat() if found else None,
                "onlyFirst": [_held_facts(each) for each in found.only_first] if found else [],
                "onlySecond": [_held_facts(each) for each in found.only_second] if found else [],
            }
            for one, other, found in _differences(simulations)
        ],
    }


def _facts(simulation: Simulation) -> dict[str, Any]:
    counts, oldest = _ranges(simulation.settled)
    lives = spans(simulation)
    made = [point for state in simulation.states for point in state.day.made]
    return {
        "name": simulation.name,
        "title": simulation.title,
        "evidence": simulation.evidence,
        "losses": list(simulation.losses),
        "points": {"min": counts[0], "max": counts[1]},
        "oldestDays": {"min": oldest[0], "max": oldest[1]} if oldest else None,
        "stretches": [_stretch_facts(each) for each in stretches(simulation.states)],
        "days": [_day_facts(state) for state in simulation.states],
        "restorePoints": [_point_facts(point, lives[point.number]) for point in made],
    }


def _stretch_facts(stretch: Stretch) -> dict[str, Any]:
    return {
        "firstDay": stretch.first.number,
        "rounds": stretch.rounds,
        "days": stretch.days,
        "gone": stretch.gone,
        "low": stretch.low,
        "high": stretch.high,
    }


def _day_facts(state: DayState) -> dict[str, Any]:
    return {
        "day": state.day.number,
        "date": state.day.date.isoformat(),
        "count": len(state.held),
        "oldestDays": state.oldest_age,
        "made": [point.number for point in state.day.made],
        "gone": [point.number for point in state.gone],
    }


def _point_facts(point: Point, life: Iterable[Span]) -> dict[str, Any]:
    return {
        "number": point.number,
        "madeAt": point.made_at.isoformat(),
        "isFull": point.is_full,
        "exists": [
            {"fromDay": each.first_day, "toDay": each.last_day, "why": list(each.why)}
            for each in life
        ],
    }


def _held_facts(held: Held) -> dict[str, Any]:
    return {
        "number": held.point.number,
        "madeAt": held.point.made_at.isoformat(),
        "why": list(held.why),
    }


def _differences(
    simulations: Sequence[Simulation],
) -> list[tuple[Simulation, Simulation, Difference | None]]:
    pairs = combinations(simulations, 2)
    return [(one, other, first_difference(one, other)) for one, other in pairs]


def _ranges(
    states: Sequence[DayState],
) -> tuple[tuple[int, int], tuple[int, int] | None]:
    counts = [len(state.held) for state in states]
    ages = [state.oldest_age for state in states if state.oldest_age is not None]
    return (min(counts), max(counts)), (min(ages), max(ages)) if ages else None


def _range_text(low_and_high: tuple[int, int] | None, dash: str = "-") -> str:
    if low_and_high is None:
        return ""
    low, high = low_and_high
    return str(low) if low == high else f"{low}{dash}{high}"


def _held_text(held: Sequence[Held]) -> str:
    """Return points with what keeps them, alike ones in a row together."""
    rows: list[list[Held]] = []
    for each in held:
        last = rows[-1][-1] if rows else None
        if last and last.why == each.why and last.point.number == each.point.number - 1:
            rows[-1].append(each)
        else:
            rows.append([each])
    return "; ".join(
        f"{_points_text([each.point for each in row])} ({', '.join(row[0].why)})" for row in rows
    )


def _points_text(points: Sequence[Point]) -> str:
    first, last = (f"{point.made_at:%Y-%m-%d %H:%M}" for point in (points[0], points[-1]))
    return first if len(points) == 1 else f"{first} … {last} ({len(points)})"
