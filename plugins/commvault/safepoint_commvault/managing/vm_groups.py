"""Writing VM groups: content, filters, consistency, plan, and whether they back up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from safepoint.errors import BusyError, ConflictError, NotFoundError
from safepoint.models.attributes import Attributes
from safepoint.models.plans import Change
from safepoint.models.resources import Resource
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing import content
from safepoint_commvault.managing.kind import Kind, marked, native_id, wish_of
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.wire.work import VSA_AGENT, VmGroup

__all__ = ["VmGroupKind", "retired"]

# How a list is taken: added to what is there, or in its place [S].
_ADD: Final = 2
_OVERWRITE: Final = 1


def retired(resource: Resource) -> Resource:
    """Return how an object looks that only keeps its restore points: a VM group switched off.

    Its plan ages them as before.
    """
    if resource.kind != "job":
        return resource
    fields = Attributes({**resource.attributes, "enabled": False})
    return resource.model_copy(update={"attributes": fields})


@dataclass(frozen=True, slots=True)
class VmGroupKind(Kind):
    """Only what is ours is sent: the vendor's SDK sends back everything it read before [X]."""

    client: CommvaultClient
    observer: Observer

    @override
    def find(self, change: Change) -> Resource | None:
        hypervisor = _hypervisor(change)
        if hypervisor is None:
            return change.before  # a deletion, which needs its handle only
        rows = self.client.vm_groups.of_hypervisor(native_id(hypervisor) or "")
        known = native_id(change.before)
        name = str(wish_of(change).attributes["name"]).casefold()
        for row in rows:
            is_it = row.entity.id == known if known else row.entity.name.casefold() == name
            if is_it:
                return self._resource(change, row.entity.id, hypervisor)
        return None

    @override
    def create(self, change: Change) -> str:
        wish, hypervisor = wish_of(change), _hypervisor(change)
        assert hypervisor is not None, "only deletions have none"
        parent = self.client.vm_groups.parent(native_id(hypervisor) or "")
        fields = wish.attributes.nested()
        entity = {
            "clientName": parent.client or hypervisor.attributes["name"],
            "appName": VSA_AGENT,
            "instanceName": parent.instance,
            "backupsetName": parent.backup_set,
            "subclientName": fields["name"],
        }
        properties = _properties(fields, marked("", wish), _ADD)
        return self.client.vm_groups.create({**properties, "subClientEntity": entity})

    @override
    def modify(self, change: Change, found: Resource) -> str:
        wish, ident = wish_of(change), native_id(found) or ""
        fields = wish.attributes.nested()
        text = self.client.vm_groups.get(ident).description or ""
        properties = _properties(fields, marked(text, wish), _OVERWRITE)
        if found.attributes["name"] != fields["name"]:
            properties["subClientEntity"] = {"subclientName": fields["name"]}
        self.client.vm_groups.modify(ident, properties)
        return ident

    @override
    def remove(self, change: Change, found: Resource) -> None:
        """Remove it, unless it works at the moment."""
        ident = native_id(found) or ""
        if self.client.jobs.listed(subclient=ident, only_active=True):
            msg = f"{change.address}: a job of it is running; nothing was deleted"
            raise BusyError(msg, operation="apply", system=self.client.system)
        try:
            self.client.vm_groups.get(ident)
        except NotFoundError:
            return
        self.client.vm_groups.delete(ident)

    @override
    def look(self, change: Change, ident: str) -> Resource:
        hypervisor = _hypervisor(change)
        assert hypervisor is not None, "only deletions have none"
        return self._resource(change, ident, hypervisor)

    def _resource(self, change: Change, ident: str, hypervisor: Resource) -> Resource:
        whole: VmGroup = self.client.vm_groups.get(ident)
        holds_data = change.before.holds_data if change.before is not None else False
        found = self.observer.vm_group(whole, hypervisor, holds_data=holds_data)
        return found.model_copy(update={"depends_on": wish_of(change).depends_on})


def _hypervisor(change: Change) -> Resource | None:
    """Return the hypervisor that the VM group hangs on; None for a deletion.

    Raises:
        ConflictError: it is not there.
    """
    if change.after is None:
        return None
    for one in change.dependencies:
        if one.kind == "hypervisor" and one.native is not None:
            return one
    msg = f"{change.address} needs its hypervisor, which is not there"
    raise ConflictError(msg, operation="apply")


def _properties(wish: Mapping[str, Any], description: str, how: int) -> dict[str, Any]:
    return {
        "vmContentOperationType": how,
        "vmContent": content.to_wire(wish.get("include", [])),
        "vmFilterOperationType": how,
        "vmFilter": content.to_wire(wish.get("exclude", [])),
        "commonProperties": {"description": description, "enableBackup": wish["enabled"]},
        "vsaSubclientProp": {
            "quiesceGuestFileSystemAndApplications": wish["quiesce"],
            "useChangedTrackingOnVM": wish["change_tracking"],
        },
        "planEntity": {"planName": wish["plan"]},
    }
