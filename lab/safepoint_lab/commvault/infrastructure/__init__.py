"""Clients and their agents, installing software, hypervisors and their access nodes."""

from __future__ import annotations

from safepoint_lab.commvault.infrastructure.clients import ClientDesk
from safepoint_lab.commvault.infrastructure.hypervisors import HypervisorDesk, HypervisorWish
from safepoint_lab.commvault.infrastructure.installing import Installer, InstallWish

__all__ = ["ClientDesk", "HypervisorDesk", "HypervisorWish", "InstallWish", "Installer"]
