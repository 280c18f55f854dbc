"""Which VMs a command means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from safepoint.cli.session import Session
from safepoint.errors import UnknownNameError, UsageError
from safepoint.estate.selectors import Selection, absent_names
from safepoint.models.jobs import ProtectionJob
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.crew import Crew

__all__ = ["one_vm", "selected", "selected_of"]


def selected(
    session: Session, crew: Crew, job: ProtectionJob, *, only: Sequence[str] = ()
) -> tuple[Workload, ...]:
    """Return the VMs that a job selects, or those of them that `only` names.

    Raises:
        UsageError: the job selects nothing.
        UnknownNameError: `only` names a VM that the job does not select.
    """
    everything = tuple(crew.hypervisor.workloads(WorkloadQuery(cluster=job.spec.cluster)))
    return selected_of(session, everything, job, only=only)


def selected_of(
    session: Session, everything: Sequence[Workload], job: ProtectionJob, *, only: Sequence[str]
) -> tuple[Workload, ...]:
    """Return, of these VMs of the job's cluster, those that `selected` returns."""
    selection = Selection(job)
    chosen = tuple(w for w in everything if selection.includes(w))
    for name in absent_names(job, everything):
        session.output.warn(
            f"job {job.name!r} names VM {name!r}, which {job.spec.cluster} has not"
        )
    if not chosen:
        msg = f"job {job.name!r} selects none of the {len(everything)} VMs of {job.spec.cluster}"
        raise UsageError(msg, hint="`safepoint vm list` shows the VMs; check include and exclude.")
    if not only:
        return chosen
    wanted: list[Workload] = []
    for name in only:
        wanted += [one_of(chosen, name, f"job {job.name!r} selects")]
    return tuple(dict.fromkeys(wanted))


def one_vm(crew: Crew, cluster: str, name: str) -> Workload:
    """Return the VM of a cluster with this name or id.

    Raises:
        UnknownNameError: none or more than one has it.
    """
    everything = tuple(crew.hypervisor.workloads(WorkloadQuery(cluster=cluster)))
    return one_of(everything, name, f"cluster {cluster!r} has")


def one_of(workloads: Sequence[Workload], name: str, where: str) -> Workload:
    """Return the one VM with this name (case does not matter) or id."""
    low = name.casefold()
    hits = [w for w in workloads if w.name.casefold() == low or w.ref.id.casefold() == low]
    if len(hits) == 1:
        return hits[0]
    if hits:
        ids = ", ".join(f"{w.ref.id} on {w.node}" for w in hits)
        msg = f"{where} {len(hits)} VMs called {name!r}"
        raise UnknownNameError(msg, hint=f"Use an id: {ids}.")
    near = difflib.get_close_matches(name, [w.name for w in workloads], n=1, cutoff=0.5)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    msg = f"{where} no VM {name!r}"
    raise UnknownNameError(msg, hint=f"{guess}`safepoint vm list` shows them.")
