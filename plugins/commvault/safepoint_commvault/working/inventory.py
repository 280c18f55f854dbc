"""VMs as the proxies see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safepoint.models.workloads import PowerState, Workload, WorkloadQuery, workload_ref
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.wire.objects import InventoryItem, ProtectedVm
from safepoint_commvault.working.places import Place, Places

__all__ = ["list_workloads"]

_NOT_TOLD: Final = "not told"


def list_workloads(
    client: CommvaultClient, places: Places, query: WorkloadQuery
) -> Iterator[Workload]:
    """Yield the VMs by name and id.

    The inventory tells names and ids only. Host and guest are those of the product's last backup;
    whether a VM runs it does not tell.
    """
    chosen = [places.of(query.cluster)] if query.cluster is not None else places.all()
    wanted = {one.upper() for one in query.ids}
    for place in chosen:
        known = {vm.guid.upper(): vm for vm in client.vms.known(place.id)}
        rows = client.vms.inventory(place.id)
        for row in sorted(rows, key=lambda one: (one.name.casefold(), one.guid)):
            if not wanted or row.guid.upper() in wanted:
                yield _workload(place, row, known.get(row.guid.upper()))


def _workload(place: Place, row: InventoryItem, known: ProtectedVm | None) -> Workload:
    system = (known.os_name if known is not None else "") or ""
    family = "windows" if "windows" in system.casefold() else "linux"
    return Workload(
        ref=workload_ref(place.cluster.name, row.guid),
        name=row.name,
        cluster=place.cluster.name,
        node=place.node(known.host) if known is not None else "",
        power=PowerState.UNKNOWN,
        native_state=f"protection status {known.status}" if known is not None else _NOT_TOLD,
        guest_os=family if system else "",
    )
