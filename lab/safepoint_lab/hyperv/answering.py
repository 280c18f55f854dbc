"""What the methods have in common: arguments taken apart, jobs given back."""

from __future__ import annotations

from collections.abc import Sequence

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.host import Host
from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.model import AffectedElement, Job, NotHereError
from safepoint_lab.wsman.cimfault import Refused
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall, MethodResult

__all__ = [
    "CREATED",
    "UNKNOWN_EFFECT",
    "done",
    "done_on_host",
    "embedded",
    "embedded_list",
    "integer",
    "integer_argument",
    "invalid",
    "machine_guid",
    "reference",
    "references",
    "settings_guid",
    "started",
    "text",
    "unsupported",
]

CREATED = 5
UNKNOWN_EFFECT = 0


def started(job: Job) -> MethodResult:
    """Answer that a job runs; its result is only to be had from the job ([R])."""
    return MethodResult(int(ReturnValue.JOB_STARTED), {"Job": identifiers.job(job)})


def done(
    host: Host, kind: JobType, vm: str, affected: Sequence[AffectedElement] = ()
) -> MethodResult:
    """Answer with the job of something the world did at once."""
    now = host.world.now()
    elements = [*affected, AffectedElement("vm", vm, UNKNOWN_EFFECT)]
    return started(host.desk.file(host.name, kind, now, elements, vm=vm))


def done_on_host(host: Host, kind: JobType) -> MethodResult:
    """Answer with the job of something the world did at once to the host itself."""
    return started(host.desk.file(host.name, kind, host.world.now()))


def reference(call: MethodCall, name: str) -> CimReference:
    """Return a reference argument that must be there."""
    value = call.arguments.get(name)
    if not isinstance(value, CimReference):
        raise invalid()
    return value


def references(call: MethodCall, name: str) -> list[CimReference]:
    """Return an array of references, empty when absent."""
    value = call.arguments.get(name)
    return [v for v in value if isinstance(v, CimReference)] if isinstance(value, list) else []


def embedded(call: MethodCall, name: str) -> CimInstance | None:
    """Return an embedded instance, None when absent."""
    value = call.arguments.get(name)
    return value if isinstance(value, CimInstance) else None


def embedded_list(call: MethodCall, name: str) -> list[CimInstance]:
    """Return an array of embedded instances, empty when absent."""
    value = call.arguments.get(name)
    return [v for v in value if isinstance(v, CimInstance)] if isinstance(value, list) else []


def text(call: MethodCall, name: str) -> str:
    """Return a text argument that must be there."""
    value = call.arguments.get(name)
    if not isinstance(value, str):
        raise invalid()
    return value


def integer_argument(call: MethodCall, name: str) -> int:
    """Return an integer argument that must be there."""
    value = call.arguments.get(name)
    if not isinstance(value, int):
        raise invalid()
    return value


def integer(holder: CimInstance, name: str) -> int | None:
    """Return an integer property of an embedded instance, None when it is not set."""
    value = holder.get(name)
    return value if isinstance(value, int) else None


def machine_guid(reference_: CimReference) -> str:
    """Return the GUID of a VM that is referred to.

    Raises:
        NotHereError: The reference is to no VM, such as the host itself.
    """
    name = reference_.key("Name") or ""
    if reference_.class_name != identifiers.COMPUTER_SYSTEM or not identifiers.GUID.fullmatch(
        name
    ):
        msg = f"{name!r} is no virtual machine"
        raise NotHereError(msg)
    return name.upper()


def settings_guid(reference_: CimReference) -> str:
    """Return the GUID of the VM or checkpoint whose settings are referred to.

    Raises:
        NotHereError: The reference is to no such settings.
    """
    owner, tail = identifiers.split(reference_.key("InstanceID") or "")
    if reference_.class_name != identifiers.VSSD or not owner or tail:
        msg = f"{reference_.key('InstanceID')!r} names no settings"
        raise NotHereError(msg)
    return owner


def invalid() -> Refused:
    """Refuse an argument."""
    return Refused(int(ReturnValue.INVALID_PARAMETER))


def unsupported() -> Refused:
    """Refuse what the lab does not simulate."""
    return Refused(int(ReturnValue.NOT_SUPPORTED))
