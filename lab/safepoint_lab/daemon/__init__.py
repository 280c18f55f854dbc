"""The running lab: in this process (`Lab`), or as a server of its own (`LabClient`)."""

from __future__ import annotations

from safepoint_lab.daemon.client import LabClient
from safepoint_lab.daemon.config import LabConfig
from safepoint_lab.daemon.lab import Lab

__all__ = ["Lab", "LabClient", "LabConfig"]
