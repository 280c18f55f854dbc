"""Methods of `Msvm_VirtualSystemManagementService` about whole VMs, and power."""

from __future__ import annotations

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.answering import (
    CREATED,
    done,
    embedded,
    embedded_list,
    integer,
    invalid,
    machine_guid,
    reference,
    started,
    unsupported,
)
from safepoint_lab.hyperv.host import Host
from safepoint_lab.world.enums import JobType, UserSnapshotType
from safepoint_lab.world.model import AffectedElement, NotHereError
from safepoint_lab.world.port import VmChanges, VmDefinition
from safepoint_lab.wsman.values import CimInstance, MethodCall, MethodResult

__all__ = [
    "define_system",
    "destroy_system",
    "initiate_shutdown",
    "modify_system",
    "request_state_change",
]

_SUBTYPES = {"Microsoft:Hyper-V:SubType:1": 1, "Microsoft:Hyper-V:SubType:2": 2}
_GUEST_SHUTDOWN = 4


def request_state_change(host: Host, call: MethodCall) -> MethodResult:
    """Do Msvm_ComputerSystem.RequestStateChange on a VM."""
    vm = machine_guid(call.target)
    requested = call.arguments.get("RequestedState")
    if not isinstance(requested, int):
        raise invalid()
    return started(host.world.request_power(vm, requested, node=host.name))


def initiate_shutdown(host: Host, call: MethodCall) -> MethodResult:
    """Do Msvm_ShutdownComponent.InitiateShutdown: the guest is asked, no job is given."""
    vm = (call.target.key("SystemName") or "").upper()
    host.world.request_power(vm, _GUEST_SHUTDOWN, node=host.name)
    return MethodResult(0)


def modify_system(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifySystemSettings on a VM or a checkpoint."""
    settings = embedded(call, "SystemSettings")
    owner, tail = identifiers.split(settings.text("InstanceID") if settings else "")
    if settings is None or not owner or tail:
        raise invalid()
    changes = VmChanges(
        name=settings.text("ElementName") or None,
        notes=_notes(settings),
        user_snapshot_type=_user_snapshot_type(settings),
        automatic_snapshots=_flag(settings, "AutomaticSnapshotsEnabled"),
    )
    with host.world.lock:
        checkpoint = host.checkpoint(owner)
        vm = host.owner(owner)
    if vm is None:
        msg = f"no settings {owner} on {host.name}"
        raise NotHereError(msg)
    if checkpoint is None:
        host.world.modify_vm(owner, changes, node=host.name)
    else:
        host.world.modify_checkpoint(owner, changes, node=host.name)
    return done(host, JobType.MODIFY, vm.guid)


def define_system(host: Host, call: MethodCall) -> MethodResult:
    """Do DefineSystem; the new VM is to be found through the job ([I]).

    Of the resources only processor and memory are taken; devices that need a parent are added
    afterwards. That VirtualSystemIdentifier sets the identity is [I].
    """
    settings = embedded(call, "SystemSettings")
    if settings is None or call.arguments.get("ReferenceConfiguration") is not None:
        raise unsupported() if settings else invalid()
    quantities = _quantities(embedded_list(call, "ResourceSettings"))
    guid = settings.text("VirtualSystemIdentifier") or None
    if guid is not None and not identifiers.GUID.fullmatch(guid):
        raise invalid()
    defaults = VmDefinition(settings.text("ElementName") or "New Virtual Machine")
    definition = VmDefinition(
        name=defaults.name,
        generation=_generation(settings),
        guid=guid.upper() if guid else None,
        processors=quantities.get(identifiers.PROCESSOR, defaults.processors),
        memory_mb=quantities.get(identifiers.MEMORY, defaults.memory_mb),
        config_root=settings.text("ConfigurationDataRoot") or None,
        notes=_notes(settings) or (),
        user_snapshot_type=_user_snapshot_type(settings) or defaults.user_snapshot_type,
        version=settings.text("Version") or defaults.version,
    )
    vm = host.world.define_vm(definition, node=host.name)
    host.fittings.begin(vm.key)
    return done(host, JobType.DEFINE, vm.guid, [AffectedElement("vm", vm.guid, CREATED)])


def destroy_system(host: Host, call: MethodCall) -> MethodResult:
    """Do DestroySystem."""
    vm = machine_guid(reference(call, "AffectedSystem"))
    key = host.world.vm(vm, node=host.name).key
    job = host.world.destroy_vm(vm, node=host.name)
    host.fittings.forget(key)
    return started(job)


def _generation(settings: CimInstance) -> int:
    subtype = settings.text("VirtualSystemSubType") or "Microsoft:Hyper-V:SubType:1"
    if subtype not in _SUBTYPES:
        raise invalid()
    return _SUBTYPES[subtype]


def _quantities(resources: list[CimInstance]) -> dict[str, int]:
    found: dict[str, int] = {}
    for resource in resources:
        quantity = integer(resource, "VirtualQuantity")
        if resource.class_name not in {identifiers.PROCESSOR, identifiers.MEMORY}:
            raise unsupported()
        if quantity is not None:
            found[resource.class_name] = quantity
    return found


def _notes(settings: CimInstance) -> tuple[str, ...] | None:
    """Return the notes; several are cut to the first without a word ([R])."""
    notes = settings.get("Notes")
    return tuple(notes[:1]) if isinstance(notes, list) else None


def _user_snapshot_type(settings: CimInstance) -> UserSnapshotType | None:
    number = integer(settings, "UserSnapshotType")
    try:
        return None if number is None else UserSnapshotType(number)
    except ValueError as error:
        raise invalid() from error


def _flag(settings: CimInstance, name: str) -> bool | None:
    value = settings.get(name)
    return value if isinstance(value, bool) else None
