"""What there is at the backup server, in normal form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.estate import document_name
from safepoint.models.refs import Ref
from safepoint.models.resources import Marker, Resource
from safepoint_veeam.infrastructure import (
    SCVMM_TYPE,
    Infrastructure,
    components_of,
    is_ready,
    is_up,
    problem_of,
    short,
)
from safepoint_veeam.jobs.reading import job_content, kept_parts
from safepoint_veeam.wire.objects import Credential, Job, ManagedServer

__all__ = ["Observed"]

_WRITE_ONLY: Final = ("password",)


class Observed:
    """Turns the product's objects into resources.

    Args:
        connection: Its name, for handles.
        known: What is registered.
    """

    def __init__(self, connection: str, known: Infrastructure) -> None:
        self._connection = connection
        self._known = known

    def servers(self) -> Iterator[Resource]:
        """Yield accounts, SCVMM servers and clusters."""
        for credential in self._known.credentials:
            yield self.credential(credential)
        for server in self._known.servers:
            if server.type == SCVMM_TYPE:
                yield self.scvmm(server)
        for server in self._known.protectable():
            yield self.cluster(server)

    def credential(self, one: Credential) -> Resource:
        """Return an account; its password never comes back."""
        marker = Marker.found_in(one.description)
        return Resource(
            address=marker.address if marker else f"credential/{one.username}",
            attributes=Attributes({"name": one.username, "type": one.type}),
            write_only=_WRITE_ONLY,
            marker=marker,
            native=self._ref("credential", one.id),
        )

    def scvmm(self, server: ManagedServer) -> Resource:
        """Return an SCVMM server."""
        marker, name = Marker.found_in(server.description), server.name.lower()
        credential = self._known.username(server.credentials_id)
        return Resource(
            address=marker.address if marker else f"scvmm/{name}",
            attributes=Attributes({"name": name, "credential": credential}),
            depends_on=(f"credential/{credential}",) if credential else (),
            facts=Attributes({"status": server.status}),
            marker=marker,
            native=self._ref("server", server.id),
        )

    def cluster(self, server: ManagedServer) -> Resource:
        """Return a cluster, or a host of its own, with the nodes that are ready for use.

        One below an SCVMM has no description of its own: it belongs to whom the SCVMM does.
        """
        name, root = server.name.lower(), self._known.root_of(server)
        content: dict[str, Any] = {
            "name": name,
            "type": server.type,
            "nodes": tuple(sorted(short(h.name) for h in self._hosts(server) if is_ready(h))),
        }
        content["root"] = root.name.lower()
        if root is server:
            content["credential"] = self._known.username(server.credentials_id)
            marker = Marker.found_in(server.description)
        else:
            above = Marker.found_in(root.description)
            marker = Marker(owner=above.owner, address=f"cluster/{name}") if above else None
        missing = {short(h.name): problem_of(h) for h in self._hosts(server) if not is_ready(h)}
        return Resource(
            address=marker.address if marker else f"cluster/{name}",
            attributes=Attributes(content),
            depends_on=_above(content),
            facts=Attributes({"status": server.status, "not_ready": missing}),
            immutable=("root", "type"),
            marker=marker,
            native=self._ref("server", server.id),
        )

    def job(self, one: Job, *, has_points: bool) -> Resource:
        """Return a job."""
        marker = Marker.found_in(one.description)
        content = job_content(one, self._known)
        return Resource(
            address=marker.address if marker else f"job/{document_name(one.name)}",
            attributes=Attributes(content),
            depends_on=(f"cluster/{content['cluster']}",) if content.get("cluster") else (),
            facts=Attributes(kept_parts(one)),
            marker=marker,
            native=self._ref("job", one.id),
            holds_data=has_points,
        )

    def checks(self, expected: Iterable[tuple[str, str]]) -> Iterator[Resource]:
        """Yield every node with its components, and every repository.

        Args:
            expected: Cluster and short name of the nodes that documents name; those that are not
                registered are told as such.
        """
        there = {
            (cluster.name.lower(), short(host.name))
            for cluster in self._known.protectable()
            for host in self._hosts(cluster)
        }
        for name, node in expected:
            if (name, node) not in there:
                yield _absent(name, node)
        for cluster in self._known.protectable():
            for host in self._hosts(cluster):
                yield _node(cluster, host)
        for repository in self._known.repositories:
            is_online = repository.is_online is not False
            yield Resource(
                address=f"repository/{repository.name}",
                attributes=Attributes({"online": is_online}),
                facts=Attributes({"free_gb": repository.free_gb, "path": repository.path}),
                is_observe_only=True,
            )

    def _hosts(self, cluster: ManagedServer) -> Iterable[ManagedServer]:
        return self._known.hosts_of(cluster)

    def _ref(self, kind: str, ident: str) -> Ref:
        return Ref(kind=kind, system=self._connection, id=ident)


def _above(content: dict[str, Any]) -> tuple[str, ...]:
    """Return what a cluster hangs on: its SCVMM server, or its account."""
    if content["root"] != content["name"]:
        return (f"scvmm/{content['root']}",)
    return (f"credential/{content['credential']}",) if content.get("credential") else ()


def _node(cluster: ManagedServer, host: ManagedServer) -> Resource:
    problem = problem_of(host)
    hint = "`safepoint apply` deploys what is missing; the infrastructure session has the reason."
    return Resource(
        address=f"node/{cluster.name.lower()}/{short(host.name)}",
        attributes=Attributes({"components": components_of(host) if is_up(host) else ()}),
        facts=Attributes({"problem": problem, "hint": hint} if problem else {}),
        is_observe_only=True,
    )


def _absent(cluster: str, node: str) -> Resource:
    told = {
        "problem": "Veeam does not know this host yet",
        "hint": "`safepoint apply` registers it and deploys the components.",
        "is_absent": True,
    }
    return Resource(
        address=f"node/{cluster}/{node}",
        attributes=Attributes(),
        facts=Attributes(told),
        is_observe_only=True,
    )
