"""What Replica documents mean to the adapters of replicas, in normal form. Pure.

::

    replica-network/<cluster>/<vm>        the adapters of the VM on the replica's side
    replica-third-network/<cluster>/<vm>  those of the third copy

They are about the VM on the side that is declared, whichever role it plays at the moment. They
have no place for a marker, are matched by name and never deleted.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from safepoint.models.attributes import Attributes
from safepoint.models.replica_documents import ReplicaNetwork
from safepoint.models.resources import Resource
from safepoint.models.workloads import Workload

__all__ = ["network_address", "network_wish", "wires_of", "wiring"]


def network_address(relation: str) -> str:
    """Return the address of the adapters that belong to a relationship."""
    kind, _, name = relation.partition("/")
    return f"{kind}-network/{name}"


def network_wish(
    workload: Workload,
    networks: Sequence[ReplicaNetwork],
    *,
    on: str,
    relation: str,
    document: str,
) -> Resource | None:
    """Return what a document wants of a copy's adapters; None when it says nothing about them.

    An adapter that no pattern matches is connected to nothing.

    Args:
        workload: The primary's VM; its copies have the same adapters.
        networks: The rules.
        on: The cluster of the copy.
        relation: The address of the relationship that makes the copy.
        document: Whose wish it is.
    """
    if not networks:
        return None
    wires = [(name, *_target(name, networks)) for name in workload.adapters]
    return Resource(
        address=network_address(relation),
        attributes=wiring(workload.ref.id, wires),
        facts=Attributes({"on": on}),
        documents=(document,),
        depends_on=(relation,),
        is_shared=True,
    )


def _target(adapter: str, networks: Sequence[ReplicaNetwork]) -> tuple[str, str]:
    for one in networks:
        if fnmatch.fnmatchcase(adapter.casefold(), one.adapter.casefold()):
            return one.connect_to or "", one.test_with or ""
    return "", ""


def wiring(vm_id: str, wires: Iterable[tuple[str, str, str]]) -> Attributes:
    """Return adapters in normal form; those of one name that go to one place are one."""
    known = sorted(set(wires))
    return Attributes(
        {
            "vm": vm_id,
            "adapters": tuple(name for name, _, _ in known),
            "connect_to": tuple(switch for _, switch, _ in known),
            "test_with": tuple(switch for _, _, switch in known),
        }
    )


def wires_of(resource: Resource) -> list[tuple[str, str, str]]:
    """Return adapter, switch and switch for tests, of a wish or of what was seen."""
    columns = [resource.attributes.get(name) for name in ("adapters", "connect_to", "test_with")]
    lists = [column if isinstance(column, tuple) else () for column in columns]
    return [(str(a), str(b), str(c)) for a, b, c in zip(*lists, strict=True)]
