"""Instant recovery: a VM that runs from its backup, until it is migrated or stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from safepoint.drivers.once import Once
from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.instant_recovery import (
    InstantRecovery,
    InstantRecoveryRequest,
    InstantRecoveryState,
)
from safepoint.models.refs import Ref
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import short
from safepoint_veeam.places import Places
from safepoint_veeam.vms import VmIndex, Vms
from safepoint_veeam.wire.objects import Mount

__all__ = ["InstantRecoveries"]

_STATES: Final = {
    "mounting": InstantRecoveryState.STARTING,
    "mounted": InstantRecoveryState.MOUNTED,
    "dismounting": InstantRecoveryState.STOPPING,
    "failed": InstantRecoveryState.FAILED,
}
_MIGRATION: Final = "QuickMigration"


class InstantRecoveries:
    """Instant recoveries of one backup server. A mount is known by the session that made it [X].

    Args:
        client: The connection.
        connection: Its name.
        vms: The inventory.
        places: Targets.
    """

    def __init__(self, client: VeeamClient, connection: str, vms: Vms, places: Places) -> None:
        self._client = client
        self._connection = connection
        self._vms = vms
        self._places = places
        self._once: Once[Ref] = Once()
        self._migrating: set[str] = set()

    def start(self, request: InstantRecoveryRequest, key: str) -> Ref:
        """Start one."""
        return self._once(key, lambda: self._start(request))

    def _start(self, request: InstantRecoveryRequest) -> Ref:
        point = self._client.backups.point(request.point.id)
        allowed = {word.casefold() for word in point.allowed_operations}
        if allowed and "starthvvminstantrecovery" not in allowed:
            msg = "Veeam does not offer this point for instant recovery"
            raise ConflictError(msg, operation="instant-recovery", system=self._connection)
        session = self._client.restores.start_instant(self._spec(request))
        return self._ref(session.id)

    def _spec(self, request: InstantRecoveryRequest) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "restorePointId": request.point.id,
            "powerUp": request.start,
            "reason": request.reason or "safepoint",
        }
        if request.in_place:
            return spec | {"type": "OriginalLocation"}
        if not request.new_name:
            msg = "an instant recovery beside the original needs a new name"
            raise ConflictError(msg, operation="instant-recovery", system=self._connection)
        index = self._vms.look()
        if index.names.get(request.new_name.casefold()):
            msg = f"a VM named {request.new_name} exists already"
            raise ConflictError(msg, operation="instant-recovery", system=self._connection)
        store = self._places.store(request.point.id, request.new_name, request.storage)
        return spec | {
            "type": "Customized",
            "destinationHost": self._places.host(index.known, request.cluster, request.node),
            "datastore": store | {"allocateRequiredDiskSpace": False},
            "target": {
                "vmName": request.new_name,
                "preserveUUID": False,
                "registerAsClusterResource": False,
            },
        }

    def all(self) -> Iterator[InstantRecovery]:
        """List them all, whoever started them."""
        mounts = list(self._client.restores.mounts())
        if not mounts:
            self._migrating.clear()
            return
        index = self._vms.knowing([mount.vm_name for mount in mounts])
        failures = self._migration_failures(mounts)
        for mount in mounts:
            yield self._recovery(mount, index, failures.get(mount.session_id))

    def _migration_failures(self, mounts: list[Mount]) -> dict[str, str]:
        """Return why migrations of ours ended that did not succeed; asked for only then."""
        present = {mount.session_id: mount for mount in mounts}
        self._migrating &= present.keys()
        if not self._migrating:
            return {}
        newest = self._client.sessions.newest(50, {"typeFilter": _MIGRATION})
        failures = {}
        for ident in set(self._migrating):
            name = present[ident].vm_name
            session = next((one for one in newest if one.name == name), None)
            if session is not None and session.is_finished and session.result is not None:
                self._migrating.discard(ident)
                failures[ident] = session.result.message or "the migration failed"
        return failures

    def _recovery(self, mount: Mount, index: VmIndex, failure: str | None) -> InstantRecovery:
        state = _STATES.get(mount.state.casefold(), InstantRecoveryState.UNKNOWN)
        if state is InstantRecoveryState.MOUNTED and mount.session_id in self._migrating:
            state = InstantRecoveryState.MIGRATING
        spec = mount.spec or {}
        kind, point = str(spec.get("type", "")).casefold(), spec.get("restorePointId")
        vm = index.named(mount.vm_name)
        return InstantRecovery(
            ref=self._ref(mount.session_id),
            state=state,
            workload_name=mount.vm_name,
            workload=vm.ref if vm else None,
            point=Ref(kind="point", system=self._connection, id=str(point)) if point else None,
            point_created_at=mount.restore_point_date,
            cluster=vm.cluster if vm else "",
            node=short(mount.host_name or ""),
            job=mount.job_name,
            in_place=kind == "originallocation" if kind else None,
            message=failure or mount.error_message or "",
            native_state=mount.state,
        )

    def migrate(self, recovery: Ref) -> Ref:
        """Ask to move it; the call answers at once [S]."""
        mount = self._mount(recovery)
        if mount is None:
            msg = f"Veeam has no instant recovery {recovery.id}"
            raise NotFoundError(msg, operation="migrate", system=self._connection)
        if mount.state.casefold() != "mounted" or mount.session_id in self._migrating:
            msg = f"{mount.vm_name} cannot be migrated now: Veeam says {mount.state}"
            raise ConflictError(msg, operation="migrate", system=self._connection)
        self._client.restores.migrate_instant(mount.id)
        self._migrating.add(mount.session_id)
        return recovery

    def stop(self, recovery: Ref) -> None:
        """Ask to remove it; nothing to do when it is gone or going."""
        mount = self._mount(recovery)
        if mount is not None and mount.state.casefold() != "dismounting":
            self._client.restores.stop_instant(mount.id)

    def _mount(self, recovery: Ref) -> Mount | None:
        mounts = self._client.restores.mounts()
        return next((one for one in mounts if one.session_id == recovery.id), None)

    def _ref(self, session: str) -> Ref:
        return Ref(kind="instant-recovery", system=self._connection, id=session)
