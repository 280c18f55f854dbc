"""`CanRecoverInstantly` of the reference driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from typing_extensions import override

from safepoint.drivers import CanRecoverInstantly
from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.instant_recovery import (
    InstantRecovery,
    InstantRecoveryRequest,
    InstantRecoveryState,
)
from safepoint.models.refs import Ref
from safepoint_lab.reference.mounts import Mount, MountWord
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["RecoveringSession"]

_STATES: Final[Mapping[str, InstantRecoveryState]] = {
    MountWord.COMING: InstantRecoveryState.STARTING,
    MountWord.UP: InstantRecoveryState.MOUNTED,
    MountWord.MOVING: InstantRecoveryState.MIGRATING,
    MountWord.BROKEN: InstantRecoveryState.FAILED,
}


class RecoveringSession(ReferenceSession, CanRecoverInstantly):
    """Machines straight from the repository in memory."""

    @override
    def start_instant_recovery(self, request: InstantRecoveryRequest, /, *, key: str) -> Ref:
        call = "start_instant_recovery"
        return self._ask(call, request.point.id, lambda: self._mount(request, key))

    def _mount(self, request: InstantRecoveryRequest, key: str) -> Ref:
        mounts = self._world.mounts
        if key not in mounts.keys:
            copy = self._world.repository.find_point(request.point.id)
            name = copy.point.workload_name if request.in_place else request.new_name
            taken = {machine.name for machine in self._world.machines.values()}
            if not request.in_place and (not name or name in taken):
                msg = f"a new VM needs a name that is free, not {name!r}"
                raise ConflictError(msg, operation="start_instant_recovery")
            mount = Mount(
                id=self._world.next_id("I"),
                point=request.point.id,
                name=name,
                node=request.node,
                in_place=request.in_place,
                power_on=request.start,
                asked_seconds=self._world.clock.monotonic(),
                due_seconds=0.0,
            )
            mounts.start(self._world, mount)
            mounts.keys[key] = mount.id
        return self._mount_ref(mounts.keys[key])

    @override
    def instant_recoveries(self) -> Iterator[InstantRecovery]:
        def read() -> list[InstantRecovery]:
            return [self._recovery(mount) for mount in self._world.mounts.mounts.values()]

        return self._list("instant_recoveries", read)

    def _recovery(self, mount: Mount) -> InstantRecovery:
        point = self._world.repository.points[mount.point].point
        machine = self._world.machines.get(mount.machine)
        cluster = self._world.cluster
        return InstantRecovery(
            ref=self._mount_ref(mount.id),
            state=_STATES.get(mount.word, InstantRecoveryState.UNKNOWN),
            workload_name=mount.name,
            workload=Ref(kind="workload", system=cluster, id=machine.id) if machine else None,
            point=point.ref,
            point_created_at=point.created_at,
            cluster=cluster,
            node=machine.node if machine else mount.node,
            job=point.job,
            in_place=mount.in_place,
            started_at=self._world.moment(mount.asked_seconds),
            message=mount.message,
            native_state=mount.word,
        )

    @override
    def migrate_instant_recovery(self, recovery: Ref, /, *, key: str) -> Ref:
        def write() -> Ref:
            mount = self._world.mounts.mounts.get(recovery.id)
            call = "migrate_instant_recovery"
            if mount is None:
                msg = f"no instant recovery has the id {recovery.id}"
                raise NotFoundError(msg, operation=call, system=self._context.connection)
            if mount.word != MountWord.UP:
                msg = f"{mount.name} cannot be migrated: it is {mount.word}"
                raise ConflictError(msg, operation=call, system=self._context.connection)
            self._world.mounts.move(self._world, mount)
            return recovery

        return self._ask("migrate_instant_recovery", recovery.id, write)

    @override
    def stop_instant_recovery(self, recovery: Ref, /, *, key: str) -> None:
        def write() -> None:
            mount = self._world.mounts.mounts.get(recovery.id)
            if mount is not None:
                self._world.mounts.stop(self._world, mount)

        self._ask("stop_instant_recovery", recovery.id, write)

    def _mount_ref(self, ident: str) -> Ref:
        return Ref(kind="instant-recovery", system=self._context.connection, id=ident)
