"""Managed servers: registering hosts, deploying components, browsing what they hold."""

from __future__ import annotations

from safepoint_lab.veeam.infrastructure.deployment import COMPONENTS
from safepoint_lab.veeam.infrastructure.inventory import Inventory
from safepoint_lab.veeam.infrastructure.registering import Registration

__all__ = ["COMPONENTS", "Inventory", "Registration"]
