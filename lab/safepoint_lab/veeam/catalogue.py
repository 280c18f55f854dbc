"""The simulator's own faults: one row a fault, armed in the server's own fault book.

`wire` names the treatment at the HTTP level (see `wire_faults`); rows without it strike in the
engine. The operation of a wire fault is ``METHOD path`` with the path's template, as in
``POST /jobs/{id}/start``; that of an engine fault is named in its row.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from typing_extensions import override

from safepoint.errors import UnknownNameError
from safepoint_lab.world.catalogue import Fault
from safepoint_lab.world.faults import Armed, FaultBook

__all__ = ["VEEAM_FAULTS", "VeeamFaultBook"]

_WIRE = (
    Fault(
        "veeam-token-expired",
        "the access token is not accepted any more",
        "HTTP 401 ExpiredToken for one call; a refresh helps.",
        wire="expired",
    ),
    Fault(
        "veeam-refresh-refused",
        "the refresh token is not accepted",
        "HTTP 401 to a refresh grant; only the password helps.",
        operation="refresh",
    ),
    Fault(
        "veeam-lost-answer",
        "the answer to a write is lost after the server acted",
        "the connection is cut after the call was carried out.",
        wire="lost-answer",
        operation="[PD][OUE]*",
    ),
    Fault(
        "veeam-refused-connection",
        "the connection is cut before the server acts",
        "connection reset; nothing happened.",
        wire="reset",
    ),
    Fault(
        "veeam-503",
        "the backup service is not ready",
        "HTTP 503 ServiceUnavailable; no operation declares it.",
        wire="status",
        parameters={"status": "503", "code": "ServiceUnavailable"},
    ),
    Fault(
        "veeam-500",
        "the server fails inside",
        "HTTP 500 UnknownError, nothing happened.",
        wire="status",
        parameters={"status": "500", "code": "UnknownError"},
    ),
    Fault(
        "veeam-forbidden",
        "the account's role is too weak",
        "HTTP 403 AccessDenied.",
        wire="status",
        parameters={"status": "403", "code": "AccessDenied"},
    ),
    Fault(
        "veeam-rate-limit",
        "too many calls",
        "HTTP 429 with Retry-After; no operation declares it [X].",
        wire="status",
        parameters={"status": "429", "code": "UnknownError", "retry-after": "1"},
    ),
    Fault(
        "veeam-html",
        "a proxy answers with a web page",
        "HTTP 200 with text/html.",
        wire="html",
    ),
    Fault(
        "veeam-malformed",
        "an answer is no JSON",
        "HTTP 200 with half a document.",
        wire="malformed",
    ),
    Fault(
        "veeam-slow",
        "an answer is late",
        "delayed by `seconds`.",
        wire="delay",
        parameters={"seconds": "0.5"},
    ),
    Fault(
        "veeam-broken-paging",
        "a listing ends before its total",
        "pages after the first are empty while the total stays.",
        wire="broken-paging",
        operation="GET *",
    ),
)

_ENGINE = (
    Fault(
        "veeam-session-hangs",
        "a session never ends",
        "state stays Working until the fault is cleared or the session is stopped; "
        "operation is the session type.",
        lasting=True,
    ),
    Fault(
        "veeam-job-fails-vm",
        "one VM of a job fails",
        "its task session ends Failed, the others go on.",
    ),
    Fault(
        "veeam-warning",
        "one VM of a job ends with a warning",
        "its task session and the session end Warning; the restore point is good.",
        parameters={"message": "VSS: a writer answered late (simulated text)"},
    ),
    Fault(
        "veeam-leaves-checkpoint",
        "a success that leaves the checkpoint behind",
        "the task ends Success, the recovery checkpoint stays on the VM.",
    ),
    Fault(
        "veeam-component-fails-on-node",
        "a component cannot be deployed on a node",
        "the infrastructure session ends with a warning, the node stays Unavailable.",
        parameters={"component": "HvIntegration"},
    ),
    Fault(
        "veeam-infrastructure-fails",
        "a server cannot be registered",
        "the infrastructure session ends Failed, nothing is registered.",
    ),
    Fault(
        "veeam-repository-full",
        "the repository has no room",
        "the VM's task ends Failed, its checkpoint is released.",
    ),
    Fault(
        "veeam-restore-fails",
        "a restore fails half way",
        "the session ends Failed; what was made is removed.",
    ),
)

VEEAM_FAULTS: tuple[Fault, ...] = (*_WIRE, *_ENGINE)
"""Every fault of the simulated server."""


class VeeamFaultBook(FaultBook):
    """A fault book over `VEEAM_FAULTS` instead of the world's catalogue."""

    @override
    def arm(
        self,
        name: str,
        *,
        node: str = "",
        vm: str = "",
        operation: str = "",
        times: int | None = 1,
        skip: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> Armed:
        fault = _find(name)
        armed = Armed(
            fault,
            node,
            vm,
            operation,
            None if fault.lasting else times,
            skip,
            0,
            dict(parameters or {}),
        )
        with self._lock:
            self._armed.append(armed)
        return armed

    @override
    def clear(self, name: str = "", *, node: str = "", vm: str = "") -> int:
        if name:
            _find(name)
        with self._lock:
            keep = [
                armed
                for armed in self._armed
                if (name and armed.fault.name != name)
                or (node and armed.node.casefold() != node.casefold())
                or (vm and armed.vm.casefold() != vm.casefold())
            ]
            cleared = len(self._armed) - len(keep)
            self._armed = keep
        return cleared


def _find(name: str) -> Fault:
    for fault in VEEAM_FAULTS:
        if fault.name == name:
            return fault
    close = difflib.get_close_matches(name, [fault.name for fault in VEEAM_FAULTS], n=1)
    message = f"no fault of the Veeam simulator is called '{name}'"
    raise UnknownNameError(message, hint=f"Did you mean '{close[0]}'?" if close else "")
