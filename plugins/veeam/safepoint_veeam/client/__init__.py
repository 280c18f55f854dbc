"""The typed client of the REST API, usable without the rest of safepoint."""

from __future__ import annotations

from safepoint_veeam.client.client import VeeamClient

__all__ = ["VeeamClient"]
