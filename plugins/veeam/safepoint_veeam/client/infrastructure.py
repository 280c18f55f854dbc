"""Credentials, managed servers, inventory, repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import SecretStr

from safepoint_veeam.caller import Query
from safepoint_veeam.client.group import Group
from safepoint_veeam.paging import pages
from safepoint_veeam.revisions import is_at_least
from safepoint_veeam.wire.objects import Credential, ManagedServer, Repository, Session

__all__ = ["Credentials", "Inventory", "Repositories", "Servers"]


class Credentials(Group):
    """Stored accounts."""

    def all(self) -> Iterator[Credential]:
        """List them; passwords never come back."""
        return self._list(Credential, "credentials")

    def create(self, username: str, password: SecretStr, description: str) -> Credential:
        """Store a Standard account: what hosts, clusters and SCVMM take [S]."""
        body = {
            "type": "Standard",
            "username": username,
            "password": password.get_secret_value(),
            "description": description,
        }
        return Credential.read(self._caller.call("create-credential", body=body))

    def modify(self, credential: Credential) -> Credential:
        """Replace the record, without its password."""
        answer = self._caller.call("modify-credential", id=credential.id, body=credential.raw())
        return Credential.read(answer)

    def change_password(self, ident: str, password: SecretStr) -> None:
        """Set a new password."""
        body = {"password": password.get_secret_value()}
        self._caller.call("change-password", id=ident, body=body)

    def delete(self, ident: str) -> None:
        """Delete; may be refused for a while after its server was removed [C]."""
        self._caller.call("delete-credential", id=ident)


class Servers(Group):
    """SCVMM, clusters and hosts. Changes return the session that carries them out."""

    def all(self, *kinds: str, nested: bool = True) -> Iterator[ManagedServer]:
        """List servers of these types, those below an SCVMM or cluster included."""
        query = {"typeFilter": list(kinds), "includeNestedHosts": str(nested).lower()}
        return self._list(ManagedServer, "servers", query)

    def get(self, ident: str) -> ManagedServer:
        """Read one."""
        return ManagedServer.read(self._caller.call("server", id=ident))

    def add(self, spec: dict[str, Any]) -> Session:
        """Register by `SCVMMSpec`, `HvHostClusterSpec` or `HvServerSpec`.

        The session does not reliably name the new server: find it by name afterwards [C].
        """
        return Session.read(self._caller.call("add-server", body=spec))

    def modify(self, ident: str, body: dict[str, Any]) -> Session:
        """Replace the whole record by the model as read and changed."""
        return Session.read(self._caller.call("modify-server", id=ident, body=body))

    def remove(self, ident: str) -> Session:
        """Remove; it may still be listed for a while after the session ended [C]."""
        return Session.read(self._caller.call("remove-server", id=ident))

    def rescan(self, ident: str) -> Session:
        """Look again for nodes and volumes."""
        return Session.read(self._caller.call("rescan-server", id=ident))

    def update_components(self, idents: Sequence[str]) -> Session:
        """Deploy missing or outdated components."""
        body = {"ids": list(idents)}
        return Session.read(self._caller.call("update-components", body=body))

    def discover(self, credentials_id: str, *, cluster: str = "", scvmm_id: str = "") -> list[str]:
        """Return the names of the nodes of a cluster, or of a registered SCVMM's hosts."""
        asked = {"hvClusterName": cluster, "scvmmHostId": scvmm_id}
        body = {"credentialsId": credentials_id} | {k: v for k, v in asked.items() if v}
        rows = pages(
            lambda _skip, _limit: self._caller.call("discover-hosts", body=body),
            operation="discover-hosts",
            system=self._caller.transport.system,
            key="hvServerName",
        )
        return [str(row["hvServerName"]) for row in rows]

    def certificate(self, name: str, kind: str, credentials_id: str) -> dict[str, Any]:
        """Fetch what a host presents; Hyper-V hosts need no fingerprint to be added [S]."""
        body = {
            "serverName": name,
            "type": kind,
            "credentialsStorageType": "Permanent",
            "credentialsId": credentials_id,
        }
        answer: dict[str, Any] = self._caller.call("connection-certificate", body=body)
        return answer


class Inventory(Group):
    """What the registered servers hold. Rows go into jobs verbatim, never built by hand [S]."""

    def roots(self) -> Iterator[dict[str, Any]]:
        """List SCVMM servers, clusters and hosts."""
        return self._browse("inventory", {}, {})

    def below(
        self, server: str, kind: str = "VirtualMachine", *, fresh: bool = False
    ) -> Iterator[dict[str, Any]]:
        """List the objects of one type under a server, by its name.

        `fresh` looks at the hosts again; from 1.3-rev2 on only a rescan does that [S].
        """
        leaf = {
            "type": "PredicateExpression",
            "property": "type",
            "operation": "Equals",
            "value": kind,
        }
        body = {"hierarchyType": "HostsAndVMs", "filter": leaf}
        can_reset = fresh and not is_at_least(self._caller.revision, "1.3-rev2")
        query = {"resetCache": "true"} if can_reset else None
        return self._browse("inventory-of", body, {"hostname": server}, query)

    def _browse(
        self, name: str, body: dict[str, Any], parts: dict[str, str], query: Query | None = None
    ) -> Iterator[dict[str, Any]]:
        def fetch(skip: int, limit: int) -> Any:
            paged = {**body, "pagination": {"skip": skip, "limit": limit}}
            return self._caller.call(name, body=paged, query=query, **parts)

        return pages(fetch, operation=name, system=self._caller.transport.system, key="")


class Repositories(Group):
    """Where backups go."""

    def all(self) -> Iterator[Repository]:
        """List them with space and state."""
        return self._list(Repository, "repository-states")
