"""Where a restored VM goes: a host's row, folders for its files, disks sent back verbatim."""

from __future__ import annotations

import ntpath
from typing import Any

from safepoint.errors import NotFoundError
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import (
    CLUSTER_TYPE,
    HOST_TYPE,
    Infrastructure,
    is_up,
    short,
)
from safepoint_veeam.wire.objects import ManagedServer

__all__ = ["Places", "store_root"]


def store_root(path: str) -> str:
    r"""Return where VMs lie that a disk's folder tells of.

    The share of a UNC path, the volume below ``C:\ClusterStorage``, else the drive.
    """
    drive, rest = ntpath.splitdrive(path)
    if drive.startswith("\\\\"):
        return drive
    parts = [part for part in rest.split("\\") if part]
    if parts and parts[0].casefold() == "clusterstorage" and len(parts) > 1:
        return ntpath.join(f"{drive}\\", *parts[:2])
    return f"{drive}\\"


class Places:
    """Works out targets of restores.

    Args:
        client: The connection.
        connection: Its name, for errors.
        names: Name of a Cluster document to its name in Veeam.
    """

    def __init__(self, client: VeeamClient, connection: str, names: dict[str, str]) -> None:
        self._client = client
        self._connection = connection
        self._names = names

    def host(self, known: Infrastructure, cluster: str, node: str) -> dict[str, Any]:
        """Return the inventory row of a node, or of the first one that is available.

        Raises:
            NotFoundError: the cluster is not registered or has no such node.
        """
        server = known.named(self._names.get(cluster, cluster), CLUSTER_TYPE, HOST_TYPE)
        if server is None:
            raise self._missing(what="cluster", name=cluster)
        host = self._chosen(known.hosts_of(server), cluster, node)
        root = known.root_of(server)
        rows = (
            self._client.inventory.roots()
            if root is host
            else self._client.inventory.below(root.name, "Host")
        )
        found = next((row for row in rows if row.get("objectId") == host.id), None)
        if found is None:
            raise self._missing(what="host", name=host.name)
        return found

    def _chosen(self, hosts: list[ManagedServer], cluster: str, node: str) -> ManagedServer:
        if node:
            fitting = [host for host in hosts if short(host.name) == short(node)]
            if not fitting:
                raise self._missing(what=f"node {node} in", name=cluster)
            return fitting[0]
        up = [host for host in hosts if is_up(host)]
        if not up:
            raise self._missing(what="available node in", name=cluster)
        return min(up, key=lambda host: host.name)

    def _missing(self, *, what: str, name: str) -> NotFoundError:
        message = f"Veeam has no {what} {name}"
        return NotFoundError(message, operation="restore", system=self._connection)

    def store(self, point: str, name: str, share: str) -> dict[str, Any]:
        """Return folders for configuration and disks of a new VM, by the disks of its point."""
        disks = self._client.backups.disks(point)
        root = share or (store_root(str(disks[0].get("path", ""))) if disks else "")
        folder = ntpath.join(root, name)
        return {
            "configurationFilesPath": folder,
            "diskMappings": [{"disk": disk, "targetFolder": folder} for disk in disks],
        }
