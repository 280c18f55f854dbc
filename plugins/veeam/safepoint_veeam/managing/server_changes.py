"""Carrying out changes of accounts, SCVMM servers and clusters."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError
from safepoint.models.plans import Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import (
    CLUSTER_TYPE,
    HOST_TYPE,
    SCVMM_TYPE,
    Infrastructure,
    is_ready,
    look,
    short,
)
from safepoint_veeam.managing.long_work import LongWork
from safepoint_veeam.managing.observing import Observed
from safepoint_veeam.settings import VeeamSettings
from safepoint_veeam.wire.objects import Credential, ManagedServer

__all__ = ["ServerChanges"]


class ServerChanges:
    """Writes of credentials records and managed servers.

    Args:
        client: The connection.
        connection: Its name.
        settings: Has the fabric account's password.
        work: Infrastructure sessions.
    """

    def __init__(
        self, client: VeeamClient, connection: str, settings: VeeamSettings, work: LongWork
    ) -> None:
        self._client = client
        self._connection = connection
        self._settings = settings
        self._work = work

    # -- accounts -----------------------------------------------------------------------------

    def credential(self, change: Change) -> Resource | None:
        """Store, change or delete an account. The password is sent, never read."""
        native = change.before.native if change.before else None
        if change.after is None:
            self._delete_credential(native)
            return None
        known = look(self._client)
        ours = _bearing(change, known.credentials)
        present = next((c for c in known.credentials if native and c.id == native.id), ours)
        marker = change.after.marker
        username = str(change.after.attributes["name"])
        if present is None:
            made = self._client.credentials.create(
                username, self._password(), marker.text if marker else ""
            )
            return Observed(self._connection, known).credential(made)
        description = marker.written_into(present.description) if marker else present.description
        if present.username != username or present.description != description:
            changed = present.model_copy(update={"username": username, "description": description})
            present = self._client.credentials.modify(changed)
            self._client.credentials.change_password(present.id, self._password())
        return Observed(self._connection, known).credential(present)

    def _delete_credential(self, native: Ref | None) -> None:
        if native is None:
            return
        try:
            self._client.credentials.delete(native.id)
        except NotFoundError:
            return

    def _password(self) -> SecretStr:
        fabric = self._settings.fabric
        if fabric is None or fabric.password is None:
            msg = "the settings hold no password for the fabric account"
            raise InvalidRequestError(msg, hint="Set fabric.password.", operation="apply")
        return fabric.password

    # -- servers ------------------------------------------------------------------------------

    def scvmm(self, change: Change) -> Resource | Ref | None:
        """Register, change or remove an SCVMM server."""
        if change.after is None:
            return self._remove(change)
        waiting, known = self._work.under_way(), look(self._client)
        present = known.named(str(change.after.attributes["name"]), SCVMM_TYPE)
        if present is None:
            if waiting is not None:
                return waiting
            spec = {
                "type": SCVMM_TYPE,
                "name": change.after.attributes["name"],
                "description": _description(change, ""),
                "credentialsId": self._account(change, known),
                "addAllServers": False,
            }
            return self._work.begun(self._client.servers.add(spec))
        body = present.raw() | {
            "description": _description(change, present.description),
            "credentialsId": self._account(change, known),
        }
        return self._replaced(present, body) or Observed(self._connection, known).scvmm(present)

    def cluster(self, change: Change) -> Resource | Ref | None:
        """Register a cluster or host with its nodes, below its SCVMM or by itself."""
        if change.after is None:
            return self._remove_cluster(change)
        # In this order: what ended before the look is seen by it.
        waiting, known = self._work.under_way(), look(self._client)
        name = str(change.after.attributes["name"])
        present = known.named(name, CLUSTER_TYPE, HOST_TYPE)
        root = str(change.after.attributes.get("root"))
        if root != name:
            return self._below(change, known, present, root)
        if present is None:
            if waiting is not None:
                return waiting
            return self._work.begun(self._client.servers.add(self._spec(change, known, name)))
        return self._changed(change, known, present)

    def _spec(self, change: Change, known: Infrastructure, name: str) -> dict[str, Any]:
        assert change.after is not None
        account = self._account(change, known)
        spec: dict[str, Any] = {
            "type": change.after.attributes["type"],
            "name": name,
            "description": _description(change, ""),
            "credentialsId": account,
        }
        if change.after.attributes["type"] == HOST_TYPE:
            return spec | {"credentialsStorageType": "Permanent"}
        names = self._client.servers.discover(account, cluster=name)
        return spec | {"hvServers": _hosts(_nodes(change), names, name)}

    def _changed(
        self, change: Change, known: Infrastructure, present: ManagedServer
    ) -> Resource | Ref:
        """Bring what is registered into line: nodes and account by a change, then components."""
        account = self._account(change, known)
        body = present.raw() | {
            "description": _description(change, present.description),
            "credentialsId": account,
        }
        there = {short(host.name) for host in known.hosts_of(present)}
        if present.type == CLUSTER_TYPE and set(_nodes(change)) != there:
            names = self._client.servers.discover(account, cluster=present.name)
            body["childServers"] = _hosts(_nodes(change), names, present.name)
        return self._replaced(present, body) or self._deployed(known, present)

    def _below(
        self,
        change: Change,
        known: Infrastructure,
        present: ManagedServer | None,
        scvmm: str,
    ) -> Resource | Ref:
        root = known.named(scvmm, SCVMM_TYPE)
        if root is None:
            msg = f"{change.address} needs the SCVMM {scvmm}, which is not registered"
            raise ConflictError(msg, operation="apply", system=self._connection)
        there = {short(h.name) for h in known.hosts_of(present)} if present is not None else set()
        if present is not None and there == set(_nodes(change)):
            return self._deployed(known, present)
        names = self._client.servers.discover(root.credentials_id or "", scvmm_id=root.id)
        wanted = _hosts(_nodes(change), names, scvmm)
        gone = there - set(_nodes(change))
        kept = [row for row in root.child_servers or () if _short(row) not in gone]
        known_names = {_short(row) for row in kept}
        children = [*kept, *(row for row in wanted if _short(row) not in known_names)]
        begun = self._replaced(
            root, root.raw() | {"childServers": children, "addAllServers": False}
        )
        if begun is not None:
            return begun
        msg = (
            f"Veeam lists the hosts of {change.address} below {scvmm} and no cluster of that name"
        )
        hint = "Check `clusterNames` in the connection's settings."
        raise ConflictError(msg, hint=hint, operation="apply", system=self._connection)

    def _replaced(self, present: ManagedServer, body: dict[str, Any]) -> Ref | None:
        """Begin to write a server's record; None when it is that already."""
        if body == present.raw():
            return None
        return self._work.begin(lambda: self._client.servers.modify(present.id, body))

    def _deployed(self, known: Infrastructure, present: ManagedServer) -> Resource | Ref:
        """Begin to deploy what nodes lack; the resource when none lacks anything."""
        lacking = [host.id for host in known.hosts_of(present) if not is_ready(host)]
        if not lacking:
            return Observed(self._connection, known).cluster(present)
        return self._work.begin(lambda: self._client.servers.update_components(lacking))

    def _remove_cluster(self, change: Change) -> Ref | None:
        before = change.before.attributes if change.before else {}
        if before.get("root") == before.get("name"):
            return self._remove(change)
        known = look(self._client)
        native = change.before.native if change.before else None
        present = known.server(native.id if native else None)
        if present is None:
            return None
        root = known.root_of(present)
        gone = {short(host.name) for host in known.hosts_of(present)}
        children = [row for row in root.child_servers or () if _short(row) not in gone]
        return self._replaced(root, root.raw() | {"childServers": children})

    def _remove(self, change: Change) -> Ref | None:
        native = change.before.native if change.before else None
        if native is None:
            return None
        try:
            return self._work.begin(lambda: self._client.servers.remove(native.id))
        except NotFoundError:
            return None

    def _account(self, change: Change, known: Infrastructure) -> str:
        """Return the id of the account a server is opened by."""
        native = next((d.native for d in change.dependencies if d.kind == "credential"), None)
        if native is not None:
            return native.id
        username = str(change.after.attributes.get("credential")) if change.after else ""
        found = known.credential(username)
        if found is None:
            msg = f"{change.address} needs the account {username}, which Veeam does not have"
            hint = "Give fabric.password, or store the account in Veeam."
            raise ConflictError(msg, hint=hint, operation="apply", system=self._connection)
        return found.id


def _bearing(change: Change, rows: tuple[Credential, ...]) -> Credential | None:
    """Return the record that bears the marker of a change: made before an answer was lost."""
    marker = change.after.marker if change.after else None
    return next((c for c in rows if marker and marker.text in c.description), None)


def _description(change: Change, present: str) -> str:
    marker = change.after.marker if change.after else None
    return marker.written_into(present) if marker else present


def _nodes(change: Change) -> tuple[str, ...]:
    nodes = change.after.attributes.get("nodes") if change.after else ()
    return tuple(map(str, nodes)) if isinstance(nodes, tuple) else ()


def _short(row: dict[str, Any]) -> str:
    return short(str(row.get("hvServerName", "")))


def _hosts(nodes: tuple[str, ...], names: list[str], where: str) -> list[dict[str, Any]]:
    """Return the rows for these nodes by the names that Veeam found."""
    full = {short(name): name for name in names}
    missing = [node for node in nodes if node not in full]
    if missing:
        there = ", ".join(sorted(full)) or "none"
        msg = f"{where} has no host {missing[0]}; Veeam finds {there}"
        raise ConflictError(msg, hint="Correct the nodes of the Cluster.", operation="apply")
    return [{"hvServerName": full[node]} for node in nodes]
