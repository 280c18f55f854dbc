"""Addresses of resources and names of objects, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from safepoint_commvault.settings import CommvaultSettings
from safepoint_commvault.wire.objects import ClientNode, IdName, same_machine

__all__ = ["Names", "is_hyperv", "node_name"]

_HYPERV_VENDORS: Final = frozenset({"hyper-v", "hyperv", "microsoft", "2", "102"})


def is_hyperv(vendor: str) -> bool:
    """Tell Hyper-V by any of its spellings: words in V4, two numbers in the legacy dialect."""
    return vendor.casefold() in _HYPERV_VENDORS


@dataclass(frozen=True, slots=True)
class Names:
    """How things of one connection are called."""

    connection: str
    settings: CommvaultSettings

    @property
    def credential(self) -> str:
        """The stored credential."""
        return self.settings.credential or f"safepoint-{self.connection}"

    def cluster_of(self, hypervisor: str, clusters: Iterable[str]) -> str | None:
        """Return the cluster that a hypervisor of that name stands for."""
        return next((c for c in clusters if c.casefold() == hypervisor.casefold()), None)


def node_name(access_node: IdName | ClientNode, nodes: Iterable[str]) -> str:
    """Return the cluster's own name of an access node; the product's when it is no node."""
    return next((n for n in nodes if same_machine(n, access_node.name)), access_node.name)
