"""Restoring entire VMs: in place, or as a new VM."""

from __future__ import annotations

from typing import Any, Final

from safepoint.drivers.once import Once
from safepoint.errors import ConflictError, NotFoundError, VendorFaultError
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.places import Places
from safepoint_veeam.stopping import stop_session
from safepoint_veeam.vms import Vms
from safepoint_veeam.wire.objects import Point, Session

__all__ = ["Restores"]

_ENTIRE: Final = "startentirevmrestorehyperv"
_STOP: Final = "Veeam turns the VM off and deletes it before it restores: allow that with --stop"


class Restores:
    """Entire-VM restores of one backup server.

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
        self._targets: dict[str, tuple[str, str]] = {}

    def preview(self, request: RestoreRequest) -> RestorePreview:
        """Say what would happen and what is in the way."""
        return self._worked_out(request)[0]

    def _worked_out(self, request: RestoreRequest) -> tuple[RestorePreview, dict[str, Any] | None]:
        """Return what would happen, and the inventory row of the host that gets a new VM."""
        point = self._client.backups.point(request.point.id)
        name = point.name if request.in_place else request.new_name
        blockers = [*self._blockers(request, point, name)]
        host = None
        if not request.in_place and not blockers:
            try:
                known = self._vms.index().known
                host = self._places.host(known, request.cluster, request.node)
            except NotFoundError as error:
                blockers.append(error.message)
        preview = RestorePreview(
            workload_name=point.name,
            target_name=name,
            cluster=request.cluster,
            node=str(host.get("name", "")).partition(".")[0] if host else request.node,
            size_bytes=point.original_size or 0,
            free_bytes=None,
            steps=tuple(_steps(request, name)),
            blockers=tuple(blockers),
            warnings=("Veeam does not say how much room the target has",),
        )
        return preview, host

    def _blockers(self, request: RestoreRequest, point: Point, name: str) -> list[str]:
        found = []
        allowed = {word.casefold() for word in point.allowed_operations}
        if allowed and _ENTIRE not in allowed:
            found.append("Veeam does not offer this point for an entire-VM restore")
        if request.in_place:
            if not request.stop_running:
                found.append(_STOP)
        elif not name:
            found.append("a new VM needs a name")
        elif self._vms.look().names.get(name.casefold()):
            found.append(f"a VM named {name} exists already")
        return found

    def start(self, request: RestoreRequest, key: str) -> Ref:
        """Start and return the restore to follow."""
        return self._once(key, lambda: self._start(request))

    def _start(self, request: RestoreRequest) -> Ref:
        preview, host = self._worked_out(request)
        if preview.blockers:
            msg = f"the restore cannot start: {preview.blockers[0]}"
            raise ConflictError(msg, operation="restore", system=self._connection)
        session = self._client.restores.vm(self._spec(request, host))
        self._targets[session.id] = (preview.target_name, request.cluster)
        return Ref(kind="restore", system=self._connection, id=session.id)

    def _spec(self, request: RestoreRequest, host: dict[str, Any] | None) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "restorePointId": request.point.id,
            "powerUp": request.start,
            "reason": request.reason or "safepoint",
        }
        if request.in_place:
            return spec | {"type": "OriginalLocation", "quickRollback": False}
        return spec | {
            "type": "Customized",
            "destinationHost": host,
            "datastore": self._places.store(request.point.id, request.new_name, request.share),
            "target": {
                "vmName": request.new_name,
                "preserveUUID": False,
                "registerAsClusterResource": True,
                "overwriteExistingVm": False,
                "overwriteExistingDisks": False,
            },
        }

    def status(self, restore: Ref) -> RestoreStatus:
        """Look once; the VM is told once its name is in the inventory."""
        try:
            session = self._client.sessions.get(restore.id)
        except NotFoundError:
            return RestoreStatus(ref=restore, state=OperationState.UNKNOWN)
        if not session.is_finished:
            phase = f"{session.state.lower()}, {session.progress_percent or 0} %"
            return RestoreStatus(ref=restore, state=OperationState.RUNNING, phase=phase)
        word = session.result.result.casefold() if session.result else ""
        if word in {"success", "warning"}:
            return self._succeeded(restore, session)
        return RestoreStatus(
            ref=restore,
            state=OperationState.FAILED,
            code=VendorFaultError.code,
            message=(session.result.message if session.result else "") or "the restore failed",
            hint=f"Session {session.id} in Veeam has the log.",
            is_cancelled=bool(session.result and session.result.is_canceled),
        )

    def _succeeded(self, restore: Ref, session: Session) -> RestoreStatus:
        name, cluster = self._targets.get(session.id, (session.name, ""))
        vm = self._vms.look().named(name, cluster)
        return RestoreStatus(
            ref=restore,
            state=OperationState.SUCCEEDED,
            phase="done",
            workload=vm.ref if vm else None,
        )

    def cancel(self, restore: Ref) -> None:
        """Ask to stop; Veeam removes what it made."""
        stop_session(self._client, restore.id)


def _steps(request: RestoreRequest, name: str) -> list[str]:
    if request.in_place:
        steps = [f"turn {name} off and delete it with its disks", f"restore {name} where it was"]
    else:
        steps = [f"restore a new VM {name}"]
    return [*steps, f"start {name}"] if request.start else steps
