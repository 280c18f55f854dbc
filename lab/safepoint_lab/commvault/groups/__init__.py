"""VM groups: rules of their content, filters, and which VMs they mean now."""

from __future__ import annotations

from safepoint_lab.commvault.groups.desk import GroupDesk, GroupWish
from safepoint_lab.commvault.groups.resolving import Resolver

__all__ = ["GroupDesk", "GroupWish", "Resolver"]
