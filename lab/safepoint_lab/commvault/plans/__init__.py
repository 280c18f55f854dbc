"""Server plans: schedule, copy and retention."""

from __future__ import annotations

from safepoint_lab.commvault.plans.desk import POOL_ID, POOL_NAME, PlanDesk, PlanWish, plan_meant
from safepoint_lab.commvault.plans.schedules import changed

__all__ = ["POOL_ID", "POOL_NAME", "PlanDesk", "PlanWish", "changed", "plan_meant"]
