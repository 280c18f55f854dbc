"""The estate: all documents together, every name leading somewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from safepoint.errors import UnknownNameError
from safepoint.estate.documents import KINDS, AnyDocument
from safepoint.estate.suggestions import did_you_mean
from safepoint.models.estate import Cluster, Connection
from safepoint.models.jobs import ProtectionJob
from safepoint.models.policies import Policy
from safepoint.models.replica_documents import Replica, ReplicaGroup

__all__ = ["Estate", "LoadedDocument"]

DocumentT = TypeVar("DocumentT", Connection, Cluster, Policy, ProtectionJob, Replica, ReplicaGroup)


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A valid document and where it came from."""

    document: AnyDocument
    file: str
    line: int
    base_dir: Path
    """The folder from which relative paths of the document start."""
    content: Mapping[str, Any] = field(repr=False)
    """The document as written, as plain data."""


class Estate:
    """All documents, by kind and name; immutable.

    The mappings raise KeyError for an unknown name; `connection()`, `cluster()`, `policy()`,
    `job()`, `replica()` and `replica_group()` raise UnknownNameError with a suggestion.
    """

    def __init__(self, documents: Iterable[LoadedDocument] = ()) -> None:
        self._loaded = tuple(documents)
        self._by_key = {(item.document.kind, item.document.name): item for item in self._loaded}

    @cached_property
    def connections(self) -> Mapping[str, Connection]:
        """The connections by name, in the order of the files."""
        return self._of_kind(Connection)

    @cached_property
    def clusters(self) -> Mapping[str, Cluster]:
        """The clusters by name, in the order of the files."""
        return self._of_kind(Cluster)

    @cached_property
    def policies(self) -> Mapping[str, Policy]:
        """The policies by name, in the order of the files."""
        return self._of_kind(Policy)

    @cached_property
    def jobs(self) -> Mapping[str, ProtectionJob]:
        """The protection jobs by name, in the order of the files."""
        return self._of_kind(ProtectionJob)

    @cached_property
    def replicas(self) -> Mapping[str, Replica]:
        """The replicas by name, in the order of the files."""
        return self._of_kind(Replica)

    @cached_property
    def replica_groups(self) -> Mapping[str, ReplicaGroup]:
        """The groups of replicas by name, in the order of the files."""
        return self._of_kind(ReplicaGroup)

    def connection(self, name: str) -> Connection:
        """Return the connection of that name; raises UnknownNameError."""
        return _get(self.connections, name, "connection")

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of that name; raises UnknownNameError."""
        return _get(self.clusters, name, "cluster")

    def policy(self, name: str) -> Policy:
        """Return the policy of that name; raises UnknownNameError."""
        return _get(self.policies, name, "policy")

    def job(self, name: str) -> ProtectionJob:
        """Return the protection job of that name; raises UnknownNameError."""
        return _get(self.jobs, name, "job")

    def replica(self, name: str) -> Replica:
        """Return the replica document of that name; raises UnknownNameError."""
        return _get(self.replicas, name, "Replica")

    def replica_group(self, name: str) -> ReplicaGroup:
        """Return the group of replicas of that name; raises UnknownNameError."""
        return _get(self.replica_groups, name, "ReplicaGroup")

    @property
    def documents(self) -> tuple[AnyDocument, ...]:
        """All documents, in the order of the files."""
        return tuple(item.document for item in self._loaded)

    def source(self, document: AnyDocument) -> LoadedDocument:
        """Return where a document of this estate came from."""
        return self._by_key[document.kind, document.name]

    @cached_property
    def fingerprint(self) -> str:
        """A digest (SHA-256, hex) of what the documents say.

        The order of documents and fields, comments, file names, folders and defaults that are
        written out make no difference.
        """
        digest = hashlib.sha256()
        for _, item in sorted(self._by_key.items()):
            # Read again without a folder, so that relative paths stay relative.
            neutral = KINDS[item.document.kind].model_validate_json(
                json.dumps(item.content), strict=True
            )
            content = neutral.model_dump(mode="json", by_alias=True)
            line = json.dumps(content, sort_keys=True, ensure_ascii=True)
            digest.update(line.encode("ascii") + b"\n")
        return digest.hexdigest()

    def _of_kind(self, kind: type[DocumentT]) -> Mapping[str, DocumentT]:
        found = (item.document for item in self._loaded)
        return MappingProxyType({each.name: each for each in found if isinstance(each, kind)})


def _get(documents: Mapping[str, DocumentT], name: str, what: str) -> DocumentT:
    document = documents.get(name)
    if document is None:
        hint = did_you_mean(name, documents, what="known") or f"the estate has no {what} at all"
        msg = f"no {what} is called {name}"
        raise UnknownNameError(msg, hint=hint)
    return document
