"""Which VMs the registered servers hold, and who is meant by a name in a session or backup.

Up to 1.3-rev1 sessions and backups name a VM by its name only [S]; the inventory has its id.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import CLUSTER_TYPE, HOST_TYPE, Infrastructure, look, short

__all__ = ["VmIndex", "Vms", "unknown_workload"]


def unknown_workload(connection: str, name: str) -> Ref:
    """Return the handle of a VM that the inventory does not identify."""
    return Ref(kind="unknown-workload", system=connection, id=name)


@dataclass(frozen=True)
class VmIndex:
    """One look at the inventory."""

    known: Infrastructure
    workloads: tuple[Workload, ...]
    names: dict[str, list[Workload]] = field(default_factory=dict)
    ids: dict[str, Workload] = field(default_factory=dict)

    def named(self, name: str, cluster: str = "") -> Workload | None:
        """Return the one VM of that name, on that cluster if given; None for none or several."""
        found = [
            one for one in self.names.get(name.casefold(), ()) if cluster in {"", one.cluster}
        ]
        return found[0] if len(found) == 1 else None


class Vms:
    """Lists VMs, and keeps the last look for names.

    Args:
        client: The connection.
        documents: Name in Veeam, in lower case, to the name of the Cluster document.
    """

    def __init__(self, client: VeeamClient, documents: dict[str, str]) -> None:
        self._client = client
        self._documents = documents
        self._lock = threading.Lock()
        self._index: VmIndex | None = None
        self._absent: set[str] = set()

    def look(self, *, fresh: bool = True) -> VmIndex:
        """Read the inventory of every cluster that a document stands for."""
        known = look(self._client)
        workloads = tuple(self._list(known, fresh=fresh))
        names: defaultdict[str, list[Workload]] = defaultdict(list)
        for one in workloads:
            names[one.name.casefold()].append(one)
        ids = {one.ref.id: one for one in workloads}
        index = VmIndex(known, workloads, dict(names), ids)
        with self._lock:
            self._index = index
        return index

    def index(self) -> VmIndex:
        """Return the last look, the first one when there was none."""
        with self._lock:
            found = self._index
        return found or self.look(fresh=False)

    def knowing(self, names: Iterable[str]) -> VmIndex:
        """Return a look that has these names if Veeam knows them: looks again for a new one."""
        found = self.index()
        wanted = {name.casefold() for name in names}
        if not wanted - found.names.keys() - self._absent:
            return found
        found = self.look()
        # A VM that Veeam does not list is not asked for again at every look.
        self._absent |= wanted - found.names.keys()
        return found

    def _list(self, known: Infrastructure, *, fresh: bool) -> Iterator[Workload]:
        by_root: dict[str, set[str]] = {}
        for name in self._documents:
            server = known.named(name, CLUSTER_TYPE, HOST_TYPE)
            if server is not None:
                by_root.setdefault(known.root_of(server).name, set()).add(server.id)
        seen: set[Ref] = set()
        for root, wanted in by_root.items():
            for row in self._client.inventory.below(root, fresh=fresh):
                one = self._workload(row, known, root, wanted)
                if one is not None and one.ref not in seen:
                    seen.add(one.ref)
                    yield one

    def _workload(
        self, row: dict[str, object], known: Infrastructure, root: str, wanted: set[str]
    ) -> Workload | None:
        host = known.server(str(row.get("parentObjectId") or ""))
        place = known.cluster_of(host.id if host else None) or known.named(
            root, CLUSTER_TYPE, HOST_TYPE
        )
        if place is None or place.id not in wanted:
            return None
        cluster, ident = self._documents[place.name.lower()], str(row.get("objectId", ""))
        return Workload(
            ref=workload_ref(cluster, ident) if _is_guid(ident) else _strange(cluster, ident),
            name=str(row.get("name", "")),
            cluster=cluster,
            node=short(host.name) if host is not None else "",
            power=PowerState.UNKNOWN,
            native_state=str(row.get("type", "")),
        )


def _is_guid(text: str) -> bool:
    """Tell whether an object's id is the Hyper-V id of the VM, which is inference [X]."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _strange(cluster: str, ident: str) -> Ref:
    return Ref(kind="unknown-workload", system=cluster, id=ident)
