"""The same estate through Commvault: agents on every node, a run proved, a VM compared."""

from __future__ import annotations

from safepoint_lab.demo.product_play import ProductPlay
from safepoint_lab.demo.stage import Act

__all__ = ["COMMVAULT_ACT"]

_PLAY = ProductPlay(
    connection="commvault",
    title="Commvault",
    applied=(
        "the agent on every node, credential, cluster with all nodes as access nodes, plan, "
        "VM group"
    ),
)

COMMVAULT_ACT = Act(name="commvault", product="commvault", play=_PLAY)
"""For the list of acts."""
