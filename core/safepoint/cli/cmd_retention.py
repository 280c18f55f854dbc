"""`safepoint retention`: which restore points exist on which day, by whose arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from safepoint.cli.output import Output
from safepoint.cli.retention_rows import (
    DIFFERENCE_COLUMNS,
    LOSS_COLUMNS,
    STRETCH_COLUMNS,
    SUMMARY_COLUMNS,
    day_columns,
    day_lines,
    difference_lines,
    loss_lines,
    simulation_facts,
    stretch_lines,
    summary_line,
)
from safepoint.cli.session import Session
from safepoint.errors import UnknownNameError, UsageError
from safepoint.estate.suggestions import did_you_mean
from safepoint.models.policies import Weekday
from safepoint.retention import (
    EXACT,
    RetentionArithmetic,
    Simulation,
    Timeline,
    first_difference,
    simulate,
    timeline,
)

__all__ = ["add"]

app = typer.Typer(help="Retention: how long restore points stay.", no_args_is_help=True)

#: How many rows a person is shown of each arithmetic.
_STRETCHES_SHOWN = 12


class FullOn(StrEnum):
    """When products that distinguish make their full backup."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    NEVER = "never"


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="retention")


@app.command("simulate")
def simulate_policy(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="A Policy of the estate.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days.")] = 400,
    vendor: Annotated[
        list[str] | None,
        typer.Option("--vendor", help="Only this arithmetic beside `exact`; repeatable."),
    ] = None,
    full_on: Annotated[
        FullOn,
        typer.Option("--full-on", help="When products make a full; never: only the first time."),
    ] = FullOn.SUNDAY,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="The first day; today if left out."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DAY|DATE",
            help="Show the points of this day; the first difference if left out.",
        ),
    ] = None,
) -> None:
    """Show which restore points of a policy exist on which day, by each product's arithmetic.

    Every run of the schedule makes a point; without a schedule there is one a day, at 22:00 UTC.
    A day is looked at when it ends. Needs no connection.
    """
    session: Session = context.obj
    spec = session.estate.policy(policy).spec
    if spec.retention is None:
        session.output.facts("RetentionSimulation", {"policy": policy, "arithmetics": []})
        session.output.say(f"policy {policy} has no retention: points stay until deleted by hand")
        return
    chosen = _chosen(session.host.retention_arithmetics, vendor)
    zone = ZoneInfo(spec.schedule.timezone if spec.schedule else "UTC")
    first = _date(begin) if begin else datetime.now(UTC).astimezone(zone).date()
    weekday = None if full_on is FullOn.NEVER else Weekday(full_on.value)
    made = timeline(spec.schedule, first, days, full_on=weekday)
    results = [simulate(spec.retention, made, arithmetic) for arithmetic in chosen]
    if session.output.is_document:
        about = {"policy": policy, "from": first.isoformat(), "days": days}
        rest = {"timezone": made.zone, "fullOn": full_on.value, **simulation_facts(results)}
        session.output.facts("RetentionSimulation", {**about, **rest})
        return
    _show(session.output, results, _day(on, made))


def _chosen(
    known: Mapping[str, RetentionArithmetic], names: Sequence[str] | None
) -> list[RetentionArithmetic]:
    """Return the arithmetics asked for, `exact` first; all when none was named."""
    for name in names or ():
        if name not in known:
            msg = f"there is no retention arithmetic {name!r}"
            raise UnknownNameError(msg, hint=did_you_mean(name, known))
    wanted = dict.fromkeys([EXACT.name, *(names or sorted(known))])
    return [known[name] for name in wanted]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no date"
        raise UsageError(msg, hint="Write a day as 2027-03-28.") from None


def _day(text: str | None, made: Timeline) -> int | None:
    """Return the number of a day given as number or date; None when none was given."""
    if text is None:
        return None
    first, count = made.days[0].date, len(made.days)
    number = int(text) if text.isdecimal() else (_date(text) - first).days + 1
    if not 1 <= number <= count:
        msg = f"day {text} is not among those simulated"
        raise UsageError(msg, hint=f"They are 1 to {count}: {first} to {made.days[-1].date}.")
    return number


def _show(output: Output, results: Sequence[Simulation], day: int | None) -> None:
    summary = [summary_line(each) for each in results]
    title = "numbers since the first point went"
    output.rows("RetentionSummary", summary, SUMMARY_COLUMNS, title=title)
    if not output.is_table:
        return
    losses = loss_lines(results)
    if losses:
        output.rows("RetentionLosses", losses, LOSS_COLUMNS, title="what is not exact")
    rows = []
    for each in results:
        lines = stretch_lines(each)
        rows += lines[:_STRETCHES_SHOWN]
        if len(lines) > _STRETCHES_SHOWN:
            more = len(lines) - _STRETCHES_SHOWN
            output.say(f"{each.name}: {more} more stretches of days; -o json has them all")
    output.rows("RetentionStretches", rows, STRETCH_COLUMNS, title="how the days go")
    if len(results) > 1:
        differences = difference_lines(results)
        title = "where they part"
        output.rows("RetentionDifferences", differences, DIFFERENCE_COLUMNS, title=title)
    _show_day(output, results, day or _first_parting(results))


def _first_parting(results: Sequence[Simulation]) -> int:
    """Return the first day on which any two differ; the last day when none do."""
    found = (first_difference(results[0], each) for each in results[1:])
    last = results[0].states[-1].day.number
    return min((each.day.number for each in found if each), default=last)


def _show_day(output: Output, results: Sequence[Simulation], day: int) -> None:
    date_of = results[0].states[day - 1].day.date
    title = f"the points of day {day}, {date_of:%a %Y-%m-%d}"
    output.rows("RetentionDay", day_lines(results, day), day_columns(results), title=title)
