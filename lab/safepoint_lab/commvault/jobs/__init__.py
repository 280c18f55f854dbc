"""Jobs: opening, following, stopping and ending them."""

from __future__ import annotations

from safepoint_lab.commvault.jobs.desk import JobDesk
from safepoint_lab.commvault.jobs.wishes import Stopped, Wishes

__all__ = ["JobDesk", "Stopped", "Wishes"]
