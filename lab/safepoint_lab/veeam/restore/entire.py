"""Restore of an entire VM, to where it was or elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.machines import Target, VmWriter
from safepoint_lab.veeam.backup.runner import Workshop
from safepoint_lab.veeam.records import RestorePoint, Session, Task
from safepoint_lab.veeam.restore.targets import Targets
from safepoint_lab.veeam.wording import CANCELLED
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.model import Vm

__all__ = ["EntireRestore"]

_OFF, _START = 3, 2


class EntireRestore:
    """Starts entire-VM restores; each is a session of type RestoreVm."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._targets = Targets(shop.shelf, shop.fabric)
        self._writer = VmWriter(shop.fabric, shop.cells)

    def start(self, spec: dict[str, Any], user: str) -> Session:
        """Start a restore; `ApiError` 404 for an unknown point, 400 for a target that cannot be."""
        point = self._shop.shelf.get(RestorePoint, spec["restorePointId"])
        target = None
        if spec["type"] == "Customized":
            target = self._targets.customized(point, spec)
        name = target.name if target is not None else point.name
        session = self._shop.sessions.open("RestoreVm", name, user, hyperv=True)
        self._shop.crew.begin(partial(self._run, session, point, target, spec))
        return session

    def _run(
        self,
        session: Session,
        point: RestorePoint,
        target: Target | None,
        spec: dict[str, Any],
    ) -> None:
        sessions = self._shop.sessions
        sessions.work(session, 0)
        task = sessions.open_task(session, "Restore", session.name, point.vm)
        try:
            self._restore(session, task, point, target, spec)
        except (FabricError, OSError) as error:
            sessions.log(session, str(error), status="Failed")
            sessions.close(task, "Failed", str(error))
            sessions.close(session, "Failed", str(error))
        else:
            sessions.close(task, "Success")
            sessions.close(session, "Success")

    def _restore(
        self,
        session: Session,
        task: Task,
        point: RestorePoint,
        target: Target | None,
        spec: dict[str, Any],
    ) -> None:
        sessions = self._shop.sessions
        place = target or self._targets.original(point)
        self._make_room(session, point, place, original=target is None)
        step = partial(self._step, session, task)
        paths = self._writer.write(point, place, step)
        try:
            self._meet_fault(point)
            vm = self._writer.register(point, place, paths)
        except FabricError:
            self._writer.discard(paths)
            raise
        sessions.log(session, f"Registering VM {vm.name} on {vm.node}")
        if spec.get("powerUp"):
            self._shop.fabric.switch(vm, _START)
            sessions.log(session, f"Starting VM {vm.name}")

    def _make_room(
        self, session: Session, point: RestorePoint, place: Target, *, original: bool
    ) -> None:
        """Power off and delete the VM that is replaced [D]."""
        guid = point.vm if original else self._targets.clash(place.name, place.node)
        vm = self._shop.fabric.vm(guid) if guid else None
        if vm is not None:
            remove_vm(self._shop, vm)
            self._shop.sessions.log(session, f"Removing the original VM {vm.name}")

    def _step(self, session: Session, task: Task, done: int, total: int) -> None:
        self._shop.crew.check()
        if self._shop.sessions.stops.any(session.id):
            raise FabricError(CANCELLED)
        task.processed_bytes, task.total_bytes = done, total
        percent = done * 90 // total if total else 90
        if percent != session.percent:
            self._shop.sessions.work(session, percent)

    def _meet_fault(self, point: RestorePoint) -> None:
        vms = (point.vm, point.name)
        if self._shop.faults.take("veeam-restore-fails", vms=vms) is not None:
            message = f"Restore of {point.name} failed (simulated text)"
            raise FabricError(message)


def remove_vm(shop: Workshop, vm: Vm) -> None:
    """Power a VM off and delete it with its files."""
    if vm.power is not PowerState.OFF:
        shop.fabric.switch(vm, _OFF)
    shop.fabric.delete(vm)
