"""Registering clusters, with all their nodes as access nodes, and proving that they were taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.plans import Change
from safepoint.models.resources import Resource
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.kind import Kind, marked, native_id, wish_of
from safepoint_commvault.managing.naming import Names, is_hyperv
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.wire.objects import ClientNode, IdName

__all__ = ["HypervisorKind"]


@dataclass(frozen=True, slots=True)
class HypervisorKind(Kind):
    """Its marker goes into the client's description by a request of its own, right afterwards."""

    client: CommvaultClient
    names: Names
    observer: Observer

    @override
    def find(self, change: Change) -> Resource | None:
        rows = [row for row in self.client.hypervisors.all() if is_hyperv(row.vendor)]
        known = native_id(change.before)
        if known is not None:
            ident = next((row.id for row in rows if row.id == known), None)
        else:
            name = str(wish_of(change).attributes["name"]).casefold()
            ident = next((row.id for row in rows if row.name.casefold() == name), None)
        return self.observer.hypervisor(ident) if ident is not None else None

    @override
    def is_ours(self, change: Change, found: Resource) -> bool:
        # Registered a moment ago and not marked yet, when an answer was lost in between.
        server = wish_of(change).attributes["server"]
        is_same = found.marker is None and found.attributes["server"] == server
        return is_same or found.marker == wish_of(change).marker

    @override
    def create(self, change: Change) -> str:
        wish = wish_of(change)
        nodes = self._access_nodes(wish.attributes.nested())
        rows = {row.name.casefold(): row for row in self.client.credentials.all()}
        stored = rows.get(self.names.credential.casefold())
        if stored is None:
            msg = f"no stored credential {self.names.credential!r}"
            raise NotFoundError(msg, operation="apply", system=self.client.system)
        credential = IdName(id=stored.id, name=stored.name)
        name, server = str(wish.attributes["name"]), str(wish.attributes["server"])
        ident = self.client.hypervisors.create(name, server, credential, nodes)
        self._mark(ident, wish)
        return ident

    @override
    def modify(self, change: Change, found: Resource) -> str:
        wish = wish_of(change)
        wanted, now = wish.attributes.nested(), found.attributes.nested()
        ident = native_id(found) or ""
        fields = _changed(wanted, now)
        if fields:
            self.client.hypervisors.modify(ident, fields)
        places = ("coordinator", "access_nodes")
        if any(wanted.get(place) != now.get(place) for place in places):
            self.client.hypervisors.set_access_nodes(ident, self._access_nodes(wanted))
        self._mark(ident, wish)
        return ident

    @override
    def remove(self, change: Change, found: Resource) -> None:
        self.client.hypervisors.delete(native_id(found) or "")

    @override
    def look(self, change: Change, ident: str) -> Resource:
        """Return it as it is now.

        Raises:
            ConflictError: the product left access nodes out, which it does without a word.
        """
        result = self.observer.hypervisor(ident)
        listed = result.attributes.nested().get("access_nodes", [])
        wanted = wish_of(change).attributes.nested()["access_nodes"]
        dropped = [name for name in wanted if name not in listed]
        if dropped:
            msg = f"{result.address}: the product did not take {', '.join(dropped)}"
            msg += " as access nodes, and said nothing of it"
            hint = "Is the agent there, and is the client reachable? Then apply again."
            raise ConflictError(msg, operation="apply", hint=hint, system=self.client.system)
        holds_data = change.before.holds_data if change.before is not None else False
        return result.model_copy(update={"holds_data": holds_data})

    def _access_nodes(self, wanted: Mapping[str, Any]) -> Sequence[ClientNode]:
        """Return the machines, the coordinator first.

        Raises:
            ConflictError: a node has no agent: the product would drop it in silence.
        """
        machines = self.client.machines.access_nodes()
        first = str(wanted["coordinator"])
        names = [first, *(name for name in wanted["access_nodes"] if name != first)]
        found = {name: next((m for m in machines if m.is_called(name)), None) for name in names}
        lacking = [name for name, machine in found.items() if machine is None]
        if lacking:
            msg = f"{', '.join(lacking)} cannot be access nodes: no Virtual Server Agent there"
            raise ConflictError(msg, operation="apply", system=self.client.system)
        return [machine for machine in found.values() if machine is not None]

    def _mark(self, ident: str, wish: Resource) -> None:
        text = self.client.machines.description(ident)
        if marked(text, wish) != text:
            name = str(wish.attributes["name"])
            self.client.machines.describe(ident, name, marked(text, wish))


def _changed(wanted: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if wanted["name"] != now.get("name"):
        fields["newName"] = wanted["name"]
    if wanted["server"] != now.get("server"):
        fields["serverName"] = wanted["server"]
    switches = ("backup_enabled", "restore_enabled")
    if any(wanted[name] != now.get(name) for name in switches):
        fields["activityControl"] = {
            "enableBackup": wanted["backup_enabled"],
            "enableRestore": wanted["restore_enabled"],
        }
    return fields
