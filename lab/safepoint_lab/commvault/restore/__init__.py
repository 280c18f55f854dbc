"""Bringing VMs back: in place, elsewhere, or only their disks."""

from __future__ import annotations

from safepoint_lab.commvault.restore.runner import RestoreRunner
from safepoint_lab.commvault.restore.wishes import RestoreWish, VmRestore

__all__ = ["RestoreRunner", "RestoreWish", "VmRestore"]
