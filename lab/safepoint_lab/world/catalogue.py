"""The catalogue of faults: one row a fault, by name, with what it does and where it strikes.

`wire` names the kind of treatment at the HTTP/SOAP level (see `safepoint_lab.wsman`); rows
without it strike inside the world. Numbers after # are rows of the fact sheet's fault table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CATALOGUE", "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that can be armed.

    Attributes:
        name: What to type.
        title: One line of what goes wrong.
        description: What a client meets.
        wire: Treatment by the server in front of the world; empty for the world's own faults.
        operation: Glob of the operations it strikes unless the arming says otherwise.
        parameters: Defaults of what can be tuned, as text.
        lasting: Strikes when armed and holds until cleared, whatever times were asked.
    """

    name: str
    title: str
    description: str
    wire: str = ""
    operation: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    lasting: bool = False


_CREATE = "Msvm_VirtualSystemSnapshotService.CreateSnapshot"
_DESTROY = "Msvm_VirtualSystemSnapshotService.DestroySnapshot"
_V2 = "root/virtualization/v2"
_CLUSTER = "root/MSCluster"

_LOGON = (
    Fault(
        "wrong-password",
        "the account's password is not accepted",
        "HTTP 401 to every login attempt (#1).",
        wire="unauthorized",
    ),
    Fault(
        "access-denied",
        "the account may not use WinRM",
        "SOAP fault w:AccessDenied, code 5 (#2).",
        wire="wsman-fault",
        parameters={"code": "5"},
    ),
    Fault(
        "namespace-denied",
        "the account may not read a WMI namespace",
        "provider fault 0x80041003 for every call into the namespace (#3).",
        wire="namespace-denied",
        parameters={"namespace": _V2},
    ),
    Fault(
        "not-hyperv-admin",
        "the account is no Hyper-V administrator",
        "listing VMs answers nothing without an error, methods answer 32769 (#4) [I].",
        lasting=True,
    ),
    Fault(
        "ntlm-reuse-broken",
        "a logged-in connection is not accepted any more",
        "HTTP 401 on a later request of a working session (#19).",
        wire="unauthorized-once",
    ),
)

_TRANSPORT = (
    Fault(
        "node-down",
        "the host crashes and stays down",
        "connections are refused; its VMs restart on other nodes (#5). Until cleared.",
        lasting=True,
    ),
    Fault(
        "node-unreachable",
        "the network to the host's management service is cut",
        "connections are reset; the VMs run on (#5).",
        wire="refuse",
    ),
    Fault(
        "stall",
        "the host takes the request and never answers",
        "the socket stays open without a byte for `seconds` (#6).",
        wire="stall",
        parameters={"seconds": "120"},
    ),
    Fault(
        "slow",
        "every answer is late",
        "answers are delayed by `seconds`.",
        wire="delay",
        parameters={"seconds": "0.5"},
    ),
    Fault(
        "reset-in-pull",
        "the connection breaks in the middle of a listing",
        "connection reset instead of a Pull answer (#7).",
        wire="reset-before",
        operation="Pull*",
    ),
    Fault(
        "lost-answer-create",
        "the answer to CreateSnapshot is lost after the host acted",
        "the checkpoint job starts, the connection is reset (#8).",
        wire="reset-after",
        operation=_CREATE,
    ),
    Fault(
        "lost-answer-delete",
        "the answer to DestroySnapshot is lost after the host acted",
        "the delete job starts, the connection is reset (#8).",
        wire="reset-after",
        operation=_DESTROY,
    ),
    Fault(
        "lost-answer",
        "the answer to any call is lost after the host acted",
        "connection reset after the call was carried out (#8).",
        wire="reset-after",
    ),
    Fault(
        "truncated-body",
        "an answer stops in the middle",
        "Content-Length is larger than what comes (#9).",
        wire="truncated",
    ),
    Fault(
        "html-instead-of-soap",
        "a proxy answers with a web page",
        "HTTP 200 with HTML (#10).",
        wire="html-200",
    ),
    Fault(
        "fault-in-200",
        "a SOAP fault comes with HTTP 200",
        "s:Fault in a 200 answer (#11).",
        wire="soap-fault-in-200",
    ),
    Fault(
        "malformed-xml",
        "an answer is not well-formed XML",
        "HTTP 200, the envelope is broken.",
        wire="malformed",
    ),
    Fault(
        "http-413",
        "the request is larger than the host allows",
        "HTTP 413 without a body (#17).",
        wire="http-status",
        parameters={"status": "413"},
    ),
    Fault(
        "http-503",
        "the service is not ready",
        "HTTP 503 with HTML (#18).",
        wire="http-status",
        parameters={"status": "503"},
    ),
)

_PROTOCOL = (
    Fault(
        "operation-timeout",
        "the host gives up on its own operation time-out",
        "SOAP fault w:TimedOut 2150858793 (#12).",
        wire="wsman-fault",
        parameters={"code": "2150858793"},
    ),
    Fault(
        "envelope-too-large",
        "an answer does not fit the agreed envelope",
        "SOAP fault w:EncodingLimit 2150858824 (#13).",
        wire="wsman-fault",
        parameters={"code": "2150858824"},
    ),
    Fault(
        "context-expired",
        "the listing's context has expired",
        "SOAP fault n:InvalidEnumerationContext 2150858779 on Pull (#15).",
        wire="wsman-fault",
        operation="Pull*",
        parameters={"code": "2150858779"},
    ),
    Fault(
        "quota",
        "the user's quota of operations is used up",
        "SOAP fault w:QuotaLimit 2150858815 (#16).",
        wire="wsman-fault",
        parameters={"code": "2150858815"},
    ),
    Fault(
        "namespace-missing",
        "a WMI namespace is not there (role missing, cluster just booted)",
        "a:DestinationUnreachable with 0x8004100E (#21).",
        wire="namespace-missing",
        parameters={"namespace": _CLUSTER},
    ),
    Fault(
        "localised",
        "the host speaks another language",
        "xml:lang, captions and status texts are German (#58).",
        parameters={"locale": "de-DE"},
        lasting=True,
    ),
)

_CHECKPOINT = (
    Fault(
        "vm-removed",
        "the VM is removed just before the operation",
        "the VM vanishes from the host; the call meets DestinationUnreachable (#22).",
        operation=_CREATE,
    ),
    Fault(
        "create-refused",
        "CreateSnapshot is refused",
        "ReturnValue 32775 without a job (#26).",
        operation=_CREATE,
        parameters={"return_value": "32775"},
    ),
    Fault(
        "vss-writer-failed",
        "a VSS writer in the guest fails",
        "the checkpoint job fails, 32768 with 0x800423F4 in the text (#27).",
        operation=_CREATE,
        parameters={"hresult": "0x800423F4"},
    ),
    Fault(
        "stale-autorecovery",
        "a left-over -AutoRecovery.avhdx is in the way",
        "the checkpoint job fails with 0x80070050; the stale file lies beside the disk (#28).",
        operation=_CREATE,
    ),
    Fault(
        "disk-full",
        "the volume of the VM is full",
        "the checkpoint job fails with 0x80070070 (#29).",
        operation=_CREATE,
    ),
    Fault(
        "no-guest-quiesce",
        "the Linux guest has no daemon to freeze its file systems",
        "production checkpoints fail, or fall back when the VM's setting allows (#30). "
        "Strikes the VM, or all Linux VMs, until cleared.",
        lasting=True,
    ),
    Fault(
        "silent-fallback",
        "an application-consistent request is answered with a crash-consistent checkpoint",
        "the job succeeds; only the checkpoint's settings tell (#30).",
        operation=_CREATE,
    ),
    Fault(
        "foreign-recovery-checkpoint",
        "another product's recovery checkpoint is on the VM",
        "strikes at once when armed with a VM: it appears there (#31).",
        parameters={"name": "Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)"},
        lasting=True,
    ),
    Fault(
        "second-recovery-refused",
        "the host refuses a second recovery checkpoint",
        "CreateSnapshot answers 32775 while another recovery checkpoint exists (#31) [I].",
        operation=_CREATE,
    ),
)

_JOBS = (
    Fault(
        "job-warnings",
        "a job ends with warnings",
        "JobState 32768, ErrorCode 0, GetErrorEx has entries (#33).",
    ),
    Fault(
        "job-vanishes",
        "the job object disappears; the work is done all the same",
        "Get on the job answers DestinationUnreachable 2150858752 (#34).",
    ),
    Fault(
        "job-never-ends",
        "the job stays at one percentage for ever",
        "JobState 4; cancelling is refused 4097 (#35).",
        parameters={"percent": "40"},
    ),
    Fault(
        "job-killed",
        "an administrator kills the job",
        "JobState 9; the work is undone (#36).",
    ),
    Fault(
        "vmms-restart",
        "the management service restarts",
        "all jobs vanish, methods answer 32777 for `seconds` (#37).",
        parameters={"seconds": "1.0"},
    ),
    Fault(
        "merge-stalls",
        "the merge after a delete does not progress",
        "OperationalStatus[1] 32772, the disk stays on its .avhdx (#38).",
    ),
    Fault(
        "merge-fails",
        "the merge after a delete fails",
        "the disk stays on its .avhdx, no 32772, no error anywhere (#39).",
    ),
    Fault(
        "vm-migrates",
        "the VM moves to another node when a job starts",
        "job and VM are gone from the asked node, the work ends on the new one (#45).",
        operation=_CREATE,
    ),
    Fault(
        "node-fails-over",
        "the node dies when a job starts",
        "the VM restarts elsewhere with its checkpoint (#46).",
        operation=_CREATE,
        parameters={"outcome": "done"},
    ),
)

_SITE = (
    Fault(
        "share-offline",
        "an SMB share goes away",
        "reads fail; CreateSnapshot fails with 0x80070035 (#50). Until cleared.",
        parameters={"share": ""},
        lasting=True,
    ),
    Fault(
        "share-full",
        "an SMB share has no room left",
        "checkpoint jobs fail with 0x80070070 and merges fail. The room is told as `free_bytes` "
        "where samba serves the shares; folders tell that of the real disk. Until cleared.",
        parameters={"share": "", "free_bytes": "0"},
        lasting=True,
    ),
    Fault(
        "clock-skew",
        "a node's clock is wrong by `seconds`",
        "creation times lie in the future or past (#60). Until cleared.",
        parameters={"seconds": "3600"},
        lasting=True,
    ),
)

_REPLICA = (
    Fault(
        "replica-link-down",
        "primary and replica server cannot reach one another",
        "cycles are missed, logs grow, connections fail with 0x00002EFD. Until cleared.",
        lasting=True,
    ),
    Fault(
        "replica-cycle-missed",
        "a replication cycle is missed",
        "ReplicationMissCount grows; from 20 % on the health is a warning.",
    ),
    Fault(
        "replica-log-overflow",
        "the change log exceeds half of the disk",
        "ReplicationState 9, health critical, until it is resynchronised (#55).",
    ),
    Fault(
        "replica-certificate-expired",
        "the certificate of the primary has expired",
        "ReplicationState 8 with 0x80090328 where certificates are used. Until cleared.",
        lasting=True,
    ),
    Fault(
        "replica-disk-full",
        "the replica's disk is full",
        "ReplicationState 8 with 0x80070070 until cleared.",
        lasting=True,
    ),
    Fault(
        "replica-changed",
        "somebody writes to the replica's disk behind the back of Hyper-V",
        "the next cycle finds it: ReplicationState 9 on both sides. Needs a VM.",
    ),
    Fault(
        "replica-refused",
        "a method of replication is refused",
        "RV `return_value`, no job (#54).",
        operation="Msvm_*",
        parameters={"return_value": "32775"},
    ),
)

CATALOGUE: tuple[Fault, ...] = (
    *_LOGON,
    *_TRANSPORT,
    *_PROTOCOL,
    *_CHECKPOINT,
    *_JOBS,
    *_SITE,
    *_REPLICA,
)
"""Every fault, grouped by where it strikes."""
