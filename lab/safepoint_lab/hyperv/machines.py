"""`Msvm_ComputerSystem`: the host and the VMs it owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv.captions import status_descriptions, translate
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import COMPUTER_SYSTEM
from safepoint_lab.hyperv.replication.rows import machine_facts
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.model import NEVER, Vm
from safepoint_lab.wsman.values import CimInstance

__all__ = [
    "planned_rows",
    "rows",
]

_REQUESTED = {PowerState.RUNNING: 2, PowerState.OFF: 3, PowerState.SAVED: 6, PowerState.PAUSED: 9}
_UNCHANGED = 5
_HEALTHY = 5
_HEALTH_MAJOR = 20
_TRANSITIONS = {PowerState.SHUTTING_DOWN: "Stopping", PowerState.STARTING: "Starting"}


def rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the host first, then its VMs; nothing at all to an account without rights ([I])."""
    if host.restricted:
        return
    yield _host_row(host)
    for vm in host.machines(hints):
        if not vm.planned:
            yield _machine_row(host, vm)


def planned_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VMs that are planned: imported but not realised."""
    for vm in host.machines():
        if vm.planned:
            yield instance(
                "Msvm_PlannedComputerSystem",
                CreationClassName="Msvm_PlannedComputerSystem",
                ElementName=vm.name,
                Name=vm.guid,
                EnabledState=int(PowerState.OFF),
            )


def _host_row(host: Host) -> CimInstance:
    node = host.node
    up = host.now() - node.booted_at
    return instance(
        COMPUTER_SYSTEM,
        Caption=translate("Hosting Computer System", host.locale),
        CreationClassName=COMPUTER_SYSTEM,
        Dedicated=[0],
        Description="Microsoft Hosting Computer System",
        ElementName=host.computer_name,
        EnabledDefault=2,
        EnabledState=2,
        HealthState=_HEALTHY,
        InstallDate=NEVER,
        LastReplicationTime=NEVER,
        Name=host.computer_name,
        NumberOfNumaNodes=1,
        OnTimeInMilliseconds=int(up.total_seconds() * 1000),
        OperationalStatus=[2],
        RequestedState=_UNCHANGED,
        Status="OK",
        StatusDescriptions=status_descriptions([2], host.locale),
    )


def _machine_row(host: Host, vm: Vm) -> CimInstance:
    running = vm.power is PowerState.RUNNING
    status = vm.operational_status
    return instance(
        COMPUTER_SYSTEM,
        Caption=translate("Virtual Machine", host.locale),
        CreationClassName=COMPUTER_SYSTEM,
        Description="Microsoft Virtual Machine",
        ElementName=vm.name,
        EnabledDefault=2,
        EnabledState=int(vm.power),
        EnhancedSessionModeState=3,
        HealthState=_HEALTH_MAJOR if vm.storage_lost else _HEALTHY,
        InstallDate=vm.created_at,
        LastSuccessfulBackupTime=None if vm.last_backup_at == NEVER else vm.last_backup_at,
        Name=vm.guid,
        NumberOfNumaNodes=1,
        OnTimeInMilliseconds=_on_time(host, vm) if running else 0,
        OperationalStatus=list(status),
        OtherEnabledState=_TRANSITIONS.get(vm.power),
        ProcessID=_process_id(vm) if running else None,
        RequestedState=_REQUESTED.get(vm.power, _UNCHANGED) if running else _UNCHANGED,
        Status="Degraded" if vm.storage_lost else "OK",
        StatusDescriptions=status_descriptions(status, host.locale),
        TimeOfLastConfigurationChange=vm.config_changed_at,
        TimeOfLastStateChange=vm.started_at,
        **machine_facts(host, vm),
    )


def _on_time(host: Host, vm: Vm) -> int:
    return max(0, int((host.world.now() - vm.started_at).total_seconds() * 1000))


def _process_id(vm: Vm) -> int:
    """Return a stable made-up process id."""
    return 1000 + int(vm.guid[:4], 16)
