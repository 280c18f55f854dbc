"""The kinds of estate document and the model of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from safepoint.models.estate import API_VERSION, Cluster, Connection
from safepoint.models.jobs import ProtectionJob
from safepoint.models.policies import Policy

__all__ = ["KINDS", "REFERENCES", "SKELETON", "AnyDocument"]

AnyDocument: TypeAlias = Connection | Cluster | Policy | ProtectionJob

#: The model of each kind, in the order in which people write them.
KINDS: Final[Mapping[str, type[AnyDocument]]] = MappingProxyType(
    {
        "Connection": Connection,
        "Cluster": Cluster,
        "Policy": Policy,
        "ProtectionJob": ProtectionJob,
    }
)

#: Which field of `spec` names a document of which kind.
REFERENCES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "Cluster": {"hypervisor": "Connection"},
        "ProtectionJob": {"connection": "Connection", "cluster": "Cluster", "policy": "Policy"},
    }
)

#: The frame of a document, for hints.
SKELETON: Final = f"a document has apiVersion: {API_VERSION}, kind, metadata and spec"
