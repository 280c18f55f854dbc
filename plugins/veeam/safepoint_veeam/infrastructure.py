"""What is registered at the backup server: one look, three listings, and names for ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from safepoint_veeam.client import VeeamClient
from safepoint_veeam.wire.objects import Credential, ManagedServer, Repository

__all__ = [
    "CLUSTER_TYPE",
    "COMPONENTS",
    "HOST_TYPE",
    "SCVMM_TYPE",
    "Infrastructure",
    "components_of",
    "is_ready",
    "is_up",
    "look",
    "problem_of",
    "short",
]

SCVMM_TYPE: Final = "SCVMM"
CLUSTER_TYPE: Final = "HvCluster"
HOST_TYPE: Final = "HvServer"

#: What every Hyper-V host gets [D].
COMPONENTS: Final = ("GuestInteractionProxy", "HvIntegration", "InstallerSvc", "TransportSvc")


def short(name: str) -> str:
    """Return the computer name in a DNS name, in lower case."""
    return name.partition(".")[0].lower()


def components_of(host: ManagedServer) -> tuple[str, ...]:
    """Return those of the four that are there; further ones are Veeam's own affair."""
    present = {component.component_name for component in host.components}
    return tuple(name for name in COMPONENTS if name in present)


def is_up(host: ManagedServer) -> bool:
    """Tell whether Veeam reaches a host."""
    return host.status.casefold() == "available"


def is_ready(host: ManagedServer) -> bool:
    """Tell whether Veeam reaches a host and has put on it what it needs."""
    return is_up(host) and components_of(host) == COMPONENTS


def problem_of(host: ManagedServer) -> str:
    """Return why a host is not ready; empty when it is."""
    missing = [name for name in COMPONENTS if name not in components_of(host)]
    if missing:
        return f"not deployed: {', '.join(missing)}"
    return "" if is_up(host) else f"Veeam says {host.status}"


@dataclass(frozen=True)
class Infrastructure:
    """Servers with all that is below them, accounts, repositories."""

    servers: tuple[ManagedServer, ...]
    credentials: tuple[Credential, ...]
    repositories: tuple[Repository, ...]

    @cached_property
    def _by_id(self) -> dict[str, ManagedServer]:
        return {server.id: server for server in self.servers}

    @cached_property
    def _usernames(self) -> dict[str, str]:
        return {one.id: one.username for one in self.credentials}

    @cached_property
    def _repository_names(self) -> dict[str, str]:
        return {one.id: one.name for one in self.repositories}

    def server(self, ident: str | None) -> ManagedServer | None:
        """Return a server by id."""
        return self._by_id.get(ident or "")

    def named(self, name: str, *types: str) -> ManagedServer | None:
        """Return a server by name, in any case, of one of these types."""
        wanted = name.lower()
        return next(
            (s for s in self.servers if s.name.lower() == wanted and s.type in types), None
        )

    def protectable(self) -> Iterator[ManagedServer]:
        """Yield clusters, and hosts that are in none."""
        for server in self.servers:
            parent = self.server(server.parent_host_id)
            in_cluster = parent is not None and parent.type == CLUSTER_TYPE
            if server.type == CLUSTER_TYPE or (server.type == HOST_TYPE and not in_cluster):
                yield server

    def cluster_of(self, ident: str | None) -> ManagedServer | None:
        """Return the cluster of a host or cluster id; a host without one stands for itself."""
        server = self.server(ident)
        if server is None or server.type == CLUSTER_TYPE:
            return server
        parent = self.server(server.parent_host_id)
        is_member = parent is not None and parent.type == CLUSTER_TYPE
        return parent if is_member else (server if server.type == HOST_TYPE else None)

    def hosts_of(self, cluster: ManagedServer) -> list[ManagedServer]:
        """Return the hosts of a cluster, or the host itself."""
        if cluster.type == HOST_TYPE:
            return [cluster]
        below = (s for s in self.servers if s.parent_host_id == cluster.id)
        return [server for server in below if server.type == HOST_TYPE]

    def root_of(self, server: ManagedServer) -> ManagedServer:
        """Return the entry that was registered itself: an SCVMM, a cluster or a host."""
        parent = self.server(server.parent_host_id)
        return server if parent is None else self.root_of(parent)

    def username(self, ident: str | None) -> str | None:
        """Return the user name of a credentials record; None for an unknown id."""
        return self._usernames.get(ident or "")

    def credential(self, username: str) -> Credential | None:
        """Return the one Standard record of a user name; the first of several."""
        wanted = username.casefold()
        return next((c for c in self.credentials if c.username.casefold() == wanted), None)

    def repository_name(self, ident: str) -> str:
        """Return the name of a repository; its id when it is not listed."""
        return self._repository_names.get(ident, ident)

    def repository(self, name: str) -> Repository | None:
        """Return a repository by name, in any case."""
        wanted = name.casefold()
        return next((r for r in self.repositories if r.name.casefold() == wanted), None)


def look(client: VeeamClient) -> Infrastructure:
    """Read everything that is registered; complete or raises."""
    return Infrastructure(
        servers=tuple(client.servers.all(SCVMM_TYPE, CLUSTER_TYPE, HOST_TYPE)),
        credentials=tuple(client.credentials.all()),
        repositories=tuple(client.repositories.all()),
    )
