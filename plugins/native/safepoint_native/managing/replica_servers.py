"""How clusters receive replicas, and bringing that into line: settings, and who may send."""

from __future__ import annotations

from collections.abc import Callable

from safepoint.errors import ConflictError
from safepoint.models.plans import Change
from safepoint.models.resources import Resource
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import boolean, string, uint16
from safepoint_native.hyperv import replicating as ask
from safepoint_native.hyperv.replication import ServerEntry, read_server
from safepoint_native.managing.replica_sight import server_resources
from safepoint_native.nodes import Nodes
from safepoint_native.replica_mapping import LOGINS
from safepoint_native.waiting import finish

__all__ = ["ReplicaServers", "whole"]


class ReplicaServers:
    """The replica servers of one connection.

    Args:
        connection: Its name, for handles.
        nodes_of: Returns the nodes of a cluster; raises NotFoundError for one that is not read.
    """

    def __init__(self, connection: str, nodes_of: Callable[[str], Nodes]) -> None:
        self._connection = connection
        self._of = nodes_of

    def apply_settings(self, change: Change, cluster: str) -> Resource | None:
        """Bring the settings of a cluster into line.

        Raises:
            ConflictError: they were to be deleted.
        """
        if change.after is None:
            msg = f"the settings of the replica server {cluster} are never deleted by safepoint"
            hint = "Switch it off by hand when nothing is replicated to it any more."
            raise ConflictError(msg, hint=hint, operation="apply", system=cluster)
        wish = change.after.attributes
        logins = sum(number for number, login in LOGINS.items() if wish.get(login.value))
        properties = [
            boolean("RecoveryServerEnabled", bool(wish.get("enabled"))),
            uint16("AllowedAuthenticationType", logins),
            uint16("HttpPort", whole(wish.get("http_port"))),
            uint16("HttpsPort", whole(wish.get("https_port"))),
        ]
        if wish.get("thumbprint"):
            properties.append(string("CertificateThumbPrint", str(wish.get("thumbprint"))))
        client = self._any(cluster)
        finish(client, ask.modify_server(client, properties))
        return next(server_resources(cluster, read_server(client), self._connection))

    def apply_permission(self, change: Change, cluster: str, primary: str) -> Resource | None:
        """Let a primary send to a cluster, or no more."""
        client = self._any(cluster)
        known = {entry.primary.casefold(): entry for entry in read_server(client).entries}
        found = known.get(primary)
        if change.after is None:
            if found is not None:
                finish(client, ask.remove_entry(client, found.primary))
            return None
        wish = change.after.attributes
        entry = ServerEntry(
            primary=found.primary if found is not None else primary,
            trust_group=str(wish.get("trust_group") or ""),
            storage=str(wish.get("storage") or ""),
        )
        if found is None:
            finish(client, ask.add_entry(client, entry))
        elif found != entry:
            finish(client, ask.modify_entry(client, entry))
        listed = server_resources(cluster, read_server(client), self._connection)
        return next(one for one in listed if one.address == change.address)

    def _any(self, cluster: str) -> CimClient:
        """Return a node of a cluster: all of them share how it receives."""
        return self._of(cluster).first_living()


def whole(value: object) -> int:
    """Return a whole number of a resource; 0 when there is none."""
    return int(value) if isinstance(value, int) else 0
