"""The acts that follow the story, in their order."""

from __future__ import annotations

from safepoint_lab.demo.act_commvault import COMMVAULT_ACT
from safepoint_lab.demo.act_replica import REPLICA_ACT
from safepoint_lab.demo.act_veeam import VEEAM_ACT
from safepoint_lab.demo.stage import Act

__all__ = ["ACTS"]

#: Every further act.
ACTS: tuple[Act, ...] = (VEEAM_ACT, COMMVAULT_ACT, REPLICA_ACT)
