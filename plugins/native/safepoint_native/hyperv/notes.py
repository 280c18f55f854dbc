"""The notes of VMs: free text for people, and the place where safepoint leaves its marker."""

from __future__ import annotations

from typing import Final

from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import EmbeddedInstance, string, string_array
from safepoint_native.cim.wql import guid
from safepoint_native.hyperv.jobs import Started
from safepoint_native.hyperv.schema import MANAGEMENT_SERVICE, VSSD, instance_id
from safepoint_native.hyperv.settings import owned_rows

__all__ = ["read_notes", "write_notes"]

_REALIZED: Final = "Microsoft:Hyper-V:System:Realized"


def read_notes(client: CimClient, vm_id: str) -> str:
    """Return the notes of a VM; empty when the node does not own it (any more)."""
    settings = owned_rows(client, VSSD, [vm_id])[guid(vm_id)]
    realized = [row for row in settings if row.text("VirtualSystemType") == _REALIZED]
    return " ".join(realized[0].texts("Notes")) if realized else ""


def write_notes(client: CimClient, vm_id: str, notes: str) -> Started:
    """Replace the notes of a VM. Hosts keep the first of several only [recorded]."""
    method = "ModifySystemSettings"
    wish = EmbeddedInstance(
        VSSD, (string("InstanceID", instance_id(vm_id)), string_array("Notes", [notes]))
    )
    result = client.invoke(MANAGEMENT_SERVICE, method, {"SystemSettings": wish}, changes=True)
    return Started.of(method, result)
