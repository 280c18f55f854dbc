"""`CanCopy` of the reference driver: bytes move in small chunks, each with a progress call."""

from __future__ import annotations

from typing_extensions import override

from safepoint.drivers import CanCopy, OnProgress, ShouldStop
from safepoint.errors import RunCancelledError
from safepoint.models.refs import Ref
from safepoint.models.restore_points import (
    CopyProgress,
    CopyReceipt,
    CopyRequest,
    RestorePoint,
    VerifyReport,
)
from safepoint_lab.reference.faults import CopyFault
from safepoint_lab.reference.machines import Frozen, Machine
from safepoint_lab.reference.repository import Copy
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["CopyingSession"]

_CHUNK_BYTES = 64


class CopyingSession(ReferenceSession, CanCopy):
    """Copies into the repository in memory; a receipt's handle is the tag."""

    @override
    def copy(
        self, request: CopyRequest, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> CopyReceipt:
        copy = self._ask("copy", request.tag, lambda: self._begin_copy(request))
        fault = self._world.faults.copies.take("copy")
        total = copy.point.size_bytes
        chunks = 0
        done = 0
        for disk, source in self._source(request).items():
            for start in range(0, len(source), _CHUNK_BYTES):
                _check_stop(should_stop)
                if fault is not None and fault.error is not None and chunks >= fault.after_chunks:
                    raise fault.error
                done += self._copy_chunk(request, disk, start)
                chunks += 1
                on_progress(CopyProgress(done_bytes=done, total_bytes=total, detail=disk))
            copy.complete(disk, source)
        copy.point = copy.point.model_copy(update={"read_bytes": done, "stored_bytes": done})
        _apply_corruption(fault, copy)
        return CopyReceipt(
            handle=request.tag,
            point=copy.point.ref,
            read_bytes=done,
            stored_bytes=done,
            size_bytes=total,
        )

    def _begin_copy(self, request: CopyRequest) -> Copy:
        machine, frozen = self._world.find_checkpoint(request.checkpoint.id, "copy")
        disks = _protected(machine, frozen)
        point = RestorePoint(
            ref=Ref(kind="point", system="repository", id=self._world.next_id("P")),
            workload=request.workload,
            workload_name=machine.name,
            cluster=machine.cluster,
            created_at=request.frozen_at,
            consistency=request.consistency,
            size_bytes=sum(len(data) for data in disks.values()),
            job=request.job,
        )
        copy = Copy(request.tag, point, machine.guest_os)
        self._world.repository.begin(copy)
        return copy

    def _source(self, request: CopyRequest) -> dict[str, bytes]:
        with self._world.lock:
            return _protected(*self._world.find_checkpoint(request.checkpoint.id, "copy"))

    def _copy_chunk(self, request: CopyRequest, disk: str, start: int) -> int:
        """Copy one chunk; the checkpoint and the unsealed copy must still be there."""
        with self._world.lock:
            self._arrive("copy_chunk")
            _, frozen = self._world.find_checkpoint(request.checkpoint.id, "copy")
            data = frozen.contents[disk][start : start + _CHUNK_BYTES]
            self._world.repository.find_unsealed(request.tag).store(disk, data)
            return len(data)

    @override
    def verify_copy(
        self, receipt: CopyReceipt, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> VerifyReport:
        _check_stop(should_stop)
        repository = self._world.repository
        report = self._look(
            "verify_copy", lambda: repository.find_unsealed(receipt.handle).verify()
        )
        done = report.checked_bytes
        on_progress(CopyProgress(done_bytes=done, total_bytes=receipt.size_bytes))
        return report

    @override
    def seal(self, receipt: CopyReceipt, /) -> RestorePoint:
        repository = self._world.repository
        return self._ask("seal", receipt.handle, lambda: repository.seal(receipt.handle))

    @override
    def discard(self, tag: str, /) -> None:
        self._ask("discard", tag, lambda: self._world.repository.discard(tag))


def _protected(machine: Machine, frozen: Frozen) -> dict[str, bytes]:
    return {d: data for d, data in frozen.contents.items() if d not in machine.unprotectable}


def _check_stop(should_stop: ShouldStop) -> None:
    if should_stop():
        msg = "the copy was cancelled"
        raise RunCancelledError(msg)


def _apply_corruption(fault: CopyFault | None, copy: Copy) -> None:
    if fault is not None and fault.error is None:
        copy.flip_byte()
