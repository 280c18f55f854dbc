"""Integration components of running VMs: backup, key-value exchange, heartbeat, shutdown.

They exist only while the VM runs (fact sheet §3.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv import schemas
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import COMPUTER_SYSTEM
from safepoint_lab.world.enums import GuestOs, PowerState
from safepoint_lab.world.model import Vm
from safepoint_lab.wsman import instance_text
from safepoint_lab.wsman.values import CimInstance, CimReference, CimValue

__all__ = [
    "CLASSES",
    "heartbeat_rows",
    "kvp_rows",
    "reference",
    "shutdown_rows",
    "vss_rows",
]

_INTRINSIC = 2
_GUEST = {
    GuestOs.WINDOWS: {
        "OSName": "Windows Server 2022 Datacenter",
        "OSVersion": "10.0.20348",
        "OSPlatformId": "2",
        "IntegrationServicesVersion": "10.0.20348",
    },
    GuestOs.LINUX: {
        "OSName": "Debian GNU/Linux",
        "OSVersion": "12",
        "OSPlatformId": "",
        "IntegrationServicesVersion": "3.1",
    },
}
CLASSES = (
    "Msvm_VssComponent",
    "Msvm_KvpExchangeComponent",
    "Msvm_HeartbeatComponent",
    "Msvm_ShutdownComponent",
)


def vss_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield backup components; none for a VM whose service is switched off."""
    for vm in _running(host, hints):
        if vm.vss_enabled:
            status = int(vm.vss_status)
            yield _component("Msvm_VssComponent", vm, OperationalStatus=[status])


def kvp_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield key-value exchange components with what the guest tells of itself."""
    for vm in _running(host, hints):
        items = _GUEST[vm.guest_os] | {"FullyQualifiedDomainName": vm.name} | vm.kvp
        yield _component(
            "Msvm_KvpExchangeComponent",
            vm,
            OperationalStatus=[2],
            GuestIntrinsicExchangeItems=[_kvp_item(*item) for item in items.items()],
        )


def heartbeat_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield heartbeat components."""
    for vm in _running(host, hints):
        yield _component("Msvm_HeartbeatComponent", vm, OperationalStatus=[2])


def shutdown_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield shutdown components."""
    for vm in _running(host, hints):
        yield _component("Msvm_ShutdownComponent", vm, OperationalStatus=[2])


def reference(component: CimInstance) -> CimReference:
    """Refer to a component."""
    names = ("SystemCreationClassName", "SystemName", "CreationClassName", "DeviceID")
    keys = tuple((name, component.text(name)) for name in names)
    return CimReference(component.namespace, component.class_name, keys)


def _running(host: Host, hints: Mapping[str, str]) -> Iterator[Vm]:
    for vm in host.machines(hints):
        if vm.power is PowerState.RUNNING:
            yield vm


def _component(class_name: str, vm: Vm, **properties: CimValue) -> CimInstance:
    return instance(
        class_name,
        CreationClassName=class_name,
        DeviceID=f"Microsoft:{vm.guid}\\{class_name}",
        ElementName=class_name.removeprefix("Msvm_").removesuffix("Component"),
        EnabledState=2,
        SystemCreationClassName=COMPUTER_SYSTEM,
        SystemName=vm.guid,
        **properties,
    )


def _kvp_item(name: str, data: str) -> str:
    item = instance("Msvm_KvpExchangeDataItem", Data=data, Name=name, Source=_INTRINSIC)
    return instance_text.write(item, schemas.load(schemas.VIRTUALIZATION))
