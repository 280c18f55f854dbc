"""Writing the estate file that fits a lab: connection, clusters, a policy, a job a cluster.

A lab with further sites also gets a `Replica` and a `ReplicaGroup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from safepoint_lab.choices import Scheme
from safepoint_lab.daemon.config import DOMAIN, USERNAME, LabConfig
from safepoint_lab.daemon.estate_replicas import replica_specs
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.products.port import SecretFile, SettingValue
from safepoint_lab.smb import ShareAccess
from safepoint_lab.world.model import Cluster, Node

__all__ = ["EstateWriter"]

_HEADER = """\
# Written by `safepoint lab up` for the lab in this folder; written anew at each start.
#   safepoint --estate {path} vm list
#   safepoint --estate {path} run {job}
"""


class EstateWriter:
    """Writes ``estate.yaml`` of a lab."""

    def __init__(self, folder: LabFolder, config: LabConfig) -> None:
        self._folder = folder
        self._config = config

    def write(
        self,
        clusters: list[Cluster],
        nodes: dict[str, Node],
        shares: dict[str, ShareAccess],
        products: Mapping[str, Mapping[str, SettingValue]],
    ) -> None:
        """Write the file.

        Args:
            clusters: Every cluster.
            nodes: Every node by name.
            shares: UNC path to how it is reached.
            products: Settings of each product's connection, by its name.
        """
        documents = [self._connection()]
        documents += [
            _document("Connection", name, {"driver": name, "settings": self._written(settings)})
            for name, settings in products.items()
        ]
        protected = self._config.plan().source_names()
        ordered = sorted(clusters, key=lambda cluster: cluster.name not in protected)
        documents += [self._cluster(cluster, nodes, shares) for cluster in ordered]
        documents.append(_POLICY)
        sites = [one for one in ordered if one.name not in protected]
        names = self._config.plan().vm_names_of_first_cluster()
        if sites and names:
            specs = replica_specs([ordered[0], *sites], nodes, names, self._folder.root)
            documents += [_document(kind, name, spec) for kind, name, spec in specs]
        documents += [
            self._job(cluster, alone=len(protected) == 1)
            for cluster in ordered
            if cluster.name in protected
        ]
        header = _HEADER.format(path=self._folder.estate, job=documents[-1]["metadata"]["name"])
        body = yaml.safe_dump_all(documents, sort_keys=False, width=100)
        part = self._folder.estate.with_name("estate.yaml.part")
        part.write_text(header + body, encoding="utf-8")
        part.replace(self._folder.estate)

    def _connection(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "username": f"{DOMAIN}\\{USERNAME}",
            "password": f"file:{self._inside(self._folder.password)}",
            "auth": "ntlm",
        }
        if self._config.scheme is Scheme.HTTPS:
            settings["ca"] = self._inside(self._folder.tls / "ca.pem")
        settings["repository"] = self._inside(self._folder.repository)
        return _document("Connection", "hyperv", {"driver": "native", "settings": settings})

    def _cluster(
        self, cluster: Cluster, nodes: dict[str, Node], shares: dict[str, ShareAccess]
    ) -> dict[str, Any]:
        spec = {
            "hypervisor": "hyperv",
            "nodes": [
                {"name": name, "address": self._address(nodes[name])} for name in cluster.nodes
            ],
            "shares": [self._share(shares[share.unc]) for share in cluster.shares],
        }
        return _document("Cluster", cluster.name, spec)

    def _address(self, node: Node) -> str:
        https = self._config.scheme is Scheme.HTTPS
        port = node.https_port if https else node.http_port
        return f"{self._config.scheme}://{node.address}:{port}/wsman"

    def _share(self, access: ShareAccess) -> dict[str, Any]:
        if access.mount:
            return {"path": access.unc, "mount": self._inside(Path(access.mount))}
        smb = {
            "server": access.server,
            "port": access.port,
            "username": access.username,
            "password": f"file:{self._inside(Path(access.password_file))}",
            "encrypt": access.encrypt,
        }
        return {"path": access.unc, "smb": smb}

    def _job(self, cluster: Cluster, *, alone: bool) -> dict[str, Any]:
        spec = {
            "connection": "hyperv",
            "cluster": cluster.name,
            "policy": "gold",
            "include": [{"all": True}],
        }
        return _document("ProtectionJob", "everything" if alone else f"all-{cluster.name}", spec)

    def _written(self, value: SettingValue) -> Any:
        if isinstance(value, Mapping):
            return {name: self._written(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._written(inner) for inner in value]
        if isinstance(value, SecretFile):
            return f"file:{self._inside(value.path)}"
        return self._inside(value) if isinstance(value, Path) else value

    def _inside(self, path: Path) -> str:
        """Return a path relative to the estate file, so that a lab folder can be moved."""
        return path.relative_to(self._folder.root).as_posix()


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "safepoint/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


_POLICY = _document(
    "Policy",
    "gold",
    {
        "consistency": "application",
        "fallback": "fail",
        "rpo": "26h",
        "schedule": {"timezone": "Europe/Berlin", "daily": {"at": ["22:00"]}},
        "retention": {"keepFor": "14d", "keepAtLeast": 3},
    },
)
