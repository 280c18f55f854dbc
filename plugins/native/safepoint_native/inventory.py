"""Every VM of a cluster, none twice and none left out."""

from __future__ import annotations

from safepoint.errors import NotFoundError
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint_native.hyperv.adapters import adapter_names
from safepoint_native.hyperv.inventory import VirtualMachine, list_machines, machine
from safepoint_native.mapping import to_workload
from safepoint_native.nodes import Nodes

__all__ = ["list_workloads"]


def list_workloads(nodes: Nodes, query: WorkloadQuery) -> list[Workload]:
    """Return the VMs by name and id.

    Raises:
        DriverError: a node that the cluster counts as up cannot be read. The list would lack
            its VMs, and a list that lacks something looks complete.
    """
    cluster = nodes.cluster.name
    if query.ids:
        found = [nodes.on_owner(one, lambda c, vm=one: machine(c, vm)) for one in query.ids]  # type: ignore[misc]  # mypy cannot infer a defaulted lambda
    else:
        found = _all(nodes)
    workloads = [to_workload(cluster, one) for one in found]
    if query.with_adapters:
        names = _adapters(nodes, query.ids)
        workloads = [
            one.model_copy(update={"adapters": names.get(one.ref.id, ())}) for one in workloads
        ]
    return sorted(workloads, key=lambda one: (one.name.casefold(), one.ref.id))


def _adapters(nodes: Nodes, ids: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the names of adapters by VM; checkpoints own some too, and nobody asks for those."""
    if ids:
        parts = [nodes.on_owner(one, lambda c, vm=one: adapter_names(c, [vm])) for one in ids]  # type: ignore[misc]  # mypy cannot infer a defaulted lambda
    else:
        parts = nodes.on_living(nodes.view(), adapter_names)
    return {owner: names for part in parts for owner, names in part.items()}


def _all(nodes: Nodes) -> list[VirtualMachine]:
    view = nodes.view()
    machines: dict[str, VirtualMachine] = {}
    for found in nodes.on_living(view, list_machines):
        for one in found:
            known = machines.get(one.id)
            # Seen twice: it moved while we listed. The cluster says where it is.
            if known is None or (view is not None and view.owners.get(one.id) == one.node):
                machines[one.id] = one
    for vm_id in view.owners if view is not None else ():
        if vm_id not in machines:  # moved from a node not read yet to one already read
            try:
                machines[vm_id] = nodes.on_owner(vm_id, lambda c, vm=vm_id: machine(c, vm))  # type: ignore[misc]  # mypy cannot infer a defaulted lambda
            except NotFoundError:
                continue  # deleted meanwhile
    return list(machines.values())
