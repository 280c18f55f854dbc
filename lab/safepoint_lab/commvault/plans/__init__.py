"""Server plans: schedule, copy and retention."""

from __future__ import annotations

from safepoint_lab.commvault.plans.desk import POOL_ID, POOL_NAME, PlanDesk, PlanWish

__all__ = ["POOL_ID", "POOL_NAME", "PlanDesk", "PlanWish"]
