"""Every finding a plan may have: a stable id, how bad it is, and what `safepoint explain` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from safepoint.models.diagnostics import Diagnostic, Severity

__all__ = ["CATALOGUE", "FindingKind", "finding", "first_few", "so_many_vms"]

#: How many names a finding tells.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class FindingKind:
    """A sort of finding."""

    code: str
    severity: Severity
    title: str
    meaning: str
    """Why it matters."""
    advice: str
    """What to do about it."""


_KINDS: Final = (
    FindingKind(
        "deletes-data",
        Severity.ERROR,
        "the plan deletes something that may hold restore points",
        "Deleting or replacing it may cost restore points that nothing else has. A document that "
        "was removed by mistake, or a file that was not read, looks the same as a wish to delete.",
        "If it is meant, name it: --allow-delete ADDRESS. Otherwise bring the document back.",
    ),
    FindingKind(
        "deletes-many",
        Severity.ERROR,
        "the plan deletes a large part of what exists",
        "More than a fifth of what safepoint manages on the connection would go. That is rarely "
        "meant; usually documents are missing.",
        "Check with `safepoint validate` that the whole estate is read. If it is meant, name each "
        "one: --allow-delete ADDRESS.",
    ),
    FindingKind(
        "observation-shrunk",
        Severity.ERROR,
        "the product shows much less than last time",
        "Objects that were there are not listed any more. A share that is not mounted, an account "
        "that lost rights or a broken listing looks like that, and acting on it would make "
        "everything twice.",
        "Look into the product. If they were deleted on purpose: --accept observation-shrunk.",
    ),
    FindingKind(
        "ambiguous-resource",
        Severity.ERROR,
        "several objects of the product could be the one that is meant",
        "Two objects have the same marker or, without marker, the same name. Nothing is matched "
        "by luck, so none of them is touched.",
        "Delete or rename all but one in the product, or remove the marker from its description.",
    ),
    FindingKind(
        "owned-by-another-estate",
        Severity.ERROR,
        "an object with this name belongs to another estate",
        "Its marker names another owner. Two estates that manage one object would undo each "
        "other's work for ever.",
        "Rename your document, or plan with that owner (--owner) if both are one estate.",
    ),
    FindingKind(
        "adopts-existing",
        Severity.WARNING,
        "an object that somebody else made is taken over",
        "It has the name that safepoint would give it but no marker. Applying brings it into "
        "line with the documents and marks it.",
        "Read the fields before → after. `safepoint import` takes it over as it is instead.",
    ),
    FindingKind(
        "cannot-adopt",
        Severity.ERROR,
        "an object that somebody else made has the name and cannot be brought into line",
        "It bears no marker, and a field differs that the product cannot change in place. To replace "
        "it would destroy what somebody else made, so it is left alone.",
        "Rename your document, change it to what is there (`safepoint import` shows it), or delete "
        "the object in the product yourself.",
    ),
    FindingKind(
        "job-selects-no-vm",
        Severity.ERROR,
        "a job selects no VM",
        "Its selectors match nothing in the cluster, so it protects nothing while everything "
        "looks configured.",
        "`safepoint vm list` shows the VMs. To plan it all the same: --accept job-selects-no-vm.",
    ),
    FindingKind(
        "vm-absent",
        Severity.WARNING,
        "a job names a VM that the cluster does not have",
        "The name is spelled out in `include`, and no VM has it: misspelled, renamed or deleted.",
        "Correct or remove the name.",
    ),
    FindingKind(
        "vm-in-two-jobs",
        Severity.WARNING,
        "a VM is selected by more than one job",
        "Two products, or two jobs of one, will want its checkpoints at the same time; one waits "
        "or fails, and restore points are kept twice.",
        "Exclude it from all jobs but one, unless double protection is meant.",
    ),
    FindingKind(
        "policy-cannot-be-honoured",
        Severity.ERROR,
        "no product can do what the policy asks for",
        "What it asks for contradicts itself, such as a recovery point objective that is shorter "
        "than the longest pause of its own schedule.",
        "Change the policy. To plan it all the same: --accept policy-cannot-be-honoured.",
    ),
    FindingKind(
        "vm-cannot-be-quiesced",
        Severity.WARNING,
        "a VM cannot reach the consistency its policy demands",
        "The policy forbids a weaker state (`fallback: fail`), and the guest cannot deliver the "
        "wanted one, because no integration services answer. Every run will fail for this VM.",
        "Repair the guest, ask for a weaker consistency, or set `fallback: allow`.",
    ),
    FindingKind(
        "schedule-at-clock-change",
        Severity.WARNING,
        "a schedule has a time that a clock change skips or repeats",
        "In its time zone that wall-clock time does not exist or exists twice on one day a year. "
        "safepoint itself runs exactly once; other products run twice or not at all.",
        "Choose a time outside 00:00-03:59, or a zone without clock changes such as Etc/UTC.",
    ),
    FindingKind(
        "schedule-never-starts",
        Severity.ERROR,
        "a schedule never starts anything",
        "Its window holds none of its times.",
        "Widen the window or move the times into it.",
    ),
    FindingKind(
        "replica-not-supported",
        Severity.ERROR,
        "the connection cannot replicate",
        "Its product, or its plugin, cannot keep replicas of Hyper-V VMs. The reason in the "
        "finding is the driver's own.",
        "Set `connection:` to one that can; `safepoint plugin list --abilities` shows which.",
    ),
    FindingKind(
        "replica-same-host",
        Severity.ERROR,
        "two copies of a VM would be on one host or cluster",
        "Hyper-V refuses a replica on the host or cluster of its source, and it would be lost "
        "together with it.",
        "Name another cluster as target.",
    ),
    FindingKind(
        "replica-extended-frequency",
        Severity.ERROR,
        "the third copy would be updated more often than Hyper-V allows",
        "An extended replica receives every 5 or 15 minutes, and never more often than the "
        "replica that it is fed from.",
        "Set `extended.frequency` to 5m or 15m, and not below `frequency`.",
    ),
    FindingKind(
        "replica-extended-points",
        Severity.ERROR,
        "the third copy cannot have application-consistent points of its own",
        "They are made by a guest that is brought to rest. The replica that feeds the third copy "
        "is off.",
        "Leave `extended.recoveryPoints.applicationConsistentEveryHours` out.",
    ),
    FindingKind(
        "replica-certificate-missing",
        Severity.ERROR,
        "a replica server has no certificate",
        "With `authentication.method: certificate` both sides prove themselves by a certificate "
        "of their own.",
        "Set `thumbprint` of that server, or use Kerberos.",
    ),
    FindingKind(
        "replica-server-unnamed",
        Severity.ERROR,
        "nothing says under which name a replica server is reached",
        "A cluster receives replicas through its Replica Broker, under the broker's own name, not "
        "under that of a node.",
        "Set `server` to the full name of the broker's client access point.",
    ),
    FindingKind(
        "replica-reverse-elsewhere",
        Severity.ERROR,
        "`reverse` describes another cluster than the VMs run on",
        "After a failover the changes go back to where the VM came from; nothing else can be "
        "reversed to.",
        "Name the replica's own cluster there, or leave `reverse` out.",
    ),
    FindingKind(
        "replica-id-collision",
        Severity.ERROR,
        "a VM with the same id is in the way on the replica's side",
        "A replica has the id of its primary. A VM with this id is there already and is no "
        "replica: left by an earlier attempt, or restored by a backup product.",
        "Delete or re-register it, or set `initial.method: existing` to take it as the first "
        "copy. To plan it all the same: --accept replica-id-collision.",
    ),
    FindingKind(
        "replica-no-existing-copy",
        Severity.ERROR,
        "there is no VM to begin from on the replica's side",
        "With `initial.method: existing` a VM with the id of the primary becomes the replica, "
        "such as one restored there from a backup. It has to be registered there, and off.",
        "Register it with its id and turn it off, or use another `initial.method`.",
    ),
    FindingKind(
        "replica-scope-collision",
        Severity.ERROR,
        "a product has primary and replica of one VM in its scope",
        "Both have the same id. Products that tell VMs by their id mix the two up: they skip one, "
        "or continue the chain of one with the bytes of the other.",
        "Exclude the replica's cluster, or these VMs on it, from that product's jobs.",
    ),
    FindingKind(
        "vm-in-two-replicas",
        Severity.ERROR,
        "a VM is selected by more than one replica",
        "A VM has one first leg. Hyper-V refuses a second one, and a backup product's own "
        "replication of the same VM fights with it over checkpoints.",
        "Exclude it from all but one; a third copy is `extended`.",
    ),
    FindingKind(
        "replica-is-backed-up",
        Severity.INFO,
        "a job backs up a replica in place of its primary",
        "That spares the primary. What is lost: the guest cannot be quiesced, so that points are "
        "crash-consistent; logs of applications are not truncated; a point is as old as the last "
        "cycle; after a failover the job protects what has become the primary's copy.",
        "See the how-to on backing up a replica.",
    ),
    FindingKind(
        "replica-without-backup",
        Severity.WARNING,
        "a VM is replicated and backed up by nothing",
        "A replica repeats every change, also a deletion or an encryption by an attacker, within "
        "one cycle; its recovery points reach back 24 hours at most and die with it. It is not a "
        "backup and is not counted as one.",
        "Add the VM to a protection job.",
    ),
    FindingKind(
        "workloads-unreadable",
        Severity.ERROR,
        "the VMs of a cluster cannot be listed",
        "What jobs select cannot be known, and an incomplete list would look complete.",
        "Repair the connection that reads the hosts; `safepoint doctor` helps.",
    ),
    FindingKind(
        "not-managed",
        Severity.INFO,
        "the connection is not managed by declaration",
        "Its driver cannot create or compare objects in the product, so nothing is planned there. "
        "It is a warning when a job is declared on it: that job is not made there.",
        "`safepoint plugin list --abilities` shows what each connection can do.",
    ),
    FindingKind(
        "preflight-failed",
        Severity.WARNING,
        "something that protection needs is not as it should be",
        "A check of a host, share or guest shows another value than needed. Runs will fail or be "
        "slow until it is repaired. Checks are observed only; safepoint never changes them.",
        "The finding says which value; the how-to pages on rights and shares say how to set it.",
    ),
    FindingKind(
        "preflight-pending",
        Severity.INFO,
        "what protection needs cannot be seen before the plan is applied",
        "The check hangs on an object that this plan creates or adds, such as a host of a "
        "cluster that is yet to be registered, or that gets one more node.",
        "Apply the plan; the next plan tells whether the check is met.",
    ),
    FindingKind(
        "vendor-block-invalid",
        Severity.ERROR,
        "a job's vendor block is not what its driver understands",
        "The block under `vendor:` has a field or value that the product's plugin does not know.",
        "`safepoint validate` shows the line and what was probably meant.",
    ),
    FindingKind(
        "product-refuses",
        Severity.ERROR,
        "the product would refuse what the documents ask for",
        "What they say has no form in the product, such as a job without any VM.",
        "The finding says what is missing. Change the document, or exclude the job.",
    ),
    FindingKind(
        "job-switches",
        Severity.INFO,
        "a job moves from one product to another",
        "The new product protects its VMs before the old one lets go, so that they are in a job at "
        "every moment. What the old product may hold restore points for is switched off and kept; "
        "they age there by the rules of that product.",
        "Keep the old connection in the estate until its last restore point is not needed any "
        "more; then delete the old job by name: --allow-delete ADDRESS.",
    ),
    FindingKind(
        "observed-differs",
        Severity.INFO,
        "an observed job is not what its document says",
        "The job has `manage: false`: it is compared and never written.",
        "Remove `manage: false` to let `safepoint apply` bring it into line, or import it again.",
    ),
)

#: Every finding by its id.
CATALOGUE: Final[Mapping[str, FindingKind]] = MappingProxyType({k.code: k for k in _KINDS})


def finding(code: str, summary: str, *, field: str = "", hint: str = "") -> Diagnostic:
    """Return a finding of a known kind; its hint is the kind's advice unless given."""
    kind = CATALOGUE[code]
    return Diagnostic(
        severity=kind.severity,
        code=code,
        summary=summary,
        hint=hint or kind.advice,
        field=field,
    )


def first_few(names: Sequence[str]) -> str:
    """Return the first names for a summary, and a sign when there are more."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def so_many_vms(count: int) -> str:
    """Return the beginning of a sentence about that many VMs."""
    return "1 VM is" if count == 1 else f"{count} VMs are"
