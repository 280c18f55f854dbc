"""From documents to what drivers are given: settings and clusters with secrets resolved."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from safepoint.errors import ConfigError
from safepoint.estate.estate import Estate, LoadedDocument
from safepoint.estate.fields import secret_places
from safepoint.estate.secrets import SecretResolver
from safepoint.estate.validating import parse_strictly
from safepoint.models.estate import Cluster, SmbShare
from safepoint.models.replica_documents import Replica
from safepoint.models.secrets import REFERENCE_FORMS, SecretRef
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo, ShareServer

__all__ = [
    "clusters_of",
    "clusters_using",
    "connection_settings",
    "outline_of",
    "resolve_cluster",
]

SettingsT = TypeVar("SettingsT", bound=BaseModel)


def connection_settings(
    estate: Estate, name: str, model: type[SettingsT], secrets: SecretResolver
) -> SettingsT:
    """Return the settings of a connection as its driver's model, secrets resolved.

    Fields of type `SecretStr` get the secret; fields of type `SecretRef` stay references.
    Relative paths (`DocumentPath`) start from the folder of the document.

    Raises:
        UnknownNameError: There is no such connection.
        ConfigError: A secret cannot be read, or the driver refuses the settings.
    """
    connection = estate.connection(name)
    loaded = estate.source(connection)
    settings = copy.deepcopy(connection.spec.settings)
    for path, value in list(secret_places(model, settings, SecretStr, SecretBytes)):
        if value is not None:
            ref = _reference(value, path, loaded)
            _put(settings, path, secrets.resolve(ref).get_secret_value())
    try:
        return parse_strictly(model, settings, loaded.base_dir)
    except ValidationError as error:
        where = f"{loaded.file}:{loaded.line}"
        findings = tuple(
            f"{where}: error: spec.settings.{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        )
    msg = f"the settings of connection {name} do not suit driver {connection.spec.driver}"
    raise ConfigError(msg, findings=findings, hint="`safepoint validate` shows what is wrong")


def resolve_cluster(cluster: Cluster, secrets: SecretResolver) -> ClusterInfo:
    """Return the cluster as drivers see it; raises ConfigError for a secret without value."""
    spec = cluster.spec
    return ClusterInfo(
        name=cluster.name,
        nodes=tuple(NodeAddress(name=node.name, address=node.address) for node in spec.nodes),
        shares=tuple(_resolve_share(share, secrets) for share in spec.shares),
        scvmm=spec.scvmm or "",
        per_node=spec.limits.per_node,
        per_share=spec.limits.per_share,
    )


def outline_of(cluster: Cluster) -> ClusterInfo:
    """Return who a cluster is, without its shares and their secrets."""
    spec = cluster.spec
    return ClusterInfo(
        name=cluster.name,
        nodes=tuple(NodeAddress(name=node.name, address=node.address) for node in spec.nodes),
        scvmm=spec.scvmm or "",
    )


def clusters_using(estate: Estate, connection: str) -> tuple[Cluster, ...]:
    """Return the clusters a connection has to do with.

    It reads their hosts, runs their jobs, or replicates from or to them.
    """
    by_job = {
        job.spec.cluster for job in estate.jobs.values() if job.spec.connection == connection
    }
    for replica in estate.replicas.values():
        if replica.spec.connection == connection:
            by_job.update(clusters_of(replica))
    return tuple(
        cluster
        for cluster in estate.clusters.values()
        if cluster.spec.hypervisor == connection or cluster.name in by_job
    )


def clusters_of(replica: Replica) -> tuple[str, ...]:
    """Return the clusters that a replica document names, from the primary outwards."""
    spec = replica.spec
    third = (spec.extended.target.cluster,) if spec.extended else ()
    return (spec.cluster, spec.target.cluster, *third)


def _resolve_share(share: SmbShare, secrets: SecretResolver) -> ShareInfo:
    smb = share.smb
    return ShareInfo(
        path=share.path,
        mount="" if share.mount is None else str(share.mount),
        smb=None
        if smb is None
        else ShareServer(
            server=smb.server,
            port=smb.port,
            username=smb.username,
            password=secrets.resolve(smb.password),
            encrypt=smb.encrypt,
        ),
    )


def _reference(value: Any, path: Sequence[str | int], loaded: LoadedDocument) -> SecretRef:
    try:
        return SecretRef.parse(value if isinstance(value, str) else "", base_dir=loaded.base_dir)
    except ValueError:
        pass  # raised below: the original error must not carry the value
    field = ".".join(map(str, path))
    msg = f"{loaded.file}:{loaded.line}: spec.settings.{field}: a secret is written in clear"
    raise ConfigError(msg, hint=f"write a reference: {REFERENCE_FORMS}")


def _put(settings: Any, path: Sequence[str | int], value: str) -> None:
    for part in path[:-1]:
        settings = settings[part]
    settings[path[-1]] = value
