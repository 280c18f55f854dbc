"""The simulator's own faults: one row a fault, armed in the server's own fault book.

`wire` names the treatment at the HTTP level (see `wire_faults`); rows without it strike in the
engine. The operation of a wire fault is ``METHOD path`` with the path's template, as in
``POST /jobs/{id}/start``; that of an engine fault is named in its row.
"""

from __future__ import annotations

from safepoint_lab.products.wire_faults import bad_answers, broken_connections
from safepoint_lab.world.catalogue import Fault

__all__ = ["VEEAM_FAULTS"]

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
    *broken_connections("veeam"),
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
    *bad_answers("veeam"),
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
        "veeam-unknown-state",
        "a session stands at a state that no release ever had",
        "state is `word` until the fault is cleared or the session is stopped; operation is the "
        "session type.",
        lasting=True,
        parameters={"word": "Hibernating"},
    ),
    Fault(
        "veeam-unknown-result",
        "a session ends with a result that no release ever had",
        "its work is done; result is `word`; operation is the session type.",
        parameters={"word": "Mostly"},
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
        "veeam-four-eyes",
        "deletions wait for a second person",
        "HTTP 403 to every deletion, which is remembered as pending.",
        lasting=True,
    ),
    Fault(
        "veeam-licence-exceeded",
        "the licence has no room for another VM",
        "the VM's task ends Failed; GET /license counts more used than licensed.",
        lasting=True,
    ),
    Fault(
        "veeam-session-lost",
        "a session is forgotten",
        "HTTP 404 to GET /sessions/{id}, and it is in no listing.",
        lasting=True,
    ),
    Fault(
        "veeam-restore-fails",
        "a restore fails half way",
        "the session ends Failed; what was made is removed.",
    ),
)

VEEAM_FAULTS: tuple[Fault, ...] = (*_WIRE, *_ENGINE)
"""Every fault of the simulated server."""
