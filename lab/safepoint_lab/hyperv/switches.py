"""Virtual switches of a host, and which adapter is connected to which.

Every host of the lab has the same two: the one VMs are on, and one for tests that leads nowhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv.answering import integer, invalid
from safepoint_lab.hyperv.fittings import SWITCH_NAME
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.schemas import VIRTUALIZATION
from safepoint_lab.world.model import NotHereError
from safepoint_lab.wsman.values import CimInstance, CimReference

__all__ = ["TEST_SWITCH_NAME", "modify_connection", "switch_reference", "switch_rows"]

TEST_SWITCH_NAME = "lab-test-switch"
_CLASS = "Msvm_VirtualEthernetSwitch"
_NAMESPACE = uuid.UUID("7a4a1f0e-5d0b-4c7e-9a0c-2f5d7f1b6c11")
_DISABLED = 3
_TAIL = "\\C"


def switch_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the switches of a host."""
    if host.restricted:
        return
    for name in (SWITCH_NAME, TEST_SWITCH_NAME):
        yield instance(
            _CLASS,
            Caption="Virtual Switch",
            CreationClassName=_CLASS,
            ElementName=name,
            EnabledState=2,
            HealthState=5,
            Name=_identity(host, name),
            OperationalStatus=[2],
        )


def switch_reference(host: Host, name: str) -> CimReference | None:
    """Refer to a switch by its name; None when the host has none that is called so."""
    if name not in (SWITCH_NAME, TEST_SWITCH_NAME):
        return None
    keys = (("CreationClassName", _CLASS), ("Name", _identity(host, name)))
    return CimReference(VIRTUALIZATION, _CLASS, keys)


def modify_connection(host: Host, owner: str, tail: str, wanted: CimInstance) -> None:
    """Do ModifyResourceSettings on a connection: another switch, another one for tests.

    An empty HostResource or EnabledState 3 disconnects.
    """
    with host.world.lock:
        vm = host.world.vm(owner, node=host.name)
    guid = tail.removesuffix(_TAIL)
    if not tail.endswith(_TAIL) or guid not in {a.guid for a in host.adapters(vm)}:
        msg = f"{vm.name} has no connection {tail}"
        raise NotHereError(msg)
    paths = wanted.get("HostResource")
    if integer(wanted, "EnabledState") == _DISABLED:
        host.fittings.connect(vm.key, guid, switch="")
    elif isinstance(paths, list) and paths:
        host.fittings.connect(vm.key, guid, switch=_name(host, str(paths[0])))
    test = wanted.get("TestReplicaSwitchName")
    if isinstance(test, str):
        host.fittings.connect(vm.key, guid, test_switch=test)


def _name(host: Host, path: str) -> str:
    """Return the name of the switch an object path names."""
    reference = CimReference.from_path(path, VIRTUALIZATION)
    wanted = (reference.key("Name") or "").upper() if reference else ""
    for name in (SWITCH_NAME, TEST_SWITCH_NAME):
        if _identity(host, name) == wanted:
            return name
    raise invalid()


def _identity(host: Host, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{host.name}/{name}")).upper()
