"""The kinds of estate document and the model of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from safepoint.models.estate import API_VERSION, Cluster, Connection
from safepoint.models.jobs import ProtectionJob
from safepoint.models.policies import Policy
from safepoint.models.replica_documents import Replica, ReplicaGroup

__all__ = ["KINDS", "REFERENCES", "SKELETON", "AnyDocument"]

AnyDocument: TypeAlias = Connection | Cluster | Policy | ProtectionJob | Replica | ReplicaGroup

#: The model of each kind, in the order in which people write them.
KINDS: Final[Mapping[str, type[AnyDocument]]] = MappingProxyType(
    {
        "Connection": Connection,
        "Cluster": Cluster,
        "Policy": Policy,
        "ProtectionJob": ProtectionJob,
        "Replica": Replica,
        "ReplicaGroup": ReplicaGroup,
    }
)

#: Which field of `spec` names a document of which kind; `[]` stands for every item of a list.
REFERENCES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "Cluster": {"hypervisor": "Connection"},
        "ProtectionJob": {"connection": "Connection", "cluster": "Cluster", "policy": "Policy"},
        "Replica": {
            "connection": "Connection",
            "cluster": "Cluster",
            "target.cluster": "Cluster",
            "reverse.cluster": "Cluster",
            "extended.target.cluster": "Cluster",
        },
        "ReplicaGroup": {"members[].replica": "Replica"},
    }
)

#: The frame of a document, for hints.
SKELETON: Final = f"a document has apiVersion: {API_VERSION}, kind, metadata and spec"
