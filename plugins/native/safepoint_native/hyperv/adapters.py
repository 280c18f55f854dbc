"""Network adapters of VMs, the virtual switches of a node, and which goes where.

Adapters of the emulated sort, which VMs of generation 1 boot from, are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import (
    EmbeddedInstance,
    InstanceProperty,
    string,
    string_array,
    uint16,
)
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv.jobs import Started
from safepoint_native.hyperv.schema import MANAGEMENT_SERVICE, V2
from safepoint_native.hyperv.settings import owned_rows

__all__ = ["Wire", "adapter_names", "list_switches", "list_wires", "start_wiring"]

_ADAPTER: Final = "Msvm_SyntheticEthernetPortSettingData"
_CONNECTION: Final = "Msvm_EthernetPortAllocationSettingData"
_SWITCH: Final = "Msvm_VirtualEthernetSwitch"
_ENABLED: Final = 2
_DISABLED: Final = 3


@dataclass(frozen=True)
class Wire:
    """One adapter of a VM; switches by name, empty for none."""

    name: str
    """Not unique: every adapter is called "Network Adapter" until somebody names it."""
    connection_id: str
    """The InstanceID of its connection; empty when the host shows none."""
    switch: str
    test_switch: str
    """Where the same adapter of a test VM goes."""


def adapter_names(
    client: CimClient, vm_ids: Iterable[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the names of the adapters by the GUID of their owner, with one query."""
    rows = owned_rows(client, _ADAPTER, vm_ids)
    return {owner: tuple(_name(row) for row in found) for owner, found in rows.items()}


def list_switches(client: CimClient) -> dict[str, CimRef]:
    """Return the virtual switches of a node by name."""
    rows = client.query(V2, f"SELECT * FROM {_SWITCH}", with_refs=True)  # noqa: S608  (constants)
    return {_name(row): row.ref for row in rows if row.ref is not None}


def list_wires(
    client: CimClient, vm_ids: Iterable[str] | None = None
) -> dict[str, tuple[Wire, ...]]:
    """Return the adapters by the GUID of their owner, with three queries a node."""
    owners = None if vm_ids is None else list(vm_ids)
    adapters = owned_rows(client, _ADAPTER, owners)
    connections = owned_rows(client, _CONNECTION, owners)
    names = {ref.key("Name").upper(): name for name, ref in list_switches(client).items()}
    return {
        owner: tuple(_wires(rows, connections.get(owner, ()), names))
        for owner, rows in adapters.items()
    }


def _wires(
    adapters: Iterable[CimRow], connections: Iterable[CimRow], switches: Mapping[str, str]
) -> Iterable[Wire]:
    of_adapter: dict[str, CimRow] = {}
    for row in connections:
        parent = row.reference("Parent")
        if parent is not None:
            of_adapter[parent.key("InstanceID").upper()] = row
    for adapter in adapters:
        connection = of_adapter.get(adapter.need_text("InstanceID").upper())
        if connection is None:
            yield Wire(_name(adapter), "", "", "")
            continue
        yield Wire(
            _name(adapter),
            connection.need_text("InstanceID"),
            _switch(connection, switches),
            connection.text("TestReplicaSwitchName") or "",
        )


def _switch(connection: CimRow, switches: Mapping[str, str]) -> str:
    """Return the switch it is connected to; the last known name when the node has it no more."""
    if connection.integer("EnabledState") != _ENABLED:
        return ""
    for path in connection.texts("HostResource"):
        known = switches.get(CimRef.from_path(path).key("Name").upper())
        return known or connection.text("LastKnownSwitchName") or ""
    return ""


def start_wiring(
    client: CimClient, wire: Wire, switch: CimRef | None, test_switch: str
) -> Started:
    """Connect an adapter to a switch, or to none, and say where it goes in tests.

    That a connection is changed by naming only what changes, and that a receiving replica may
    be changed in this, is inference.
    """
    properties: list[InstanceProperty] = [string("InstanceID", wire.connection_id)]
    if switch is None:
        properties.append(uint16("EnabledState", _DISABLED))
    else:
        properties.append(uint16("EnabledState", _ENABLED))
        properties.append(string_array("HostResource", [switch.path(client.node)]))
    properties.append(string("TestReplicaSwitchName", test_switch))
    method = "ModifyResourceSettings"
    wish = EmbeddedInstance(_CONNECTION, tuple(properties))
    result = client.invoke(MANAGEMENT_SERVICE, method, {"ResourceSettings": [wish]}, changes=True)
    return Started.of(method, result)


def _name(row: CimRow) -> str:
    return row.text("ElementName") or ""
