"""Hyper-V backup jobs: what they may say, how revisions spell it, when they run next."""

from __future__ import annotations

from safepoint_lab.veeam.jobs.desk import JobDesk

__all__ = ["JobDesk"]
