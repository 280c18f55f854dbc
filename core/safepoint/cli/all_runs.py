"""Runs of safepoint and of the products together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from safepoint.cli.failures import Failures, not_asked
from safepoint.cli.products import products
from safepoint.cli.session import Session
from safepoint.drivers import CanRunJobs
from safepoint.errors import DriverError, SafepointError, UnknownNameError
from safepoint.models.runs import Run, RunQuery

__all__ = ["Gathered", "KnownRun", "all_runs", "find_run"]


@dataclass(frozen=True)
class KnownRun:
    """A run and who began it."""

    run: Run
    is_ours: bool
    """False when the product's schedule, or a person in its console, began it."""

    @property
    def begun_by(self) -> str:
        """Who began it, in a word."""
        return "safepoint" if self.is_ours else "product"


@dataclass
class Gathered:
    """What was found, and which connections could not be asked."""

    runs: list[KnownRun] = field(default_factory=list)
    failures: Failures = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or that of a failed call when a connection is missing from the list."""
        return DriverError.exit_code if self.failures else 0


def all_runs(session: Session, query: RunQuery) -> Gathered:
    """Return the journal's runs and those that products began by themselves, newest first.

    A run that a product carries out for us is listed once, as ours. A connection that cannot be
    asked is named in `failures`; the others are listed all the same.
    """
    ours = session.store.runs.list(job=query.job, limit=query.limit)
    found = Gathered([KnownRun(run, is_ours=True) for run in ours])
    known = session.store.product_runs.natives()
    for name, product in _products(session):
        if isinstance(product, SafepointError):
            found.failures.append((name, product))
            continue
        try:
            listed = list(product.runs(query))
        except SafepointError as error:
            found.failures.append((name, error))
            continue
        found.runs += [KnownRun(run, is_ours=False) for run in listed if run.ref not in known]
    found.runs.sort(key=lambda one: one.run.requested_at, reverse=True)
    del found.runs[query.limit :]
    return found


def find_run(session: Session, wanted: str) -> KnownRun:
    """Return the run with this id or beginning: ours, else one that a product began.

    Raises:
        UnknownNameError: none or several; a product that could not be asked is named.
    """
    try:
        return KnownRun(session.store.runs.get(wanted), is_ours=True)
    except UnknownNameError as error:
        gathered = all_runs(session, RunQuery(limit=200))
        theirs = [one for one in gathered.runs if not one.is_ours]
        hits = [one for one in theirs if one.run.id == wanted] or [
            one for one in theirs if one.run.id.startswith(wanted)
        ]
        if len(hits) == 1:
            return hits[0]
        hint = f"{error.hint}{not_asked(gathered.failures)}"
        raise UnknownNameError(error.message, hint=hint) from error


def _products(session: Session) -> Iterable[tuple[str, CanRunJobs | SafepointError]]:
    """Yield the products of the estate; none where there is no estate, as in a fresh folder."""
    if not any(Path(path).exists() for path in session.estate_paths):
        return ()
    return products(session)
