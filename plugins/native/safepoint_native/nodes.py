"""The hosts of one cluster: a client each, and which of them owns a VM right now.

A VM's objects exist only on the node that owns it, and it may move between any two calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from urllib.parse import urlsplit

from safepoint.errors import NotFoundError, UnreachableError, UsageError
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.session import Endpoint, Login, Trust
from safepoint_native.cim.transport import PywinrmTransport
from safepoint_native.hyperv.cluster import ClusterView, NodeState, owners_by_listing, read_cluster
from safepoint_native.settings import NativeSettings

__all__ = ["Nodes", "endpoint_of"]

ResultT = TypeVar("ResultT")
_NODES_AT_ONCE: Final = 8


def endpoint_of(address: str) -> Endpoint:
    """Return where a node's management service listens; https and port 5986 unless said."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    tls = parts.scheme != "http"
    return Endpoint(parts.hostname or address, parts.port or (5986 if tls else 5985), tls)


class Nodes:
    """The nodes of one cluster. Used from several threads at once."""

    def __init__(self, cluster: ClusterInfo, settings: NativeSettings) -> None:
        self.cluster = cluster
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, CimClient] = {}
        self._owners: dict[str, str] = {}

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def names(self) -> tuple[str, ...]:
        """Return the names of the nodes, as the estate declares them."""
        return tuple(node.name for node in self.cluster.nodes)

    def client(self, node: str) -> CimClient:
        """Return the client of a node; nothing is sent yet.

        Raises:
            UsageError: the cluster has no such node.
        """
        with self._lock:
            if node not in self._clients:
                self._clients[node] = self._make(self._address(node))
            return self._clients[node]

    @property
    def request_count(self) -> int:
        """How many requests were sent to all nodes so far."""
        with self._lock:
            return sum(client.request_count for client in self._clients.values())

    def living(self) -> Iterator[CimClient]:
        """Yield a client for every node, but for those the cluster itself says are down.

        A node that does not answer while the cluster counts it as up is not skipped: the call
        on it raises, because a list without its VMs would look complete.
        """
        yield from self._living(self.view())

    def first_living(self) -> CimClient:
        """Return a client for one living node, to ask what all nodes of the cluster share.

        Raises:
            UnreachableError: no node answers, or the cluster says that all of them are down.
        """
        for client in self.living():
            return client
        msg = f"cluster {self.cluster.name} says that all its nodes are down"
        raise UnreachableError(msg, system=self.cluster.name)

    def on_living(
        self, view: ClusterView | None, call: Callable[[CimClient], ResultT]
    ) -> list[ResultT]:
        """Call every living node, several at once; the results are in the order of the nodes.

        Args:
            view: The cluster's picture, which says which nodes are down; None without one.
            call: Only reads; a node that fails ends the whole, as in `living`.
        """
        clients = list(self._living(view))
        with ThreadPoolExecutor(max_workers=min(_NODES_AT_ONCE, len(clients) or 1)) as pool:
            return list(pool.map(call, clients))

    def _living(self, view: ClusterView | None) -> Iterator[CimClient]:
        for name in self.names():
            if view is None or view.nodes.get(name) is not NodeState.DOWN:
                yield self.client(name)

    def view(self) -> ClusterView | None:
        """Ask the nodes in turn for the cluster's own picture; None without a cluster.

        Raises:
            UnreachableError: no node answers.
        """
        problem: UnreachableError | None = None
        for name in self.names():
            try:
                view = read_cluster(self.client(name))
            except UnreachableError as error:
                problem = error
                continue
            if view is not None:
                with self._lock:
                    self._owners = {vm.upper(): node for vm, node in view.owners.items()}
                return view
        if problem is not None and len(self.names()) == 1:
            raise problem
        if problem is not None and not self._anyone_answers():
            msg = f"no node of cluster {self.cluster.name} answers: {problem.message}"
            raise UnreachableError(msg, hint=problem.hint, system=self.cluster.name)
        return None

    def owner(self, vm_id: str, *, fresh: bool = False) -> str:
        """Return the node that owns a VM.

        Raises:
            NotFoundError: no node has it.
        """
        key = vm_id.upper()
        with self._lock:
            known = None if fresh else self._owners.get(key)
        if known in self.names():
            return str(known)
        view = self.view()
        with self._lock:
            found = self._owners.get(key) if view is not None else None
        if found is None:
            # No cluster, or a VM that is no cluster role: the nodes themselves know it.
            owners = owners_by_listing({client.node: client for client in self.living()})
            with self._lock:
                self._owners |= {vm.upper(): node for vm, node in owners.items()}
                found = self._owners.get(key)
            found = found if found in owners.values() and key in owners else None
        if found is None:
            msg = f"cluster {self.cluster.name} has no VM with id {vm_id}"
            hint = (
                "It was removed, or moved to another cluster; `safepoint vm list` shows the VMs."
            )
            raise NotFoundError(msg, hint=hint, operation="owner", system=self.cluster.name)
        return found

    def on_owner(self, vm_id: str, call: Callable[[CimClient], ResultT]) -> ResultT:
        """Make a call on the node that owns the VM, following it when it has moved.

        Repeating on another node is harmless even for a change: "not found" says that nothing
        was done, and "unreachable" that nothing was sent.
        """
        node = self.owner(vm_id)
        try:
            return call(self.client(node))
        except (NotFoundError, UnreachableError):
            now = self.owner(vm_id, fresh=True)
            if now == node:
                raise
            return call(self.client(now))

    def _anyone_answers(self) -> bool:
        for name in self.names():
            try:
                self.client(name).identify()
            except UnreachableError:
                continue
            return True
        return False

    def _address(self, node: str) -> NodeAddress:
        for known in self.cluster.nodes:
            if known.name.casefold() == node.casefold():
                return known
        msg = f"cluster {self.cluster.name} has no node {node!r} in the estate"
        raise UsageError(
            msg, hint=f"Add it to the cluster's nodes. Known: {', '.join(self.names())}."
        )

    def _make(self, node: NodeAddress) -> CimClient:
        settings = self._settings
        endpoint = endpoint_of(node.address)
        login = Login(
            settings.auth,
            username=settings.username,
            password=settings.password.get_secret_value(),
            certificate_path=str(settings.certificate or ""),
            key_path=str(settings.key or ""),
        )
        pins = {name.casefold(): pin for name, pin in settings.fingerprints.items()}
        trust = Trust(
            ca_path=str(settings.ca or ""), fingerprint=pins.get(node.name.casefold(), "")
        )
        transport = PywinrmTransport(
            endpoint,
            login,
            trust,
            read_seconds=settings.timeout_seconds + 15.0,
            node=node.name,
        )
        return CimClient(
            transport,
            node=node.name,
            address=endpoint.url,
            max_envelope_bytes=settings.max_envelope_kib * 1024,
            timeout_seconds=settings.timeout_seconds,
        )
