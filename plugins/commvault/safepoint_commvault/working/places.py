"""Which registered hypervisors stand for the clusters of the estate, and whose jobs are whose."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint.errors import NotFoundError
from safepoint.models.resources import Marker
from safepoint.models.systems import ClusterInfo
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.naming import Names, is_hyperv, node_name
from safepoint_commvault.wire.objects import IdName
from safepoint_commvault.wire.work import VmGroup

__all__ = ["Place", "Places"]


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster and the hypervisor that stands for it."""

    cluster: ClusterInfo
    id: str
    name: str

    def node(self, name: str | None) -> str:
        """Return the cluster's own name of a host."""
        if not name:
            return ""
        return node_name(IdName(name=name), (node.name for node in self.cluster.nodes))


@dataclass(frozen=True, slots=True)
class Places:
    """Looks them up; nothing is remembered, since they may be registered at any moment."""

    client: CommvaultClient
    names: Names
    clusters: tuple[ClusterInfo, ...]

    def all(self) -> list[Place]:
        """Return every cluster of the estate that is registered."""
        known = {cluster.name: cluster for cluster in self.clusters}
        found: list[Place] = []
        for row in self.client.hypervisors.all():
            name = self.names.cluster_of(row.name, known)
            if name is not None and is_hyperv(row.vendor):
                found.append(Place(known[name], row.id, row.name))
        return found

    def of(self, cluster: str) -> Place:
        """Return one.

        Raises:
            NotFoundError: it is not registered, or not of this connection.
        """
        found = next((one for one in self.all() if one.cluster.name == cluster), None)
        if found is not None:
            return found
        known = any(one.name == cluster for one in self.clusters)
        what = "is not registered there" if known else "is none of this connection"
        msg = f"{self.client.system}: cluster {cluster!r} {what}"
        hint = "`safepoint apply` registers it." if known else ""
        raise NotFoundError(msg, hint=hint, system=self.names.connection)

    def groups(self, places: list[Place]) -> dict[str, VmGroup]:
        """Return every VM group of these by its id."""
        rows = (row for one in places for row in self.client.vm_groups.of_hypervisor(one.id))
        return {row.entity.id: row for row in rows}


def job_name(group: VmGroup) -> str:
    """Return the `ProtectionJob` that a VM group stands for: by its marker, else its own name."""
    marker = Marker.found_in(group.description or "")
    return marker.address.partition("/")[2] if marker is not None else group.entity.name
