"""Running backup jobs: checkpoint, copy, release, restore point, retention."""

from __future__ import annotations

from safepoint_lab.veeam.backup.retention import Retention
from safepoint_lab.veeam.backup.runner import Runner

__all__ = ["Retention", "Runner"]
