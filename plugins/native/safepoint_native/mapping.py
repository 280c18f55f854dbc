"""From Hyper-V's words to ours: tables and pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from safepoint.errors import DriverError, InvalidRequestError, SafepointError
from safepoint.models.checkpoints import (
    Checkpoint,
    FrozenDisk,
    OperationState,
    OperationStatus,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Disk, Workload, workload_ref
from safepoint_native.cim.reference import CimRef
from safepoint_native.hyperv.checkpoints import HostCheckpoint
from safepoint_native.hyperv.inventory import VirtualMachine
from safepoint_native.hyperv.jobs import JobLook, Started

__all__ = [
    "CheckpointId",
    "HostJob",
    "checkpoint_ref",
    "failed",
    "guest_family",
    "to_checkpoint",
    "to_status",
    "to_workload",
    "vm_ref",
]

_REPLICATION = {1: "primary", 2: "replica", 3: "test-replica", 4: "extended-replica"}
_REPLICA_MODES = frozenset({2, 3, 4})
_TEST_MODE = 3


def vm_ref(cluster: str, vm_id: str) -> Ref:
    """Return our handle of a VM: the GUID alone is not unique, a replica has the same."""
    return workload_ref(cluster, vm_id)


def guest_family(os_name: str) -> str:
    """Return `windows`, `linux` or nothing, from what the guest says of itself."""
    if not os_name:
        return ""
    return "windows" if "windows" in os_name.casefold() else "linux"


def to_workload(cluster: str, machine: VirtualMachine) -> Workload:
    """Return the neutral VM."""
    return Workload(
        ref=vm_ref(cluster, machine.id),
        name=machine.name,
        cluster=cluster,
        node=machine.node,
        power=machine.power,
        activity=machine.activity,
        guest=machine.guest,
        guest_os=guest_family(machine.guest_os),
        generation=machine.generation,
        disks=tuple(
            Disk(
                name=disk.name,
                path=disk.path,
                location=disk.location,
                is_differencing=disk.is_differencing,
                is_protectable=disk.is_protectable,
            )
            for disk in machine.disks
        ),
        is_replica=machine.replication_mode in _REPLICA_MODES,
        is_test_copy=machine.replication_mode == _TEST_MODE,
        replication=_REPLICATION.get(machine.replication_mode, ""),
        native_state=machine.native_power,
    )


@dataclass(frozen=True)
class CheckpointId:
    """A checkpoint's id with that of its VM, so that its owner can be found."""

    vm_id: str
    checkpoint_id: str

    @classmethod
    def of(cls, ref: Ref) -> CheckpointId:
        """Read a handle back.

        Raises:
            InvalidRequestError: it is no checkpoint handle of this driver.
        """
        vm_id, slash, checkpoint_id = ref.id.partition("/")
        if ref.kind != "checkpoint" or not slash:
            msg = f"{ref} is no checkpoint of the native driver"
            raise InvalidRequestError(msg)
        return cls(vm_id, checkpoint_id)


def checkpoint_ref(cluster: str, vm_id: str, checkpoint_id: str) -> Ref:
    """Return our handle of a checkpoint."""
    return Ref(kind="checkpoint", system=cluster, id=f"{vm_id.upper()}/{checkpoint_id.upper()}")


def to_checkpoint(
    cluster: str, found: HostCheckpoint, machine: VirtualMachine, now: datetime
) -> Checkpoint:
    """Return the neutral checkpoint. One without a time counts as made now."""
    frozen = {file.location.lower(): file.path for file in found.frozen}
    disks = tuple(
        FrozenDisk(name=disk.name, path=frozen[disk.location.lower()])
        for disk in machine.disks
        if disk.location.lower() in frozen
    )
    parent = found.parent_id and checkpoint_ref(cluster, found.vm_id, found.parent_id).id
    return Checkpoint(
        ref=checkpoint_ref(cluster, found.vm_id, found.id),
        workload=vm_ref(cluster, found.vm_id),
        workload_name=machine.name,
        name=found.name,
        kind=found.kind,
        created_at=found.created_at or now,
        node=machine.node,
        # Hyper-V names a new checkpoint "<VM> - (<date> - <time>)", whatever the language.
        has_default_name=found.name.startswith(f"{machine.name} - ("),
        parent_id=parent or "",
        disks=disks,
        native_state=found.native_type,
    )


@dataclass(frozen=True)
class HostJob:
    """A job on a node, as it travels inside an operation handle."""

    node: str
    operation: str
    vm_id: str
    job: CimRef | None
    put_back: int | None = None
    """The VM's own checkpoint type, to be set again once the job has ended."""

    @classmethod
    def of(
        cls, node: str, vm_id: str, started: Started, *, put_back: int | None = None
    ) -> HostJob:
        """Take what an asynchronous call answered."""
        return cls(node, started.operation, vm_id, started.job, put_back)

    def to_ref(self, cluster: str) -> Ref:
        """Return the handle; it survives this process."""
        content: dict[str, object] = {"n": self.node, "m": self.operation, "v": self.vm_id}
        if self.job is not None:
            content["j"] = [self.job.namespace, self.job.class_name, dict(self.job.keys)]
        if self.put_back is not None:
            content["t"] = self.put_back
        return Ref(kind="operation", system=cluster, id=json.dumps(content, separators=(",", ":")))

    @classmethod
    def from_ref(cls, ref: Ref) -> HostJob:
        """Read a handle back.

        Raises:
            InvalidRequestError: it is no operation handle of this driver.
        """
        try:
            content = json.loads(ref.id)
            job = content.get("j")
            cim = CimRef(job[0], job[1], tuple(job[2].items())) if job else None
            return cls(content["n"], content["m"], content["v"], cim, content.get("t"))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            pass
        msg = f"{ref} is no operation of the native driver"
        raise InvalidRequestError(msg)


def to_status(ref: Ref, look: JobLook, result: Ref | None) -> OperationStatus:
    """Return the neutral status of a job."""
    if look.error is not None:
        return failed(ref, look.error)
    return OperationStatus(
        ref=ref, state=look.state, percent=look.percent, result=result, warnings=look.warnings
    )


def failed(ref: Ref, error: SafepointError) -> OperationStatus:
    """Return the status of an operation that failed with this error."""
    native_code = error.native_code if isinstance(error, DriverError) else ""
    native_message = error.native_message if isinstance(error, DriverError) else ""
    return OperationStatus(
        ref=ref,
        state=OperationState.FAILED,
        code=error.code,
        message=error.message,
        hint=error.hint,
        native_code=native_code,
        native_message=native_message,
    )
