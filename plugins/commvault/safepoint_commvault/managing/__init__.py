"""Declared objects of Commvault, in the order in which they need one another.

::

    vsa/CLUSTER          the Virtual Server Agent on every node: software, owned by no estate
    credential/NAME      the account by which the CommServe reaches the clusters
    hypervisor/CLUSTER   the cluster, with all its nodes as access nodes
    plan/POLICY          schedule, storage, retention
    job/JOB              a VM group: content, filters, consistency

The first two of a translation are about machines, the rest about objects of the CommServe. A
node that joins the cluster differs in two places: it lacks the agent, and it is no access node.
"""

from __future__ import annotations
