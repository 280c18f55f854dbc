"""Finding the inventory rows that a job's names mean; rows go into jobs verbatim, never built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from safepoint.errors import ConflictError, NotFoundError
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import HOST_TYPE, Infrastructure
from safepoint_veeam.jobs.reading import object_text
from safepoint_veeam.wire.objects import ManagedServer

__all__ = ["rows_for", "rows_in"]

_TYPES: Final = {"vm": "VirtualMachine", "host": "Host", "cluster": "Cluster"}


def rows_in(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows that a job holds already, by their text."""
    machines = body.get("virtualMachines") or {}
    guest = (body.get("guestProcessing") or {}).get("appAwareProcessing") or {}
    rows = [
        *(machines.get("includes") or ()),
        *((machines.get("excludes") or {}).get("vms") or ()),
    ]
    rows += [row["vmObject"] for row in guest.get("appSettings") or ()]
    return {object_text(row): row for row in rows}


def rows_for(
    client: VeeamClient, known: Infrastructure, cluster: ManagedServer, texts: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return the row of each name on a cluster; a VM that is not in the cache is looked for anew.

    Raises:
        NotFoundError: Veeam does not list it.
        ConflictError: several VMs have that name.
    """
    wanted = list(texts)
    found: dict[str, dict[str, Any]] = {}
    for prefix, kind in _TYPES.items():
        names = [text for text in wanted if text.startswith(f"{prefix}:")]
        if names:
            found |= _of_kind(client, known, cluster, kind, names)
    return found


def _of_kind(
    client: VeeamClient,
    known: Infrastructure,
    cluster: ManagedServer,
    kind: str,
    names: list[str],
) -> dict[str, dict[str, Any]]:
    root = known.root_of(cluster)
    is_root = kind == "Cluster" or (kind == "Host" and cluster.type == HOST_TYPE)
    if root is cluster and is_root:
        rows = _matching(client.inventory.roots(), names)
    else:
        rows = _below(client, known, cluster, kind, names, fresh=False)
        if kind == "VirtualMachine" and set(names) - rows.keys():
            rows = _below(client, known, cluster, kind, names, fresh=True)
    missing = [text for text in names if text not in rows]
    if missing:
        msg = f"Veeam does not list {missing[0].replace(':', ' ', 1)} on {cluster.name}"
        hint = "Is it on that cluster? A rescan of the server in Veeam renews its inventory."
        raise NotFoundError(msg, hint=hint, operation="apply")
    return rows


def _below(
    client: VeeamClient,
    known: Infrastructure,
    cluster: ManagedServer,
    kind: str,
    names: list[str],
    *,
    fresh: bool,
) -> dict[str, dict[str, Any]]:
    listed = client.inventory.below(known.root_of(cluster).name, kind, fresh=fresh)
    return _matching((row for row in listed if _is_on(row, known, cluster)), names)


def _is_on(row: Mapping[str, Any], known: Infrastructure, cluster: ManagedServer) -> bool:
    """Tell whether a row is on the cluster; one whose host is not known counts."""
    place = known.cluster_of(row.get("objectId")) or known.cluster_of(row.get("parentObjectId"))
    return place is None or place.id == cluster.id


def _matching(rows: Iterable[dict[str, Any]], names: list[str]) -> dict[str, dict[str, Any]]:
    wanted = {text.casefold(): text for text in names}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        text = wanted.get(object_text(row).casefold())
        if text is None:
            continue
        if text in found and found[text].get("objectId") != row.get("objectId"):
            msg = f"several objects are called {text.replace(':', ' ', 1)}; Veeam's ids differ"
            raise ConflictError(msg, hint="Rename one of them.", operation="apply")
        found[text] = row
    return found
