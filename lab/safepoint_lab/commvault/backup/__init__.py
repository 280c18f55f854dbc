"""Backup jobs: proxies, checkpoint, copy, release, reference point, restore points, aging."""

from __future__ import annotations

from safepoint_lab.commvault.backup.aging import Aging
from safepoint_lab.commvault.backup.points import Points
from safepoint_lab.commvault.backup.runner import BackupRunner, BackupWish
from safepoint_lab.commvault.backup.workshop import Workshop

__all__ = ["Aging", "BackupRunner", "BackupWish", "Points", "Workshop"]
