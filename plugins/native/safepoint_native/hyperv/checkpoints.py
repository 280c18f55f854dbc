"""Checkpoints: list, create, rename, apply, delete.

Three methods of the service name their argument three different ways; the names below are
Microsoft's. Creating answers with a job and without the checkpoint: the result is known only
when the job has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from safepoint.errors import (
    BusyError,
    ConflictError,
    NotFoundError,
    ProtocolError,
    QuiesceError,
    SafepointError,
    TransientError,
    VendorFaultError,
)
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.workloads import Activity, GuestState
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.envelope import Argument
from safepoint_native.cim.instance_text import (
    EmbeddedInstance,
    InstanceProperty,
    boolean,
    string,
    uint8,
    uint16,
)
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid, literal
from safepoint_native.hyperv.disks import AttachedDisk, virtual_disk_rows
from safepoint_native.hyperv.inventory import machine, read_activity, system_row
from safepoint_native.hyperv.jobs import Started, created_elements
from safepoint_native.hyperv.schema import (
    CHECKPOINT_KINDS,
    MANAGEMENT_SERVICE,
    SASD,
    SNAPSHOT_SERVICE,
    V2,
    VSSD,
    instance_id,
    setting_ref,
    vm_ref,
)
from safepoint_native.hyperv.settings import owned_rows, owner_and_tail

__all__ = [
    "FrozenFile",
    "HostCheckpoint",
    "checkpoint",
    "created_checkpoint",
    "explain_create_failure",
    "list_checkpoints",
    "name_disks",
    "set_user_checkpoint_type",
    "start_apply",
    "start_create_recovery",
    "start_create_user",
    "start_delete",
    "start_rename",
]

_FULL: Final = 2
#: The vendor value that makes a recovery checkpoint; from Microsoft's backup sample.
_RECOVERY: Final = 32768
_APPLICATION: Final = 1
_CRASH: Final = 2
#: Leaves log truncation of other products' chains in the guest alone (2016 and later).
_COPY_BACKUP: Final = 2
#: ErrorCodes that say no more than that it failed.
_GENERAL_FAILURES: Final = frozenset({"2", "32768"})
_SNAPSHOT_PREFIX: Final = "Microsoft:Hyper-V:Snapshot:"


@dataclass(frozen=True)
class FrozenFile:
    """One disk file as a checkpoint froze it."""

    location: str
    """The place in the VM: equals `AttachedDisk.location` of the disk that is attached there."""
    path: str


@dataclass(frozen=True)
class HostCheckpoint:
    """A checkpoint as one node shows it."""

    id: str
    vm_id: str
    name: str
    kind: CheckpointKind
    native_type: str
    created_at: datetime | None
    """By the host's clock."""
    parent_id: str
    """GUID of the checkpoint before; empty for the first."""
    notes: str
    has_memory: bool
    """True for a standard checkpoint of a running VM (inference from IsSaved)."""
    frozen: tuple[FrozenFile, ...] = ()


def list_checkpoints(client: CimClient, vm_id: str | None = None) -> list[HostCheckpoint]:
    """Return checkpoints of every kind and owner, oldest first; of one VM or of the node.

    An empty list for a VM means that the VM is here and has none: a VM that is elsewhere raises.

    Raises:
        NotFoundError: the VM is not on this node (any more).
        TransientError: it came to this node while it was read; look again.
    """
    if vm_id is None:
        return _list_node(client)
    where = f"VirtualSystemIdentifier = {literal(guid(vm_id))}"
    rows = client.query(V2, f"SELECT * FROM {VSSD} WHERE {where}")  # noqa: S608  (checked parts)
    found = [row for row in rows if _is_checkpoint(row)]
    storage = owned_rows(client, SASD, [owner_and_tail(row)[0] for row in found])
    is_here = any(owner_and_tail(row)[0] == guid(vm_id) for row in rows)
    if found or not is_here:
        # Asked last: had the VM moved meanwhile, the answers above would be half.
        system_row(client, vm_id)
    if not is_here:
        msg = f"{client.node}: VM {guid(vm_id)} came to this node while it was read"
        raise TransientError(msg, hint="Look again.", system=client.node)
    return _read_all(found, storage)


def _list_node(client: CimClient) -> list[HostCheckpoint]:
    """List a whole node. Files first: a checkpoint that came in between is looked up again."""
    storage = owned_rows(client, SASD)
    rows = client.query(V2, f"SELECT * FROM {VSSD}")  # noqa: S608  (constants)
    found = [row for row in rows if _is_checkpoint(row)]
    missing = [owner for row in found if (owner := owner_and_tail(row)[0]) not in storage]
    return _read_all(found, storage | owned_rows(client, SASD, missing))


def _read_all(rows: Iterable[CimRow], storage: Mapping[str, list[CimRow]]) -> list[HostCheckpoint]:
    made = [_read(row, storage.get(owner_and_tail(row)[0], [])) for row in rows]
    return sorted(
        made, key=lambda one: (one.vm_id, one.created_at is None, one.created_at, one.id)
    )


def checkpoint(client: CimClient, checkpoint_id: str) -> HostCheckpoint:
    """Return one checkpoint.

    Raises:
        NotFoundError: it is gone, or its VM is on another node.
    """
    row = client.get(setting_ref(checkpoint_id))
    if not _is_checkpoint(row):
        msg = f"{client.node}: {guid(checkpoint_id)} is no checkpoint"
        raise NotFoundError(msg, operation="Get", system=client.node)
    storage = owned_rows(client, SASD, [checkpoint_id])[guid(checkpoint_id)]
    # Asked again: had the VM moved meanwhile, the files would be missing.
    client.get(setting_ref(checkpoint_id))
    return _read(row, storage)


def name_disks(found: HostCheckpoint, disks: Iterable[AttachedDisk]) -> dict[str, str]:
    """Return disk name → frozen file, for the disks of a VM that a checkpoint froze."""
    frozen = {file.location.lower(): file.path for file in found.frozen}
    return {
        disk.name: frozen[disk.location.lower()]
        for disk in disks
        if disk.location.lower() in frozen
    }


def start_create_recovery(
    client: CimClient, vm_id: str, *, application_consistent: bool
) -> Started:
    """Ask for a recovery checkpoint, the kind backups use.

    Args:
        client: The node that owns the VM.
        vm_id: The VM.
        application_consistent: True asks the guest to quiesce and fails when it cannot; False
            does not ask.

    Raises:
        BusyError: something else is being done with the VM; nothing was started.
        ConflictError: the VM's state forbids it.
        OutcomeUnknownError: asked, but no answer came.
    """
    settings = EmbeddedInstance(
        "Msvm_VirtualSystemSnapshotSettingData",
        (
            uint8("ConsistencyLevel", _APPLICATION if application_consistent else _CRASH),
            uint8("GuestBackupType", _COPY_BACKUP),
            boolean("IgnoreNonSnapshottableDisks", value=True),
        ),
    )
    return _create(client, vm_id, settings, _RECOVERY)


def start_create_user(client: CimClient, vm_id: str) -> Started:
    """Ask for a checkpoint that can be applied by hand.

    The VM's own setting decides whether it is a production or a standard one. Errors as
    `start_create_recovery`.
    """
    return _create(client, vm_id, "", _FULL)


def created_checkpoint(
    client: CimClient, started: Started, *, vm_id: str, before: Iterable[str]
) -> str:
    """Return the GUID of what a finished create made; empty when that cannot be told.

    Args:
        client: The node that ran the job.
        started: What `start_create_recovery` or `start_create_user` returned.
        vm_id: The VM.
        before: The GUIDs of the checkpoints the VM had before: when the host forgot the job,
            the one new checkpoint is the result.
    """
    for ref in created_elements(client, started, "ResultingSnapshot"):
        return guid(ref.key("InstanceID").removeprefix("Microsoft:"))
    known = {guid(one) for one in before}
    new = [one.id for one in list_checkpoints(client, vm_id) if one.id not in known]
    return new[0] if len(new) == 1 else ""


def explain_create_failure(client: CimClient, vm_id: str, error: SafepointError) -> SafepointError:
    """Return the error of a failed create, said better when the guest is to blame.

    A host does not always give a number for a guest that cannot be quiesced. Then its general
    failure, of a checkpoint that was to be application-consistent, together with a backup
    integration service that does not answer is taken for that (inference from state, not words).

    Args:
        client: The node that owns the VM.
        vm_id: The VM.
        error: What `look_at_job` said.
    """
    if not isinstance(error, VendorFaultError) or error.native_code not in _GENERAL_FAILURES:
        return error
    if machine(client, vm_id).guest not in {GuestState.ABSENT, GuestState.DEGRADED}:
        return error
    return QuiesceError(
        f"{error.message}; the guest's backup integration service does not answer",
        hint="Start the service in the guest (Windows: Hyper-V Volume Shadow Copy Requestor; "
        "Linux: hv_vss_daemon), or allow crash consistency in the policy.",
        operation=error.operation,
        system=error.system,
        native_code=error.native_code,
        native_message=error.native_message,
    )


def start_rename(client: CimClient, checkpoint_id: str, name: str) -> Started:
    """Give a checkpoint a name; doing it twice is harmless.

    Raises:
        InvalidRequestError: the name holds characters Hyper-V mishandles.
    """
    settings = (string("InstanceID", instance_id(checkpoint_id)), string("ElementName", name))
    return _modify(client, settings)


def set_user_checkpoint_type(client: CimClient, vm_id: str, checkpoint_type: int) -> Started:
    """Decide what kind of checkpoint `start_create_user` makes for a VM.

    Args:
        client: The node that owns the VM.
        vm_id: The VM.
        checkpoint_type: 2 disabled, 3 production else standard, 4 production only, 5 standard.
    """
    kind = uint16("UserSnapshotType", checkpoint_type)
    return _modify(client, (string("InstanceID", instance_id(vm_id)), kind))


def start_apply(client: CimClient, checkpoint_id: str) -> Started:
    """Put a VM back to a checkpoint; the VM must be off or saved.

    Raises:
        ConflictError: the VM runs, or the checkpoint's kind cannot be applied.
        NotFoundError: the checkpoint is gone.
    """
    return _call(client, "ApplySnapshot", {"Snapshot": setting_ref(checkpoint_id)})


def start_delete(client: CimClient, checkpoint_id: str) -> Started:
    """Ask for deletion. The merge follows in the background: deleted is not yet merged.

    Raises:
        NotFoundError: the checkpoint is gone already.
        BusyError: something else is being done with the VM; nothing was started.
    """
    return _call(client, "DestroySnapshot", {"AffectedSnapshot": setting_ref(checkpoint_id)})


def _create(
    client: CimClient, vm_id: str, settings: EmbeddedInstance | str, snapshot_type: int
) -> Started:
    arguments: dict[str, Argument] = {
        "AffectedSystem": vm_ref(vm_id),
        "SnapshotSettings": settings,
        "SnapshotType": snapshot_type,
    }
    try:
        return _call(client, "CreateSnapshot", arguments)
    except ConflictError as exc:
        raise _busy_instead(client, vm_id, exc) from exc


def _busy_instead(
    client: CimClient, vm_id: str, refused: ConflictError
) -> ConflictError | BusyError:
    """Say what is being done with a VM when that is why the host refused."""
    activity = read_activity(system_row(client, vm_id))
    if activity is Activity.NONE:
        return refused
    words = activity.value.replace("-", " ")
    return BusyError(
        f"{refused.message}; right now: {words}",
        hint="Wait until that has ended, then try again.",
        operation=refused.operation,
        system=refused.system,
        native_code=refused.native_code,
    )


def _call(client: CimClient, method: str, arguments: Mapping[str, Argument]) -> Started:
    return Started.of(method, client.invoke(SNAPSHOT_SERVICE, method, arguments, changes=True))


def _modify(client: CimClient, properties: tuple[InstanceProperty, ...]) -> Started:
    method = "ModifySystemSettings"
    settings = EmbeddedInstance(VSSD, properties)
    result = client.invoke(MANAGEMENT_SERVICE, method, {"SystemSettings": settings}, changes=True)
    return Started.of(method, result)


def _is_checkpoint(row: CimRow) -> bool:
    return (row.text("VirtualSystemType") or "").startswith(_SNAPSHOT_PREFIX)


def _read(row: CimRow, storage: Iterable[CimRow]) -> HostCheckpoint:
    native = row.need_text("VirtualSystemType")
    kind = CHECKPOINT_KINDS.get(native, CheckpointKind.UNKNOWN)
    has_memory = bool(row.flag("IsSaved"))
    if kind is CheckpointKind.PRODUCTION and has_memory:
        kind = CheckpointKind.STANDARD
    own_id, _ = owner_and_tail(row)
    if not own_id:
        msg = f"a checkpoint has the unusable id {row.text('InstanceID')!r}"
        raise ProtocolError(msg)
    parent = row.reference("Parent")
    return HostCheckpoint(
        id=own_id,
        vm_id=guid(row.need_text("VirtualSystemIdentifier")),
        name=row.text("ElementName") or "",
        kind=kind,
        native_type=native,
        created_at=row.moment("CreationTime"),
        parent_id=_parent_id(parent),
        notes=" ".join(row.texts("Notes")),
        has_memory=has_memory,
        frozen=tuple(
            FrozenFile(owner_and_tail(disk)[1], disk.texts("HostResource")[0])
            for disk in virtual_disk_rows(storage)
        ),
    )


def _parent_id(parent: CimRef | None) -> str:
    if parent is None:
        return ""
    return guid(parent.key("InstanceID").removeprefix("Microsoft:"))
