"""Entire-VM restore and instant recovery."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.api.sessions import session_model
from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, any_of, like
from safepoint_lab.veeam.records import Mount

__all__ = ["RestoreCalls"]

_ENTIRE = {
    "OriginalLocation": "EntireHvVMOriginalLocationRestoreSpec",
    "Customized": "EntireHvVMCustomizedRestoreSpec",
}
_INSTANT = {
    "OriginalLocation": "InstantHvVMOriginalLocationRecoverySpec",
    "Customized": "InstantHvVMCustomizedRecoverySpec",
}
_MOUNTS = f"{API}/restore/instantRecovery/hyperV/vm"


def _model(item: Mount, _: Call) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": item.id,
        "sessionId": item.session_id,
        "state": item.state,
        "spec": item.spec,
        "vmName": item.vm_name,
        "jobName": item.job_name,
        "restorePointDate": item.point_date.replace(tzinfo=None).isoformat(),
        "hostName": item.host_name,
    }
    return body | ({"errorMessage": item.error} if item.error else {})


_LISTING = Listing[Mount](
    _model,
    lambda item: item.created_at,
    {
        "stateFilter": lambda item, v: any_of(v, item.state),
        "vmNameFilter": lambda item, v: like(v[0], item.vm_name),
    },
    {"vmname": lambda item: item.vm_name.casefold(), "state": lambda item: item.state},
)


class RestoreCalls:
    """Handlers of restores."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one = f"{_MOUNTS}/{{mountId}}"
        entire = f"{API}/restore/vmRestore/hyperV"
        return [
            Operation("POST", entire, self.entire, shape=_ENTIRE, hyperv=True),
            Operation("GET", _MOUNTS, self.mounts, hyperv=True),
            Operation("POST", _MOUNTS, self.instant, shape=_INSTANT, hyperv=True),
            Operation("GET", one, self.mount, hyperv=True),
            Operation("POST", f"{one}/unmount", self.unmount, hyperv=True),
            Operation("POST", f"{one}/migrate", self.migrate, hyperv=True),
        ]

    def entire(self, call: Call) -> Answer:
        """Start restoring an entire VM."""
        return Answer(201, session_model(self._engine.restores.start(call.body, call.user), call))

    def instant(self, call: Call) -> Answer:
        """Start an instant recovery."""
        return Answer(201, session_model(self._engine.instant.start(call.body, call.user), call))

    def mounts(self, call: Call) -> Answer:
        """List instant recoveries."""
        return _LISTING.answer(call, self._engine.shelf.all(Mount))

    def mount(self, call: Call) -> Answer:
        """Return an instant recovery."""
        return Answer(200, _model(self._one(call), call))

    def unmount(self, call: Call) -> Answer:
        """Start ending an instant recovery; answers 200 [S]."""
        session = self._engine.instant.unmount(self._one(call), call.user)
        return Answer(200, session_model(session, call))

    def migrate(self, call: Call) -> Answer:
        """Start making an instant recovery an ordinary VM; answers 204 [S]."""
        self._engine.instant.migrate(self._one(call))
        return Answer(204)

    def _one(self, call: Call) -> Mount:
        return self._engine.shelf.get(Mount, call.path["mountId"])
