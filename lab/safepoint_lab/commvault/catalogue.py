"""The simulator's own faults: one row a fault, armed in the server's own fault book.

`wire` names the treatment at the HTTP level (see `wire_faults`); rows without it strike in the
engine. The operation of a wire fault is ``METHOD path`` with the path's template, as in
``POST Subclient/{id}/action/backup``.
"""

from __future__ import annotations

from safepoint_lab.products.wire_faults import bad_answers, broken_connections
from safepoint_lab.world.catalogue import Fault

__all__ = ["COMMVAULT_FAULTS"]

_WIRE = (
    Fault(
        "commvault-session-expired",
        "the session is not accepted any more",
        "HTTP 401; a renewal with the old token helps.",
        wire="expired",
    ),
    Fault(
        "commvault-renewal-refused",
        "the session cannot be renewed",
        "HTTP 200 with an error to RenewLoginToken; only the password helps.",
        operation="renewal",
    ),
    *broken_connections("commvault"),
    Fault(
        "commvault-503",
        "the web server is not ready",
        "HTTP 503 with a web page.",
        wire="status",
        parameters={"status": "503", "title": "Service Unavailable"},
    ),
    Fault(
        "commvault-500",
        "the web server fails inside",
        "HTTP 500 with a web page, nothing happened.",
        wire="status",
        parameters={"status": "500", "title": "Internal Server Error"},
    ),
    Fault(
        "commvault-error-code",
        "an error in the shape of the call",
        "an errorCode in the family's shape, with HTTP 200 where the product does so; "
        "nothing happened.",
        wire="error-code",
        parameters={"code": "587205848", "message": "The operation failed (simulated text)"},
    ),
    Fault(
        "commvault-forbidden",
        "the account may not do this",
        "HTTP 403 with errorCode 5 [?].",
        wire="forbidden",
    ),
    *bad_answers("commvault"),
    Fault(
        "commvault-broken-paging",
        "a listing ends before its total",
        "pages after the first are empty while the total stays.",
        wire="broken-paging",
    ),
    Fault(
        "commvault-lists-as-objects",
        "lists with one item come as an object",
        "JSON made from XML [3]: one item is no list, an empty list is absent.",
        wire="lists-as-objects",
    ),
    Fault(
        "commvault-processing-info",
        "an answer carries an attribute list",
        "`processinginstructioninfo` is added.",
        wire="processing-info",
    ),
)

_ENGINE = (
    Fault(
        "commvault-install-fails-on-node",
        "the software cannot be installed on a node",
        "the job ends completed with errors (failed when no node is left); the node has no VSA.",
    ),
    Fault(
        "commvault-install-needs-reboot",
        "a node has to be rebooted before the VSA works",
        "the job completes with warnings; agent 106 appears after the node was restarted.",
    ),
    Fault(
        "commvault-node-unreachable",
        "a node cannot be reached by the installer",
        "as for a node that is down.",
    ),
    Fault(
        "commvault-drops-access-node",
        "the product drops an access node without a word",
        "the node is missing from what is stored.",
    ),
    Fault(
        "commvault-hypervisor-refused",
        "a hypervisor cannot be registered",
        "an error in the shape of the dialect, nothing is registered.",
    ),
    Fault(
        "commvault-job-fails",
        "a job fails as a whole",
        "it ends Failed with a reason; no VM was touched.",
        parameters={"message": "The job failed (simulated text)"},
    ),
    Fault(
        "commvault-job-fails-vm",
        "one VM of a job fails",
        "the job ends completed with errors, the others go on.",
    ),
    Fault(
        "commvault-job-warns",
        "a job completes with warnings",
        "its restore points are good.",
    ),
    Fault(
        "commvault-job-pending",
        "a job goes to Pending and stays there",
        "until the fault is cleared or the job is killed; operation is the kind of job.",
        operation="Backup",
        lasting=True,
    ),
    Fault(
        "commvault-unknown-status",
        "a job ends with a status word nobody knows",
        "its status text is `status`; operation is the kind of job.",
        operation="Backup",
        parameters={"status": "Partial Success"},
    ),
    Fault(
        "commvault-leaves-checkpoint",
        "a success that leaves the checkpoint behind",
        "the job completes, the recovery checkpoint stays on the VM.",
    ),
    Fault(
        "commvault-access-node-lost",
        "an access node goes away while it moves a VM",
        "the VM is given to another access node; its checkpoint is released first.",
    ),
    Fault(
        "commvault-reference-point-lost",
        "a VM's reference point is gone",
        "the next increment reads the whole disk although it is named Incremental.",
    ),
    Fault(
        "commvault-no-space",
        "the library has no room",
        "the VM fails, its checkpoint is released.",
    ),
    Fault(
        "commvault-restore-fails",
        "a restore fails half way",
        "the job ends Failed; what was made is removed.",
    ),
)

COMMVAULT_FAULTS: tuple[Fault, ...] = (*_WIRE, *_ENGINE)
"""Every fault of the simulated CommServe."""
