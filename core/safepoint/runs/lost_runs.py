"""Finding the run that a start without an answer became."""

from __future__ import annotations

from collections.abc import Collection

from safepoint.errors import OutcomeUnknownError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunQuery
from safepoint.runs.following import Tools

__all__ = ["find_lost"]

_LOOK_BACK = 20


def find_lost(tools: Tools, job: str, before: Collection[Ref]) -> Ref | None:
    """Return the job's run that was not there before, or None when none came.

    The request may still be on its way, so this looks for a while.

    Raises:
        OutcomeUnknownError: several are new; which one is ours cannot be told.
    """

    def look() -> list[Run] | None:
        listed = tools.product.runs(RunQuery(job=job, limit=_LOOK_BACK))
        return [run for run in listed if run.ref is not None and run.ref not in before] or None

    new = tools.waiter.until(look, deadline_seconds=tools.deadlines.product_start_seconds)
    if new is None:
        return None
    if len(new) > 1:
        ids = ", ".join(run.id for run in new)
        msg = f"several runs of job {job!r} began on {tools.connection!r} since: {ids}"
        hint = "Look into the product; `safepoint run --follow` joins the one that still runs."
        raise OutcomeUnknownError(msg, hint=hint, operation="start_run", system=tools.connection)
    return new[0].ref
