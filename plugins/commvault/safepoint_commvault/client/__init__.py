"""The typed client of the web service, usable without the rest of safepoint."""

from __future__ import annotations

from safepoint_commvault.client.client import CommvaultClient

__all__ = ["CommvaultClient"]
