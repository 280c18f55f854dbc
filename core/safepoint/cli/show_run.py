"""Showing a run while it happens: a live table on a terminal, quiet lines elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.table import Table

from safepoint.cli.output import Output
from safepoint.models.restore_points import CopyProgress
from safepoint.models.runs import Phase, RunState, Task
from safepoint.models.sizes import size_text

__all__ = ["ShowRun"]

_STYLES = {
    RunState.SUCCEEDED: "green",
    RunState.WARNING: "yellow",
    RunState.FAILED: "red",
    RunState.CANCELLED: "yellow",
}


class ShowRun:
    """A progress sink for a person; also the context in which it may draw."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._bytes: dict[str, CopyProgress] = {}
        self._since: dict[str, tuple[Phase, float]] = {}
        is_drawn = output.messages.is_terminal
        self._live = (
            Live(console=output.messages, refresh_per_second=5, get_renderable=self._table)
            if is_drawn
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def task_changed(self, task: Task, /) -> None:
        """Take note; without a terminal say what is new in one line."""
        with self._lock:
            before = self._tasks.get(task.id)
            self._tasks[task.id] = task
            if before is None or before.phase is not task.phase:
                self._since[task.id] = (task.phase, time.monotonic())
                self._bytes.pop(task.id, None)
        if self._live is None:
            self._say_line(before, task)

    def bytes_done(self, task: Task, progress: CopyProgress, /) -> None:
        """Take note of the bytes."""
        with self._lock:
            self._bytes[task.id] = progress

    def remark(self, task: Task, text: str, /) -> None:
        """Say it."""
        self._output.say(f"{task.workload_name}: {text}")

    def _say_line(self, before: Task | None, task: Task) -> None:
        for warning in task.warnings[len(before.warnings) if before else 0 :]:
            self._output.warn(f"{task.workload_name}: {warning}")
        if task.ended_at is not None and (before is None or before.ended_at is None):
            self._output.say(f"{task.workload_name}: {_outcome(task)}")
        elif task.ended_at is None and (before is None or before.phase is not task.phase):
            self._output.say(f"{task.workload_name}: {task.phase}")
        elif task.ended_at is None and before is not None and _quarter(task) > _quarter(before):
            self._output.say(f"{task.workload_name}: {task.percent} %")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("VM", "NODE", "PHASE", "DONE", "SPEED"):
            table.add_column(heading, justify="right" if heading in {"DONE", "SPEED"} else "left")
        with self._lock:
            for key, task in self._tasks.items():
                style = _STYLES.get(task.state, "")
                phase = task.state.value if task.ended_at else task.phase.value
                table.add_row(
                    task.workload_name, task.node, phase, *self._figures(key), style=style
                )
        return table

    def _figures(self, key: str) -> tuple[str, str]:
        progress = self._bytes.get(key)
        if progress is None:
            percent = self._tasks[key].percent
            return (f"{percent} %" if percent is not None else ""), ""
        seconds = max(time.monotonic() - self._since[key][1], 0.001)
        total = progress.total_bytes
        done = f"{100 * progress.done_bytes // total} %" if total else ""
        return done, f"{progress.done_bytes / seconds / 1e6:.0f} MB/s"


def _outcome(task: Task) -> str:
    if task.error is not None:
        return f"{task.state}: {task.error['message']}"
    if not task.consistency:
        return f"{task.state}{_said(task)}"
    figures = f"{size_text(task.read_bytes)} copied, {size_text(task.stored_bytes)} stored"
    held = f", held {task.held_seconds:.1f} s" if task.held_seconds is not None else ""
    merged = ", merged" if task.is_released else ""
    return f"{task.state}: {task.consistency}-consistent, {figures}{held}{merged}"


def _said(task: Task) -> str:
    """Return what a product says of a VM, for runs that are not our own."""
    word = task.native_state if task.native_state.casefold() != task.state.value else ""
    return "".join(f": {text}" for text in (word, task.message) if text)


def _quarter(task: Task) -> int:
    """Return how many quarters are done; lines for a log, not for every step."""
    return (task.percent or 0) // 25
