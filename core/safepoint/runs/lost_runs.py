"""Finding the run that a start without an answer became."""

from __future__ import annotations

from collections.abc import Collection

from safepoint.errors import OutcomeUnknownError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunQuery
from safepoint.runs.following import Tools

__all__ = ["find_lost", "runs_before"]

#: How many of the job's runs are looked at to tell a new one; a job does not run in parallel.
_LOOK_BACK = 20


def runs_before(tools: Tools, job: str) -> tuple[Ref, ...]:
    """Return the job's last runs: what `find_lost` tells a new one from."""
    return tuple(_last(tools, job))


def find_lost(tools: Tools, job: str, before: Collection[Ref]) -> Ref | None:
    """Return the job's run that was not there before, or None when none came.

    The request may still be on its way, so this looks for a while.

    Raises:
        OutcomeUnknownError: several are new; which one is ours cannot be told.
    """

    def look() -> dict[Ref, Run] | None:
        return {ref: run for ref, run in _last(tools, job).items() if ref not in before} or None

    new = tools.waiter.until(look, deadline_seconds=tools.deadlines.product_start_seconds)
    if new is None:
        return None
    if len(new) > 1:
        ids = ", ".join(run.id for run in new.values())
        msg = f"several runs of job {job!r} began on {tools.connection!r} since: {ids}"
        hint = "Look into the product; `safepoint run --follow` joins the one that still runs."
        raise OutcomeUnknownError(msg, hint=hint, operation="start_run", system=tools.connection)
    return next(iter(new))


def _last(tools: Tools, job: str) -> dict[Ref, Run]:
    query = RunQuery(job=job, limit=_LOOK_BACK)
    return {run.ref: run for run in tools.product.runs(query) if run.ref is not None}
