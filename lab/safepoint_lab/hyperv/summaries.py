"""`GetSummaryInformation`: one call, many facts of many VMs. Its wire form is [I]."""

from __future__ import annotations

from collections.abc import Callable

from safepoint_lab.hyperv import settings
from safepoint_lab.hyperv.answering import references, settings_guid
from safepoint_lab.hyperv.captions import status_descriptions
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import machine, settings_id
from safepoint_lab.hyperv.replication.rows import machine_facts
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.model import NotHereError, Vm
from safepoint_lab.wsman.values import CimInstance, CimValue, MethodCall, MethodResult

__all__ = [
    "get_summary_information",
]

_HEALTH = 116
"""Gives the health of replication and the test VM."""

_Reader = Callable[[Host, Vm], tuple[str, CimValue]]

_READERS: dict[int, _Reader] = {
    0: lambda _, vm: ("Name", vm.guid),
    1: lambda _, vm: ("ElementName", vm.name),
    2: lambda _, vm: ("CreationTime", vm.created_at),
    3: lambda _, vm: ("Notes", vm.notes[0] if vm.notes else None),
    4: lambda _, vm: ("NumberOfProcessors", vm.processors),
    10: lambda _, vm: ("Version", vm.version),
    100: lambda _, vm: ("EnabledState", int(vm.power)),
    101: lambda _, vm: ("ProcessorLoad", 0 if vm.power is PowerState.RUNNING else None),
    103: lambda _, vm: ("MemoryUsage", vm.memory_mb if vm.power is PowerState.RUNNING else None),
    104: lambda _, vm: ("Heartbeat", 2 if vm.power is PowerState.RUNNING else None),
    105: lambda host, vm: ("UpTime", _up_time(host, vm)),
    106: lambda _, vm: ("GuestOperatingSystem", vm.kvp.get("OSName")),
    107: lambda host, vm: ("Snapshots", _snapshots(host, vm)),
    109: lambda _, vm: ("HealthState", 20 if vm.storage_lost else 5),
    110: lambda _, vm: ("OperationalStatus", list(vm.operational_status)),
    111: lambda host, vm: (
        "StatusDescriptions",
        status_descriptions(vm.operational_status, host.locale),
    ),
    114: lambda host, vm: ("ReplicationMode", int(host.world.replication.mode(vm))),
    115: lambda host, vm: ("ReplicationState", _replication(host, vm, "ReplicationState")),
    116: lambda host, vm: ("ReplicationHealth", _replication(host, vm, "ReplicationHealth")),
}


def get_summary_information(host: Host, call: MethodCall) -> MethodResult:
    """Return the requested facts of the given VMs, of all VMs when none is given."""
    requested = call.arguments.get("RequestedInformation")
    codes = [code for code in requested if code in _READERS] if isinstance(requested, list) else []
    with host.world.lock:
        targets = references(call, "SettingData")
        machines = [_machine(host, settings_guid(t)) for t in targets] or list(host.machines())
        rows = [_summary(host, vm, codes) for vm in machines]
    return MethodResult(0, {"SummaryInformation": rows} if rows else {})


def _machine(host: Host, guid: str) -> Vm:
    vm = host.owner(guid)
    if vm is None:
        msg = f"no settings {guid} on {host.name}"
        raise NotHereError(msg)
    return vm


def _summary(host: Host, vm: Vm, codes: list[int]) -> CimInstance:
    facts = dict(_READERS[code](host, vm) for code in codes)
    if _HEALTH in codes:
        facts["TestReplicaSystem"] = _test_vm(host, vm)
    return instance("Msvm_SummaryInformation", InstanceID=settings_id(vm.guid), **facts)


def _snapshots(host: Host, vm: Vm) -> list[CimInstance] | None:
    rows = [settings.checkpoint_row(host, vm, each) for each in host.checkpoints(vm)]
    return rows or None


def _test_vm(host: Host, vm: Vm) -> CimValue:
    test = host.world.replication.test_of(vm)
    return machine(test.guid) if test is not None else None


def _replication(host: Host, vm: Vm, name: str) -> CimValue:
    return machine_facts(host, vm)[name]


def _up_time(host: Host, vm: Vm) -> int:
    if vm.power is not PowerState.RUNNING:
        return 0
    return max(0, int((host.world.now() - vm.started_at).total_seconds() * 1000))
