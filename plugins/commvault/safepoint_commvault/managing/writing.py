"""Carrying out one change: which writer does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from safepoint.errors import InvalidRequestError, NotFoundError
from safepoint.models.plans import Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint.models.systems import ClusterInfo
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.credentials import CredentialKind
from safepoint_commvault.managing.hypervisors import HypervisorKind
from safepoint_commvault.managing.installing import Installing
from safepoint_commvault.managing.kind import Kind
from safepoint_commvault.managing.naming import Names
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.managing.server_plans import PlanKind
from safepoint_commvault.managing.vm_groups import VmGroupKind

__all__ = ["Writer"]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one connection."""

    client: CommvaultClient
    names: Names
    clusters: tuple[ClusterInfo, ...]
    observer: Observer

    @property
    def installing(self) -> Installing:
        """The writer of agents, whose changes take long."""
        return Installing(self.client, self.names, self.observer)

    def apply(self, change: Change) -> Resource | Ref | None:
        """Carry out a change; see `Kind.apply` and `Installing.apply`."""
        kind, _, name = change.address.partition("/")
        if kind == "vsa":
            return self.installing.apply(change, self._cluster(name))
        writers: Mapping[str, Kind] = {
            "credential": CredentialKind(self.client, self.names.settings, self.observer),
            "hypervisor": HypervisorKind(self.client, self.names, self.observer),
            "plan": PlanKind(self.client, self.observer),
            "job": VmGroupKind(self.client, self.observer),
        }
        if kind not in writers:
            msg = f"{change.address} is nothing that this driver writes"
            raise InvalidRequestError(msg, operation="apply")
        return writers[kind].apply(change)

    def _cluster(self, name: str) -> ClusterInfo:
        found = next((c for c in self.clusters if c.name == name), None)
        if found is None:
            msg = f"the connection {self.names.connection!r} does not use cluster {name!r}"
            raise NotFoundError(msg, operation="apply")
        return found
