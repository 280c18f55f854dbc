"""Every object there is, in normal form, in few requests, several of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.estate import document_name
from safepoint.models.refs import Ref
from safepoint.models.resources import Marker, Resource
from safepoint.models.systems import ClusterInfo
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing import content, keeping, schedules
from safepoint_commvault.managing.naming import Names, is_hyperv, node_name
from safepoint_commvault.managing.translating import PASSWORD
from safepoint_commvault.parallel import in_parallel
from safepoint_commvault.wire.base import as_list
from safepoint_commvault.wire.objects import ClientNode, Credential, Hypervisor, LastBackup
from safepoint_commvault.wire.work import VmGroup

__all__ = ["Observer", "primary_copy"]

_SERVER_PLAN: Final = "server"


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at one CommServe for one connection."""

    client: CommvaultClient
    names: Names
    clusters: tuple[ClusterInfo, ...]

    def everything(self) -> Iterator[Resource]:
        """Yield every object of our kinds, whoever made it."""
        yield from self.agents()
        yield from self.credentials()
        hypervisors = self._hypervisors()
        groups = in_parallel(self._groups_of, hypervisors)
        plans = self.plans()
        for hypervisor, found in zip(hypervisors, groups, strict=True):
            holds_data = any(one.holds_data for one in found)
            yield hypervisor.model_copy(update={"holds_data": holds_data})
        yield from plans
        addresses = {str(p.attributes["name"]): p.address for p in plans}
        for found in groups:
            for one in found:
                yield _with_plan(one, addresses)

    # -- machines -----------------------------------------------------------------------------

    def agents(self) -> Iterator[Resource]:
        """Yield for each cluster the nodes that have the agent; nothing where none has it."""
        machines = self.client.machines.access_nodes()
        for cluster in self.clusters:
            found = self.agents_of(cluster, machines)
            if found is not None:
                yield found

    def agents_of(self, cluster: ClusterInfo, machines: Sequence[ClientNode]) -> Resource | None:
        """Return the agents of one cluster; None when no node has one."""
        have = [n.name for n in cluster.nodes if any(m.is_called(n.name) for m in machines)]
        if not have:
            return None
        return Resource(
            address=f"vsa/{cluster.name}",
            attributes=Attributes({f"node.{name}": True for name in have}),
            is_shared=True,
            is_observe_only=not self.names.settings.push_install,
        )

    # -- credentials --------------------------------------------------------------------------

    def credentials(self) -> Iterator[Resource]:
        """Yield the stored credential of this connection, and others that bear a marker.

        All others are of no concern: accounts of other products and people.
        """
        for row in self.client.credentials.all():
            if Marker.found_in(row.description or "") or row.name == self.names.credential:
                yield self.credential(row)

    def credential(self, row: Credential) -> Resource:
        """Return one in normal form; its user is told by a look of its own."""
        whole = self.client.credentials.get(row.name)
        marker = Marker.found_in(whole.description or row.description or "")
        return Resource(
            address=marker.address if marker else f"credential/{row.name}",
            attributes=Attributes({"name": row.name, "user": whole.user}),
            write_only=(PASSWORD,),
            marker=marker,
            native=self._ref("credential", row.id or row.name),
        )

    # -- hypervisors --------------------------------------------------------------------------

    def _hypervisors(self) -> list[Resource]:
        rows = [row for row in self.client.hypervisors.all() if is_hyperv(row.vendor)]
        return in_parallel(lambda row: self.hypervisor(row.id), rows)

    def hypervisor(self, ident: str) -> Resource:
        """Return one in normal form."""
        found = self.client.hypervisors.get(ident)
        marker = Marker.found_in(self.client.machines.description(ident))
        nodes = self._nodes_of(found)
        return Resource(
            address=marker.address if marker else f"hypervisor/{document_name(found.name)}",
            attributes=Attributes(
                {
                    "name": found.name,
                    "server": found.server,
                    "coordinator": nodes[0] if nodes else None,
                    "access_nodes": sorted(nodes, key=str.casefold),
                    "backup_enabled": found.backup_enabled,
                    "restore_enabled": found.restore_enabled,
                }
            ),
            depends_on=(f"credential/{self.names.credential}",),
            marker=marker,
            native=self._ref("hypervisor", found.id),
        )

    def _nodes_of(self, hypervisor: Hypervisor) -> list[str]:
        name = self.names.cluster_of(hypervisor.name, (c.name for c in self.clusters))
        cluster = next((c for c in self.clusters if c.name == name), None)
        known = [node.name for node in cluster.nodes] if cluster is not None else []
        return [node_name(one, known) for one in hypervisor.access_nodes]

    # -- plans --------------------------------------------------------------------------------

    def plans(self) -> list[Resource]:
        """Return every server plan."""
        rows = self.client.plans.all()
        mine = [row.plan.id for row in rows if row.kind.casefold() in {_SERVER_PLAN, ""}]
        return in_parallel(self.plan, mine)

    def plan(self, ident: str) -> Resource:
        """Return one in normal form. Its marker is in the name of its primary copy."""
        body = self.client.plans.get(ident)
        name = str((body.get("plan") or {}).get("name") or "")
        copy = primary_copy(body)
        marker = Marker.found_in(_name_in(copy, "planBackupDestination"))
        rpo = body.get("rpo") or {}
        starts = as_list((rpo.get("backupFrequency") or {}).get("schedules"))
        return Resource(
            address=marker.address if marker else f"plan/{document_name(name)}",
            attributes=Attributes(
                {
                    "name": name,
                    "storage_pool": _name_in(copy, "storagePool") or None,
                    "keep": keeping.from_wire(copy),
                    "starts": schedules.normal(
                        row for row in map(schedules.from_wire, starts) if row is not None
                    ),
                    "windows": schedules.windows_from_wire(as_list(rpo.get("backupWindow"))),
                }
            ),
            facts=Attributes({"users": _users(body)}),
            marker=marker,
            native=self._ref("plan", ident),
        )

    # -- VM groups ----------------------------------------------------------------------------

    def _groups_of(self, hypervisor: Resource) -> list[Resource]:
        assert hypervisor.native is not None, "an observed object has a handle"
        ident = hypervisor.native.id
        rows = self.client.vm_groups.of_hypervisor(ident)
        backed_up = {
            state.id
            for state in self.client.vm_groups.states(ident)
            if _has_backup(state.last_backup)
        }
        wholes = in_parallel(self._whole, rows)
        return [
            self.vm_group(one, hypervisor, holds_data=one.entity.id in backed_up)
            for one in wholes
            if one.has_content or not one.is_default
        ]

    def _whole(self, row: VmGroup) -> VmGroup:
        return row if row.is_whole else self.client.vm_groups.get(row.entity.id)

    def vm_group(self, found: VmGroup, hypervisor: Resource, *, holds_data: bool) -> Resource:
        """Return one in normal form."""
        marker = Marker.found_in(found.description or "")
        return Resource(
            address=marker.address if marker else f"job/{document_name(found.entity.name)}",
            attributes=Attributes(
                {
                    "name": found.entity.name,
                    "hypervisor": hypervisor.name,
                    "plan": found.plan or None,
                    "include": content.from_wire(found.content),
                    "exclude": content.from_wire(found.filters),
                    "quiesce": found.quiesces,
                    "change_tracking": found.tracks_changes,
                    "enabled": found.enabled,
                }
            ),
            depends_on=(hypervisor.address,),
            marker=marker,
            native=self._ref("vm-group", found.entity.id),
            holds_data=holds_data,
        )

    # -- all of them --------------------------------------------------------------------------

    def _ref(self, kind: str, ident: str) -> Ref:
        return Ref(kind=kind, system=self.names.connection, id=ident)


def primary_copy(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the copy that backups are written to first; empty when a plan has none."""
    copies = [c for c in as_list(plan.get("backupDestinations")) if isinstance(c, dict)]
    writable = [c for c in copies if not c.get("isSnapCopy")]
    first = [c for c in writable if c.get("isDefault")] or writable
    return first[0] if first else {}


def _name_in(copy: dict[str, Any], place: str) -> str:
    return str((copy.get(place) or {}).get("name") or "")


def _users(plan: dict[str, Any]) -> int:
    rows = as_list(plan.get("associatedEntities"))
    return sum(int(row.get("count") or 0) for row in rows if isinstance(row, dict))


def _with_plan(group: Resource, addresses: dict[str, str]) -> Resource:
    plan = addresses.get(str(group.attributes.get("plan")))
    needs = (*group.depends_on, plan) if plan else group.depends_on
    return group.model_copy(update={"depends_on": needs})


def _has_backup(last: LastBackup | None) -> bool:
    return last is not None and last.job not in {"", "0"}
