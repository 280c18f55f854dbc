"""The documents of a lab with further sites: two VMs replicated along all of them, and a group."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from safepoint_lab.world.model import Cluster, Node

__all__ = ["replica_specs"]

_VMS: Final = 2
_NAME: Final = "second-site"


def replica_specs(
    sites: Sequence[Cluster], nodes: Mapping[str, Node], vms: Sequence[str], folder: Path
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return kind, name and spec of each document.

    Args:
        sites: Where the VMs run, where their replicas go, and where the third copies go.
        nodes: Every node by name.
        vms: The names of the VMs; the first two are replicated.
        folder: The lab's folder, for the check that a drill makes.
    """
    home, away, third = sites
    chosen = vms[:_VMS]
    replica = {
        "connection": "hyperv",
        "cluster": home.name,
        "include": [{"name": name} for name in chosen],
        "target": _receiver(away, nodes),
        "reverse": _receiver(home, nodes),
        "frequency": "30s",
        "recoveryPoints": {"additionalHours": 2},
        "networks": [{"testWith": "lab-test-switch"}],
        "extended": {"target": _receiver(third, nodes), "frequency": "5m"},
    }
    # The lab looks into a guest as its administrator would: 3 means that it is not sound.
    judge = [sys.executable, "-m", "safepoint", "lab", "guest", "{test_vm}", "judge"]
    group = {
        "members": [
            {"replica": _NAME, "vms": [name], "startOrder": order}
            for order, name in enumerate(chosen, start=1)
        ],
        "drill": {"bootWithin": "1m", "check": [*judge, "--dir", str(folder)]},
    }
    return [("Replica", _NAME, replica), ("ReplicaGroup", "shop", group)]


def _receiver(site: Cluster, nodes: Mapping[str, Node]) -> dict[str, Any]:
    return {
        "cluster": site.name,
        "server": site.broker or nodes[site.nodes[0]].hostname,
        "storage": site.shares[0].unc,
    }
