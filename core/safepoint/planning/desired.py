"""From documents to what one connection should carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from safepoint.estate import Candidates, Estate, Selection, clusters_using
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import Desired, DesiredJob, DesiredReplica, PlanScope
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import Replica
from safepoint.models.replicas import ReplicaMode
from safepoint.models.workloads import Workload

__all__ = ["Selected", "choosers", "chosen_connections", "desired_for", "select_all"]

_TEST: Final = ReplicaMode.TEST.value


@dataclass(frozen=True, slots=True)
class Selected:
    """Which VMs each job and replica means, and all there are."""

    by_job: Mapping[str, tuple[Workload, ...]]
    by_cluster: Mapping[str, Sequence[Workload]]
    """Clusters whose VMs could not be listed are not in here."""
    by_replica: Mapping[str, tuple[Workload, ...]] = field(default_factory=dict)
    candidates: Mapping[str, Candidates[Workload]] = field(default_factory=dict)
    """The same VMs as in `by_cluster`, in the order of their names."""

    def is_listed(self, cluster: str) -> bool:
        """Tell whether the VMs of a cluster could be listed."""
        return cluster in self.by_cluster


def select_all(estate: Estate, workloads: Mapping[str, Sequence[Workload]]) -> Selected:
    """Return which VMs each job and replica means, in the order of the lists."""
    candidates = {cluster: Candidates(rows) for cluster, rows in workloads.items()}
    return Selected(
        {job.name: _meant(job, candidates) for job in estate.jobs.values()},
        workloads,
        {one.name: _meant(one, candidates) for one in estate.replicas.values()},
        candidates,
    )


def _meant(
    document: ProtectionJob | Replica, candidates: Mapping[str, Candidates[Workload]]
) -> tuple[Workload, ...]:
    of_cluster = candidates.get(document.spec.cluster)
    if of_cluster is None:
        return ()
    # A test VM bears the name of its replica and more; it is gone before it could be protected.
    return tuple(w for w in of_cluster.meant_by(Selection(document)) if w.replication != _TEST)


def choosers(
    chosen: Mapping[str, Iterable[Workload]],
) -> dict[Ref, tuple[Workload, list[str]]]:
    """Return each VM with the names of those that select it.

    Args:
        chosen: `by_job` or `by_replica` of what was selected.
    """
    found: dict[Ref, tuple[Workload, list[str]]] = {}
    for name, workloads in chosen.items():
        for workload in workloads:
            found.setdefault(workload.ref, (workload, []))[1].append(name)
    return found


def chosen_connections(estate: Estate, scope: PlanScope) -> tuple[str, ...]:
    """Return the connections a plan is about, in the order of the documents.

    Raises:
        UnknownNameError: the scope names a connection or job that the estate has not.
    """
    for name in scope.connections:
        estate.connection(name)
    of_jobs = {estate.job(name).spec.connection for name in scope.jobs}
    return tuple(
        name
        for name in estate.connections
        if (not scope.connections or name in scope.connections)
        and (not scope.jobs or name in of_jobs)
    )


def desired_for(estate: Estate, connection: str, owner: str, selected: Selected) -> Desired:
    """Return everything that is declared for a connection, whatever the scope."""
    return Desired(
        connection=connection,
        driver=estate.connection(connection).spec.driver,
        owner=owner,
        clusters=clusters_using(estate, connection),
        jobs=tuple(
            DesiredJob(
                job=job,
                policy=estate.policy(job.spec.policy),
                workloads=selected.by_job[job.name],
            )
            for job in estate.jobs.values()
            if job.spec.connection == connection
        ),
        replicas=tuple(
            DesiredReplica(replica=one, workloads=selected.by_replica[one.name])
            for one in estate.replicas.values()
            if one.spec.connection == connection
        ),
    )
