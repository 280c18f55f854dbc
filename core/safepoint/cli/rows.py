"""Neutral objects as rows: the same facts for tables and for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from safepoint.cli.output import Column
from safepoint.models.runs import Run, Task
from safepoint.models.sizes import size_text

__all__ = [
    "RUN_COLUMNS",
    "TASK_COLUMNS",
    "local_time",
    "rough_text",
    "run_facts",
    "run_line",
    "seconds_text",
    "task_line",
]

TASK_COLUMNS: Final = (
    Column("vm", "VM"),
    Column("state", "STATE"),
    Column("consistency", "CONSISTENCY"),
    Column("size", "SIZE", right=True),
    Column("copied", "COPIED", right=True),
    Column("stored", "STORED", right=True),
    Column("held", "HELD", right=True),
    Column("merged", "MERGED"),
    Column("point", "RESTORE POINT"),
    Column("verified", "VERIFIED"),
    Column("reason", "REASON"),
)

RUN_COLUMNS: Final = (
    Column("id", "RUN"),
    Column("job", "JOB"),
    Column("state", "STATE"),
    Column("started", "STARTED"),
    Column("took", "TOOK", right=True),
    Column("vms", "VMS", right=True),
    Column("failed", "FAILED", right=True),
    Column("connection", "CONNECTION"),
    Column("begun_by", "BEGUN BY"),
)


def seconds_text(seconds: float | None) -> str:
    """Return seconds as people read them; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def rough_text(seconds: float | None) -> str:
    """Return an estimated span in one unit, rounded down; nothing for None."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds // 60)} min"


def local_time(moment: datetime | None) -> str:
    """Return a time in this machine's zone, with the zone; nothing for None."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if moment else ""


def task_line(task: Task) -> dict[str, Any]:
    """Return one VM of a run as a person reads it."""
    released = {True: "yes", False: "NO", None: ""}[task.is_released]
    return {
        "vm": task.workload_name,
        "state": task.state.value,
        "consistency": task.consistency,
        "size": size_text(task.size_bytes) if task.size_bytes else "",
        "copied": size_text(task.read_bytes) if task.read_bytes else "",
        "stored": size_text(task.stored_bytes) if task.stored_bytes else "",
        "held": seconds_text(task.held_seconds),
        "merged": released,
        "point": task.point.id if task.point else "",
        "verified": task.is_verified or "",
        "reason": task.error["message"] if task.error else "; ".join(task.warnings),
    }


def run_facts(run: Run) -> dict[str, Any]:
    """Return a run with its VMs, JSON-ready."""
    return run.model_dump(mode="json")


def run_line(run: Run) -> dict[str, Any]:
    """Return a run as a person reads it in a list."""
    took = None
    if run.started_at and run.ended_at:
        took = (run.ended_at - run.started_at).total_seconds()
    return {
        "id": run.id,
        "job": run.job,
        "state": run.state.value,
        "started": local_time(run.started_at),
        "took": seconds_text(took),
        "vms": len(run.tasks) or "",
        "failed": sum(1 for task in run.tasks if task.error is not None),
        "connection": run.connection,
    }
