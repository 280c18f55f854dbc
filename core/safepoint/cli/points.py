"""Restore points of every connection together, checked against what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from safepoint.cli.failures import Failures, not_asked
from safepoint.cli.session import Session
from safepoint.errors import SafepointError, UnknownNameError
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.store import PointRow

__all__ = ["Found", "all_points", "find_point", "latest_point"]


@dataclass(frozen=True)
class Found:
    """A restore point, where it is, and what is wrong with it."""

    point: RestorePoint
    connection: str
    verified_at: datetime | None
    problem: str = ""
    is_readable: bool = True
    """False when its repository itself says that it is damaged or gone."""


def all_points(
    session: Session,
    failures: Failures,
    *,
    connections: Sequence[str] | None = None,
    vm: str | None = None,
) -> Iterator[Found]:
    """Yield the restore points of the connections, oldest first within each.

    A point that was recorded and is not there any more is yielded with that problem. What
    products keep is theirs to age, and nothing of it is recorded. A connection that cannot be
    asked is added to `failures`, and hides no other.
    """
    for name in connections or tuple(session.estate.connections):
        try:
            yield from _points_of(session, name, vm)
        except SafepointError as error:
            failures.append((name, error))


def _points_of(session: Session, name: str, vm: str | None) -> tuple[Found, ...]:
    found = []
    recorded = {row.point.ref: row for row in session.store.points.list(name)}
    present = set()
    for point in session.driver(name).restore_points(RestorePointQuery()):
        present.add(point.ref)
        row = recorded.get(point.ref)
        known = _as_recorded(point, row)
        if _is_of(known, vm):
            found.append(
                Found(
                    known,
                    name,
                    row.verified_at if row else None,
                    _problem(point, row),
                    is_readable=not point.is_damaged,
                )
            )
    for ref, row in recorded.items():
        if ref not in present and _is_of(row.point, vm):
            missing = "missing from its repository"
            found.append(Found(row.point, name, row.verified_at, missing, is_readable=False))
    return tuple(found)


def _problem(point: RestorePoint, row: PointRow | None) -> str:
    """Return what is wrong: what the repository says now, else what the last reading found."""
    if point.is_damaged:
        return point.detail or "damaged"
    return row.point.detail if row is not None and row.point.is_damaged else ""


def find_point(session: Session, wanted: str) -> Found:
    """Return the restore point with this id, or the only one whose id begins so.

    Raises:
        UnknownNameError: none or more than one; a connection that could not be asked is named.
    """
    failures: Failures = []
    everything = list(all_points(session, failures))
    hits = [f for f in everything if f.point.ref.id == wanted] or [
        f for f in everything if f.point.ref.id.startswith(wanted)
    ]
    if len(hits) != 1:
        what = "more than one restore point begins" if hits else "no restore point begins"
        msg = f"{what} with {wanted!r}"
        hint = f"`safepoint points list` shows them.{not_asked(failures)}"
        raise UnknownNameError(msg, hint=hint)
    return hits[0]


def latest_point(session: Session, vm: str) -> Found:
    """Return the newest sound restore point of the VM with this name.

    A connection that could not be asked is warned of: it may have a newer one.

    Raises:
        UnknownNameError: there is none.
    """
    failures: Failures = []
    good = [f for f in all_points(session, failures, vm=vm) if not f.problem]
    if not good:
        msg = f"there is no sound restore point of a VM called {vm!r}"
        hint = f"`safepoint points list` shows what there is.{not_asked(failures)}"
        raise UnknownNameError(msg, hint=hint)
    for name, error in failures:
        session.output.warn(f"{name!r} may have a newer restore point: {error.message}")
    return max(good, key=lambda each: each.point.created_at)


def _as_recorded(point: RestorePoint, row: PointRow | None) -> RestorePoint:
    """Give a damaged point back what its own files cannot tell any more, such as the VM's name."""
    if row is None or not point.is_damaged:
        return point
    return row.point.model_copy(update={"is_damaged": True, "detail": point.detail})


def _is_of(point: RestorePoint, vm: str | None) -> bool:
    return vm is None or vm.casefold() in {
        point.workload_name.casefold(),
        point.workload.id.casefold(),
    }
