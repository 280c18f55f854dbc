"""`safepoint schedule`: when the runs of a job start, also where clocks change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from safepoint.cli.output import Column, Output
from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.models.jobs import ProtectionJob
from safepoint.models.policies import Schedule
from safepoint.schedules import (
    ClockChange,
    Deviation,
    Occurrence,
    ScheduleDialect,
    clock_changes,
    departure,
    deviations,
    first_instant,
    next_runs,
)

__all__ = ["add", "moment_in"]

app = typer.Typer(help="Schedules: when runs start.", no_args_is_help=True)

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_DEFAULT_COUNT = 10
#: What `--across` shows to both sides of the day.
_MARGIN_DAYS = 1
_RUN_COLUMNS = (
    Column("starts", "STARTS"),
    Column("utc", "UTC"),
    Column("rules", "BY"),
    Column("note", "CLOCK CHANGE"),
    Column("elsewhere", "ELSEWHERE"),
)
_PRODUCT_COLUMNS = (
    Column("product", "PRODUCT"),
    Column("deviation", "DEVIATION"),
    Column("grade", "GRADE"),
    Column("evidence", "EVIDENCE"),
)


@dataclass(frozen=True)
class _Preview:
    job: ProtectionJob
    driver: str
    schedule: Schedule | None = None
    runs: Sequence[Occurrence] = ()
    changes: Sequence[ClockChange] = ()
    dialects: Sequence[ScheduleDialect] = ()
    """That of the job's own product first."""


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="schedule")


@app.command("preview")
def preview(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A ProtectionJob of the estate.")],
    across: Annotated[
        str | None,
        typer.Option(
            metavar="DATE|next",
            help="The runs around a day (YYYY-MM-DD), or around the next change of the clock.",
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many runs; 10 by default.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3660, help="The runs of N days.")] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="From here (YYYY-MM-DD[THH:MM]), not now."),
    ] = None,
) -> None:
    """Show when the runs of a job start, and where products deviate from that.

    Every wall-clock time happens once: one that the clock skips when the gap ends, one that
    comes twice the first time. Needs no connection.
    """
    session: Session = context.obj
    document = session.estate.job(job)
    wanted = session.estate.policy(document.spec.policy).spec.schedule
    own = session.estate.connection(document.spec.connection).spec.driver
    if wanted is None:
        _show(session.output, _Preview(document, own))
        return
    zone = ZoneInfo(wanted.timezone)
    after = moment_in(zone, begin) if begin else datetime.now(UTC)
    until = _days_later(after, days, zone) if days else None
    if across:
        after, until = _around(across, zone, after)
    if until is None:
        count = count or _DEFAULT_COUNT
    # One instant earlier, so that a run at the very begin is shown.
    runs = list(next_runs(wanted, after - _INSTANT, count=count, until=until))
    end = until or (runs[-1].at if runs else after)
    changes = list(clock_changes(zone, after, end))
    dialects = _dialects(own, session.host.schedule_dialects)
    _show(session.output, _Preview(document, own, wanted, runs, changes, dialects))


def moment_in(zone: ZoneInfo, text: str) -> datetime:
    """Return the instant of a date or a time in a zone; a time may bring its own offset.

    Raises:
        UsageError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no date or time"
        raise UsageError(msg, hint="Write 2027-03-28 or 2027-03-28T02:30.") from None
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    return first_instant(found, zone)[0]


def _around(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the begin and end of the days around a date or the next change of the clock."""
    if text == "next":
        change = next(clock_changes(zone, now, now + 800 * _DAY), None)
        if change is None:
            msg = f"no change of the clock is known for {zone} in the next two years"
            raise UsageError(msg, hint="Give a date: --across 2027-03-28.")
        day = change.at.astimezone(zone).date()
    else:
        day = moment_in(zone, text).astimezone(zone).date()
    first, last = day - _MARGIN_DAYS * _DAY, day + (_MARGIN_DAYS + 1) * _DAY
    return _midnight(first, zone), _midnight(last, zone) - _INSTANT


def _days_later(after: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the last instant of that many days of the calendar."""
    wall = after.astimezone(zone).replace(tzinfo=None)
    return first_instant(wall + days * _DAY, zone)[0] - _INSTANT


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return first_instant(datetime.combine(day, time()), zone)[0]


def _show(output: Output, seen: _Preview) -> None:
    facts = [_run_facts(run, seen.dialects) for run in seen.runs]
    products = [_product_facts(seen, dialect) for dialect in seen.dialects]
    if output.is_document:
        clock = [_change_facts(change) for change in seen.changes]
        rest = {"runs": facts, "clockChanges": clock, "products": products}
        output.facts("SchedulePreview", {**_about(seen), **rest})
        return
    lines = [_run_line(run, fact) for run, fact in zip(seen.runs, facts, strict=True)]
    about = _about(seen)
    title = f"{about['job']}, policy {about['policy']}, zone {about['timezone']}"
    output.rows("SchedulePreview", lines, _RUN_COLUMNS, empty=_reason(seen), title=title)
    if output.is_table and products:
        for change in seen.changes:
            output.say(_change_line(change))
        rows = [row for product in products for row in _product_lines(product)]
        output.rows("ScheduleDeviations", rows, _PRODUCT_COLUMNS, title="where products deviate")


def _reason(seen: _Preview) -> str:
    """Return why there is no run to show."""
    if seen.schedule is None:
        return f"policy {seen.job.spec.policy} has no schedule: its jobs start on command only"
    return "nothing starts then; the rules name no time, or the window holds none of theirs"


def _about(seen: _Preview) -> dict[str, Any]:
    spec = seen.job.spec
    return {
        "job": seen.job.name,
        "policy": spec.policy,
        "connection": spec.connection,
        "driver": seen.driver,
        "timezone": seen.schedule.timezone if seen.schedule else None,
    }


def _dialects(own: str, known: Mapping[str, ScheduleDialect]) -> list[ScheduleDialect]:
    """Return what is known of products, that of the job's own connection first."""
    silent = ScheduleDialect(own, own, ())  # its plugin says nothing: nothing is promised
    rest = [known[name] for name in sorted(known) if name != own]
    return [known.get(own, silent), *rest]


def _run_facts(run: Occurrence, dialects: Sequence[ScheduleDialect]) -> dict[str, Any]:
    return {
        "at": f"{run.at:%Y-%m-%dT%H:%M:%SZ}",
        "local": run.local.isoformat(),
        "fold": run.fold,
        "wanted": [wall.isoformat() for wall in run.wanted],
        "rules": [rule.value for rule in run.reasons],
        "adjustment": run.adjustment.value if run.adjustment else None,
        "note": run.note,
        "departures": {d.name: text for d in dialects if (text := departure(run, d))},
    }


def _run_line(run: Occurrence, facts: dict[str, Any]) -> dict[str, Any]:
    departures: dict[str, str] = facts["departures"]
    return {
        "starts": f"{run.local:%a %Y-%m-%d %H:%M %Z}",
        "utc": f"{run.at:%Y-%m-%d %H:%M}",
        "rules": facts["rules"],
        "note": run.note,
        "elsewhere": "; ".join(f"{name} {text}" for name, text in departures.items()),
    }


def _change_facts(change: ClockChange) -> dict[str, Any]:
    return {
        "at": f"{change.at:%Y-%m-%dT%H:%M:%SZ}",
        "from": change.from_wall.isoformat(),
        "to": change.to_wall.isoformat(),
        "shiftSeconds": int(change.shift.total_seconds()),
    }


def _change_line(change: ClockChange) -> str:
    way = "forward" if change.shift > timedelta() else "back"
    return (
        f"the clock goes {way} on {change.from_wall:%a %Y-%m-%d}: "
        f"{change.from_wall:%H:%M} becomes {change.to_wall:%H:%M}"
    )


def _product_facts(seen: _Preview, dialect: ScheduleDialect) -> dict[str, Any]:
    return {
        "name": dialect.name,
        "title": dialect.title,
        "isJobs": dialect.name == seen.driver,
        "deviations": [
            {
                "behaviour": found.behaviour.value,
                "text": found.text,
                "grade": found.grade.value,
                "evidence": found.evidence,
            }
            for found in _deviations(seen, dialect)
        ],
    }


def _deviations(seen: _Preview, dialect: ScheduleDialect) -> tuple[Deviation, ...]:
    return deviations(seen.schedule, seen.runs, dialect) if seen.schedule else ()


def _product_lines(facts: dict[str, Any]) -> list[dict[str, Any]]:
    name = f"{facts['title']} (this job)" if facts["isJobs"] else facts["title"]
    found = [
        {"product": name, "deviation": d["text"], "grade": d["grade"], "evidence": d["evidence"]}
        for d in facts["deviations"]
    ]
    return found or [{"product": name, "deviation": "none: as previewed"}]
