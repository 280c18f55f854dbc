"""The same estate through Veeam: components on every node, a job, a run proved, a VM compared."""

from __future__ import annotations

from safepoint_lab.demo.product_play import ProductPlay
from safepoint_lab.demo.stage import Act

__all__ = ["VEEAM_ACT"]

_PLAY = ProductPlay(
    connection="veeam",
    title="Veeam",
    applied="account, cluster, components on every node, job",
)

VEEAM_ACT = Act(name="veeam", product="veeam", play=_PLAY)
"""For the list of acts."""
