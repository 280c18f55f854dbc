"""Association classes: rows of two references, made for one target or for the whole host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from safepoint_lab.hyperv import components, devices, identifiers, jobs
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import machine, setting, settings_of
from safepoint_lab.world.model import AffectedElement
from safepoint_lab.wsman.values import CimInstance, CimReference

__all__ = [
    "Rows",
    "affected_rows",
    "component_rows",
    "device_rows",
    "last_applied_rows",
    "most_current_rows",
    "parent_rows",
    "snapshot_rows",
    "state_rows",
]

Rows = Callable[[Host, Mapping[str, str]], Iterator[CimInstance]]

_COMPONENT_ROWS: tuple[Rows, ...] = (
    components.vss_rows,
    components.kvp_rows,
    components.heartbeat_rows,
    components.shutdown_rows,
)
_DEVICE_ROWS: tuple[Rows, ...] = (
    devices.resource_rows,
    devices.storage_rows,
    devices.processor_rows,
    devices.memory_rows,
    devices.adapter_rows,
    devices.connection_rows,
    devices.vss_setting_rows,
)


def affected_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield what finished jobs did; nothing for a job that still runs ([R])."""
    for job in jobs.known(host):
        if not job.finished:
            continue
        for element in job.affected:
            affected = _affected(element)
            if affected is not None:
                yield instance(
                    "Msvm_AffectedJobElement",
                    AffectedElement=affected,
                    AffectingElement=identifiers.job(job),
                    ElementEffects=[element.effect],
                )


def snapshot_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VM to checkpoint."""
    for vm in host.machines(hints):
        for checkpoint in host.checkpoints(vm):
            yield instance(
                "Msvm_SnapshotOfVirtualSystem",
                Antecedent=machine(vm.guid),
                Dependent=settings_of(checkpoint.guid),
            )


def state_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VM to its active settings."""
    for vm in host.machines(hints):
        yield instance(
            "Msvm_SettingsDefineState",
            ManagedElement=machine(vm.guid),
            SettingData=settings_of(vm.guid),
        )


def most_current_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VM to the checkpoint its disks descend from."""
    for vm in host.machines(hints):
        if vm.most_current:
            yield instance(
                "Msvm_MostCurrentSnapshotInBranch",
                Antecedent=machine(vm.guid),
                Dependent=settings_of(vm.most_current),
            )


def last_applied_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the checkpoint that was applied last to its VM."""
    for vm in host.machines(hints):
        if vm.last_applied:
            yield instance(
                "Msvm_LastAppliedSnapshot",
                Antecedent=settings_of(vm.last_applied),
                Dependent=machine(vm.guid),
            )


def parent_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield parent checkpoint to child checkpoint."""
    for vm in host.machines(hints):
        for checkpoint in host.checkpoints(vm):
            if checkpoint.parent:
                yield instance(
                    "Msvm_ParentChildSettingData",
                    Antecedent=settings_of(checkpoint.parent),
                    Dependent=settings_of(checkpoint.guid),
                )


def component_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield settings of a VM or checkpoint to its device settings."""
    for device_rows in _DEVICE_ROWS:
        for row in device_rows(host, hints):
            owner, _ = identifiers.split(row.text("InstanceID"))
            yield instance(
                "Msvm_VirtualSystemSettingDataComponent",
                GroupComponent=settings_of(owner),
                PartComponent=setting(row.class_name, row.text("InstanceID")),
            )


def device_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield running VM to its integration components."""
    for rows in _COMPONENT_ROWS:
        for row in rows(host, hints):
            yield instance(
                "Msvm_SystemDevice",
                GroupComponent=machine(row.text("SystemName")),
                PartComponent=components.reference(row),
            )


def _affected(element: AffectedElement) -> CimReference | None:
    """Refer to what a job affected; files are no CIM objects here."""
    if element.kind == "vm":
        return machine(element.key)
    if element.kind == "checkpoint":
        return settings_of(element.key)
    if element.kind.startswith("Msvm_"):
        return setting(element.kind, element.key)
    return None
