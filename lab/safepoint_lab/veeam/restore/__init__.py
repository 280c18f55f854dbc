"""Bringing VMs back: entire-VM restore and instant recovery."""

from __future__ import annotations

from safepoint_lab.veeam.restore.entire import EntireRestore
from safepoint_lab.veeam.restore.instant import InstantRecovery

__all__ = ["EntireRestore", "InstantRecovery"]
