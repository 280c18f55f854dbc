"""How work tells what it is doing, to whoever wants to show it."""

from __future__ import annotations

from typing import Protocol

from safepoint.models.restore_points import CopyProgress
from safepoint.models.runs import Task

__all__ = ["ProgressSink", "Silent"]


class ProgressSink(Protocol):
    """Gets told; must return quickly and is called from several threads."""

    def task_changed(self, task: Task, /) -> None:
        """A VM in a run entered another phase or state."""

    def bytes_done(self, task: Task, progress: CopyProgress, /) -> None:
        """Bytes were copied or verified for a VM."""

    def remark(self, task: Task, text: str, /) -> None:
        """Something worth a line happened."""


class Silent:
    """Shows nothing."""

    def task_changed(self, task: Task, /) -> None:
        """Ignore."""

    def bytes_done(self, task: Task, progress: CopyProgress, /) -> None:
        """Ignore."""

    def remark(self, task: Task, text: str, /) -> None:
        """Ignore."""
