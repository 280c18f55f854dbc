"""Copying what a checkpoint froze into the repository."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safepoint.drivers import OnProgress, ShouldStop
from safepoint.errors import ConflictError, InvalidRequestError
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.restore_points import (
    CopyProgress,
    CopyReceipt,
    CopyRequest,
    RestorePoint,
    VerifyFinding,
    VerifyReport,
)
from safepoint_native.chains import opened_chain
from safepoint_native.copying import copy_disk
from safepoint_native.hyperv.configuration import MachineConfiguration, capture_configuration
from safepoint_native.mapping import CheckpointId
from safepoint_native.nodes import Nodes
from safepoint_native.repository import PointWriter, Repository, StoredPoint
from safepoint_native.repository import VerifyReport as StoredReport
from safepoint_native.sources.port import ShareAccess
from safepoint_native.vhdx import Chain

__all__ = ["MACHINE_FILE", "Copier", "to_point", "to_report", "vm_key"]

#: The name under which a restore point keeps the VM's configuration.
MACHINE_FILE = "machine.json"


def vm_key(workload: Ref) -> str:
    """Return the repository's key of a VM: cluster and GUID."""
    return f"{workload.system}/{workload.id}"


@dataclass(frozen=True)
class _Disk:
    name: str
    path: str
    chain: Chain
    data_bytes: int


class Copier:
    """Reads frozen files and writes unsealed restore points."""

    def __init__(
        self,
        connection: str,
        repository: Callable[[], Repository],
        *,
        level: int,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._repository = repository
        self._level = level
        self._now = now
        self._lock = threading.Lock()

    def copy(
        self,
        nodes: Nodes,
        shares: ShareAccess,
        request: CopyRequest,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> CopyReceipt:
        """Copy all disks and the configuration; nothing is sealed."""
        checkpoint = CheckpointId.of(request.checkpoint)
        machine = nodes.on_owner(
            checkpoint.vm_id, lambda c: capture_configuration(c, checkpoint.checkpoint_id)
        )
        # The name of a checkpoint's settings is the checkpoint's own; the VM's is kept.
        live = nodes.on_owner(
            checkpoint.vm_id, lambda c: capture_configuration(c, checkpoint.vm_id)
        )
        machine = machine.model_copy(update={"name": live.name, "notes": live.notes})
        if not _frozen(machine):
            msg = f"VM {machine.name} has no disk that a checkpoint freezes"
            raise ConflictError(msg, operation="copy", system=self._connection)
        point_id = f"{request.frozen_at:%Y%m%dT%H%M%S}-{request.tag[:8]}"
        writer = self._repository().begin(
            point_id,
            vm=vm_key(request.workload),
            tag=request.tag,
            created_at=request.frozen_at,
            metadata=_metadata(request, machine),
            level=self._level,
        )
        try:
            with ExitStack() as stack:
                disks = [_open(stack, shares, one.name, one.path) for one in _frozen(machine)]
                read = _copy_all(writer, disks, on_progress, should_stop)
            writer.add_file(MACHINE_FILE, machine.model_dump_json(indent=2).encode())
            stored = writer.finish({"read_bytes": read})
        except BaseException:
            writer.close()
            raise
        return CopyReceipt(
            handle=json.dumps(
                {"point": point_id, "tag": request.tag, "vm": vm_key(request.workload)}
            ),
            point=self.point_ref(point_id),
            read_bytes=read,
            stored_bytes=stored.stored_bytes,
            size_bytes=stored.size_bytes,
        )

    def verify(
        self, receipt: CopyReceipt, on_progress: OnProgress, should_stop: ShouldStop
    ) -> VerifyReport:
        """Read the unsealed copy back."""
        point, tag, vm = _handle(receipt)
        report = self._repository().verify(
            point,
            vm=vm,
            tag=tag,
            on_bytes=lambda done, total: on_progress(
                CopyProgress(done_bytes=done, total_bytes=total)
            ),
            should_stop=should_stop,
        )
        return to_report(receipt.point, report)

    def seal(self, receipt: CopyReceipt) -> RestorePoint:
        """Seal it; twice gives the same point."""
        point, tag, vm = _handle(receipt)
        return to_point(self._connection, self._repository().seal(point, tag=tag, vm=vm))

    def point_ref(self, point_id: str) -> Ref:
        """Return our handle of a restore point."""
        return Ref(kind="point", system=self._connection, id=point_id)


def _frozen(machine: MachineConfiguration) -> list[Any]:
    return [disk for disk in machine.disks if disk.is_protectable]


def _open(stack: ExitStack, shares: ShareAccess, name: str, path: str) -> _Disk:
    chain = stack.enter_context(opened_chain(shares, path))
    data = sum(extent.length for extent in chain.extents() if extent.source is not None)
    return _Disk(name, path, chain, data)


def _copy_all(
    writer: PointWriter, disks: list[_Disk], on_progress: OnProgress, should_stop: ShouldStop
) -> int:
    total = sum(disk.data_bytes for disk in disks)
    before = 0
    for disk in disks:
        base = disk.chain.images[-1]
        facts = {
            "file": disk.path.rsplit("\\", 1)[-1],
            "kind": base.kind.value,
            "block_bytes": base.block_bytes,
            "logical_sector_bytes": base.logical_sector_bytes,
            "physical_sector_bytes": base.physical_sector_bytes,
            "base_file": disk.path,
        }
        target = writer.disk(disk.name, disk.chain.size_bytes, metadata=facts)

        def tell(done: int, _total: int, before: int = before, name: str = disk.name) -> None:
            on_progress(CopyProgress(done_bytes=before + done, total_bytes=total, detail=name))

        copy_disk(disk.chain, target, on_progress=tell, should_stop=should_stop)
        before += disk.data_bytes
    return total


def _metadata(request: CopyRequest, machine: MachineConfiguration) -> dict[str, Any]:
    return {
        "workload": str(request.workload),
        "name": machine.name,
        "cluster": request.workload.system,
        "consistency": request.consistency.value,
        "job": request.job,
    }


def _handle(receipt: CopyReceipt) -> tuple[str, str, str]:
    try:
        content = json.loads(receipt.handle)
        return str(content["point"]), str(content["tag"]), str(content["vm"])
    except (ValueError, KeyError, TypeError):
        pass
    msg = f"{receipt.point} carries no receipt of the native driver"
    raise InvalidRequestError(msg)


def to_point(connection: str, stored: StoredPoint) -> RestorePoint:
    """Return the neutral restore point; a damaged one keeps what could be read."""
    facts = stored.metadata
    cluster, _, vm_id = stored.vm.partition("/")
    try:
        consistency = Consistency(str(facts.get("consistency", "unknown")))
    except ValueError:
        consistency = Consistency.UNKNOWN
    return RestorePoint(
        ref=Ref(kind="point", system=connection, id=stored.point_id),
        workload=Ref(kind="workload", system=cluster, id=vm_id),
        workload_name=str(facts.get("name", vm_id)),
        cluster=cluster,
        created_at=stored.created_at,
        consistency=consistency,
        size_bytes=stored.size_bytes,
        read_bytes=int(facts.get("read_bytes", 0)),
        stored_bytes=stored.stored_bytes,
        job=str(facts.get("job", "")),
        is_damaged=bool(stored.problem),
        detail=stored.problem,
    )


def to_report(point: Ref, report: StoredReport) -> VerifyReport:
    """Return the neutral report."""
    return VerifyReport(
        point=point,
        checked_bytes=report.checked_bytes,
        findings=tuple(
            VerifyFinding(file=f.file, disk=f.disk, offset=f.offset, problem=f.problem)
            for f in report.findings
        ),
    )
