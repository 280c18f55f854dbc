"""Rules over replica documents: what a hypervisor would refuse, or what would hurt later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from safepoint.estate import Estate, absent_names, clusters_of
from safepoint.models.diagnostics import Diagnostic
from safepoint.models.estate import Cluster
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import (
    InitialMethod,
    Replica,
    ReplicaFrequency,
    ReplicaLogin,
    ReplicaServer,
)
from safepoint.models.workloads import PowerState, Workload
from safepoint.planning.desired import Selected, choosers
from safepoint.planning.findings import finding, first_few, so_many_vms

__all__ = ["check_replicas"]


def check_replicas(
    estate: Estate,
    replicas: Iterable[Replica],
    selected: Selected,
    unable: Mapping[str, str],
) -> Iterator[Diagnostic]:
    """Find what cannot work and what a person should know before it is applied.

    Args:
        estate: All documents.
        replicas: Those the plan is about.
        selected: Which VMs each document means.
        unable: Per connection the reason why it cannot replicate, for those that cannot.
    """
    chosen = tuple(replicas)
    for replica in chosen:
        reason = unable.get(replica.spec.connection)
        if reason is not None:
            text = f"replica {replica.name}: {replica.spec.connection} cannot replicate: {reason}"
            yield finding("replica-not-supported", text, field="spec.connection")
        yield from _check_settings(estate, replica)
        yield from _check_places(estate, replica)
        if selected.is_listed(replica.spec.cluster):
            yield from _check_selection(replica, selected)
            yield from _check_ids(replica, selected)
    yield from _check_doubles({one.name for one in chosen}, selected)
    yield from _check_backups(estate, chosen, selected)


def _check_settings(estate: Estate, replica: Replica) -> Iterator[Diagnostic]:
    spec, name = replica.spec, replica.name
    if spec.extended is not None:
        second = spec.extended.frequency
        if second is ReplicaFrequency.SECONDS_30 or second.seconds < spec.frequency.seconds:
            text = f"replica {name}: the extended leg wants {second}, the first sends every "
            text += (
                f"{spec.frequency}; Hyper-V allows 5m or 15m there, never faster than the first"
            )
            yield finding("replica-extended-frequency", text, field="spec.extended.frequency")
        if spec.extended.recovery_points.application_consistent_every_hours is not None:
            text = f"replica {name}: the replica on {spec.target.cluster} is off, so that the "
            text += "third copy gets no application-consistent points"
            yield finding("replica-extended-points", text, field="spec.extended.recoveryPoints")
    servers = {"target": spec.target, "reverse": spec.reverse}
    servers["extended.target"] = spec.extended.target if spec.extended else None
    for field, server in servers.items():
        if server is None:
            continue
        if spec.authentication.method is ReplicaLogin.CERTIFICATE and server.thumbprint is None:
            text = f"replica {name}: {server.cluster} has no certificate to prove itself with"
            yield finding("replica-certificate-missing", text, field=f"spec.{field}.thumbprint")
        yield from _check_named(estate, name, field, server)
    if spec.reverse is not None and spec.reverse.cluster != spec.cluster:
        text = f"replica {name}: reverse describes {spec.reverse.cluster}, but the VMs run on "
        text += spec.cluster
        yield finding("replica-reverse-elsewhere", text, field="spec.reverse.cluster")


def _check_named(
    estate: Estate, name: str, field: str, server: ReplicaServer
) -> Iterator[Diagnostic]:
    nodes = estate.cluster(server.cluster).spec.nodes
    if server.server is None and len(nodes) > 1:
        text = f"replica {name}: {server.cluster} has {len(nodes)} nodes, and nothing says under "
        text += "which name its replica broker is reached"
        yield finding("replica-server-unnamed", text, field=f"spec.{field}.server")


def _check_places(estate: Estate, replica: Replica) -> Iterator[Diagnostic]:
    """Every copy lives somewhere else than the one before it."""
    names = clusters_of(replica)
    for number, name in enumerate(names):
        for other in names[:number]:
            shared = _shared_host(estate.cluster(other), estate.cluster(name))
            if name == other or shared:
                where = f"the host {shared}" if shared and name != other else f"cluster {name}"
                text = f"replica {replica.name}: {where} would hold two copies of the same VM"
                yield finding("replica-same-host", text, field="spec.target.cluster")


def _shared_host(one: Cluster, other: Cluster) -> str:
    known = {node.address.casefold() for node in one.spec.nodes}
    return next((n.name for n in other.spec.nodes if n.address.casefold() in known), "")


def _check_selection(replica: Replica, selected: Selected) -> Iterator[Diagnostic]:
    everything = selected.by_cluster[replica.spec.cluster]
    if not selected.by_replica[replica.name]:
        text = f"replica {replica.name} selects none of the {len(everything)} VMs of "
        text += replica.spec.cluster
        yield finding("job-selects-no-vm", text, field="spec.include")
    for name in absent_names(replica, selected.candidates[replica.spec.cluster]):
        text = f"replica {replica.name} names VM {name}, which {replica.spec.cluster} has not"
        yield finding("vm-absent", text, field="spec.include")


def _check_ids(replica: Replica, selected: Selected) -> Iterator[Diagnostic]:
    """A VM on the other side with the same id is in the way, or what the first copy begins with."""
    is_seeded = replica.spec.initial.method is InitialMethod.EXISTING
    if is_seeded:
        yield from _check_existing(replica, selected)
    for place in _elsewhere(replica):
        if is_seeded and place == replica.spec.target.cluster:
            continue
        there = {w.ref: w for w in selected.by_cluster.get(place, ())}
        for workload in selected.by_replica[replica.name]:
            twin = there.get(_on(place, workload))
            if twin is not None and not twin.replication:
                text = f"replica {replica.name}: {place} has a VM {twin.name} with the id of "
                text += f"{workload.name} ({workload.ref.id}), and it is no replica"
                yield finding("replica-id-collision", text, field="spec.target.cluster")


def _check_existing(replica: Replica, selected: Selected) -> Iterator[Diagnostic]:
    place = replica.spec.target.cluster
    if place == replica.spec.cluster or not selected.is_listed(place):
        return
    there = {w.ref: w for w in selected.by_cluster[place]}
    for workload in selected.by_replica[replica.name]:
        twin = there.get(_on(place, workload))
        if twin is None:
            text = f"replica {replica.name}: {place} has no VM with the id of {workload.name}"
            yield finding("replica-no-existing-copy", text, field="spec.initial.method")
        elif not twin.replication and twin.power is not PowerState.OFF:
            text = f"replica {replica.name}: {twin.name} on {place}, which is to become the copy "
            text += f"of {workload.name}, is {twin.power.value}"
            yield finding("replica-no-existing-copy", text, field="spec.initial.method")


def _elsewhere(replica: Replica) -> tuple[str, ...]:
    """Return the clusters of the copies; the primary's own is a finding of its own."""
    return tuple(one for one in clusters_of(replica)[1:] if one != replica.spec.cluster)


def _check_doubles(names: set[str], selected: Selected) -> Iterator[Diagnostic]:
    for workload, found in choosers(selected.by_replica).values():
        if len(found) > 1 and names.intersection(found):
            text = f"VM {workload.name} is in {len(found)} replicas: {', '.join(found)}"
            yield finding("vm-in-two-replicas", text, field="spec.include")


def _check_backups(
    estate: Estate, replicas: Sequence[Replica], selected: Selected
) -> Iterator[Diagnostic]:
    jobs_of = {ref: jobs for ref, (_, jobs) in choosers(selected.by_job).items()}
    for replica in replicas:
        bare: list[str] = []
        for workload in selected.by_replica[replica.name]:
            here = jobs_of.get(workload.ref, [])
            there = {place: jobs_of.get(_on(place, workload), []) for place in _elsewhere(replica)}
            if not here and not any(there.values()):
                bare.append(workload.name)
            yield from _check_scope(estate, replica, workload, here, there)
        if bare:
            text = f"replica {replica.name}: {so_many_vms(len(bare))} replicated and in no job: "
            text += first_few(sorted(bare))
            yield finding("replica-without-backup", text, field="spec.include")


def _on(cluster: str, workload: Workload) -> Ref:
    """Return what a VM is called on the cluster of its replica: both have one id."""
    return workload.ref.model_copy(update={"system": cluster})


def _check_scope(
    estate: Estate,
    replica: Replica,
    workload: Workload,
    here: Sequence[str],
    there: Mapping[str, Sequence[str]],
) -> Iterator[Diagnostic]:
    for place, jobs in there.items():
        for job in jobs:
            connection = estate.job(job).spec.connection
            is_product = connection != estate.cluster(place).spec.hypervisor
            twins = [one for one in here if estate.job(one).spec.connection == connection]
            if is_product and twins:
                text = f"replica {replica.name}: {connection} has VM {workload.name} twice in its "
                text += f"scope, as primary (job {twins[0]}) and as replica (job {job}): one id"
                yield finding("replica-scope-collision", text, field="spec.include")
            elif not here:
                text = f"job {job} backs up the replica of {workload.name} on {place}, "
                text += "not the primary"
                yield finding("replica-is-backed-up", text, field="spec.include")
