"""The ability to replicate, over the clusters of one connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from safepoint.errors import (
    DriverError,
    NotFoundError,
    SafepointError,
    UnsupportedError,
)
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaPoint,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaServerState,
    ReplicaSide,
    ReplicaStep,
    ReplicaStepRequest,
    ReplicaStorage,
)
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.envelope import Argument
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv import replicating as ask
from safepoint_native.hyperv import replication as host
from safepoint_native.hyperv.cluster import read_connection_point
from safepoint_native.hyperv.jobs import Started, created_elements, look_at_job
from safepoint_native.hyperv.power import start_machine, turn_off
from safepoint_native.hyperv.schema import COMPUTER_SYSTEM, setting_ref
from safepoint_native.mapping import HostJob, failed, to_status, vm_ref
from safepoint_native.nodes import Nodes
from safepoint_native.replica_mapping import (
    leg_of,
    point_id_of,
    reversed_settings,
    to_point,
    to_server,
    to_side,
    to_test,
    with_statistics,
)
from safepoint_native.sources.port import ShareAccess, ShareEntry

__all__ = ["Replicating"]

_TEST_METHOD: Final = "TestReplicaSystem"
_NETWORK: Final = 1
_CHAIN: Final = re.compile(r"(?:_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\.[^.]*$")


class Replicating:
    """Relationships between the clusters that one connection reads."""

    def __init__(self, nodes: Mapping[str, Nodes], shares: Mapping[str, ShareAccess]) -> None:
        self._nodes = nodes
        self._shares = shares

    # -- reading --------------------------------------------------------------------------------

    def sides(self, query: ReplicaQuery) -> Iterator[ReplicaSide]:
        """List sides; raises when a node that counts as up cannot be read.

        Nodes are asked side by side: figures cost a request a VM.
        """
        for cluster in self._chosen(query.cluster, query.workload):
            nodes = self._nodes[cluster]
            vm_id = query.workload.id if query.workload is not None else query.family
            here = partial(self._of_node, cluster, vm_id=vm_id, has_figures=query.with_statistics)
            if vm_id is None:
                for found in nodes.on_living(nodes.view(), here):
                    yield from found
                continue
            try:
                yield from nodes.on_owner(vm_id, here)
            except NotFoundError:
                continue

    def _of_node(
        self, cluster: str, client: CimClient, *, vm_id: str | None, has_figures: bool
    ) -> list[ReplicaSide]:
        found = host.list_replication(client, vm_id)
        sizes = self._sizes(cluster, client) if has_figures else {}
        sides = []
        for relation in found.relations:
            side = to_side(cluster, relation)
            side = side.model_copy(update={"disk_bytes": sizes.get(relation.vm_id)})
            if has_figures and relation.sends:
                figures, issues = host.read_statistics(client, relation.vm_id, relation.leg)
                side = with_statistics(side, figures, issues)
            sides.append(side)
            if relation.sends:
                continue
            test = found.tests.get(relation.vm_id) or self._test_elsewhere(
                cluster, found.tests_elsewhere.get(relation.vm_id)
            )
            if test is not None:
                sides.append(to_test(cluster, relation, test))
        return sides

    def _test_elsewhere(self, cluster: str, vm_id: str | None) -> host.HostRelation | None:
        """Look at a test VM on another node than its replica: one of them moved, or failed over."""
        if vm_id is None:
            return None
        try:
            return self._nodes[cluster].on_owner(vm_id, partial(host.look_at_test, vm_id=vm_id))
        except NotFoundError:
            return None  # it was deleted meanwhile

    def _sizes(self, cluster: str, client: CimClient) -> dict[str, int]:
        """Return how large the disk files of each VM are, as far as their share can be read.

        A disk counts with the files that its recovery points froze: they lie beside it, and bear
        its name with a GUID behind.
        """
        shares = self._shares[cluster]
        folders: dict[str, dict[str, int]] = {}
        sizes: dict[str, int] = {}
        for vm_id, paths in host.disk_paths(client).items():
            total = 0
            for path in paths:
                folder, _, name = path.rpartition("\\")
                if folder not in folders:
                    try:
                        listed = shares.entries(folder)
                    except (SafepointError, ValueError):
                        listed = ()  # a folder that only the host can see
                    folders[folder] = _disk_sizes(listed)
                total += folders[folder].get(_disk_of(name), 0)
            if total:
                sizes[vm_id] = total
        return sizes

    def points(self, query: ReplicaPointQuery) -> Iterator[ReplicaPoint]:
        """List recovery points, oldest first within a replica."""
        for cluster in self._chosen(query.cluster, query.replica):
            nodes = self._nodes[cluster]
            if query.replica is not None:
                vm_id = query.replica.id
                try:
                    found = [nodes.on_owner(vm_id, partial(host.list_points, vm_id=vm_id))]
                except NotFoundError:
                    continue
            else:
                found = nodes.on_living(nodes.view(), host.list_points)
            yield from (to_point(cluster, point) for points in found for point in points)

    def servers(self, query: ReplicaQuery) -> Iterator[ReplicaServerState]:
        """List how clusters are set up to receive: a cluster's nodes share their settings."""
        for cluster in self._chosen(query.cluster, None):
            client = self._nodes[cluster].first_living()
            server = host.read_server(client)
            name = read_connection_point(client)
            storages = dict.fromkeys(entry.storage for entry in server.entries if entry.storage)
            rooms = tuple(
                ReplicaStorage(path=path, free_bytes=self._room(cluster, path))
                for path in storages
            )
            yield to_server(cluster, name, server, rooms)

    def _room(self, cluster: str, path: str) -> int | None:
        """Return the room where replicas are stored; None for a folder only the host can see."""
        try:
            return self._shares[cluster].free_bytes(path)
        except (SafepointError, ValueError):
            return None

    def _chosen(self, cluster: str | None, ref: Ref | None) -> list[str]:
        wanted = ref.system if ref is not None else cluster
        if wanted is None:
            return list(self._nodes)
        if wanted not in self._nodes:
            msg = f"this connection does not read a cluster {wanted!r}"
            hint = f"It reads: {', '.join(self._nodes) or 'none'}."
            raise NotFoundError(msg, hint=hint, operation="replicas", system=wanted)
        return [wanted]

    # -- steps ----------------------------------------------------------------------------------

    def start(self, request: ReplicaStepRequest) -> Ref:
        """Ask for one step on the node that owns the VM."""
        (cluster,) = self._chosen(None, request.side)
        vm_id = request.side.id
        action = self._action(request, leg_of(request.pair))

        def call(client: CimClient) -> Ref:
            started = action(client)
            return HostJob.of(client.node, vm_id, started).to_ref(cluster)

        return self._nodes[cluster].on_owner(vm_id, call)

    def _action(self, request: ReplicaStepRequest, leg: int) -> Callable[[CimClient], Started]:
        step, vm_id = request.step, request.side.id
        state = _STATES.get(step)
        if state is not None:
            return lambda client: ask.request_state(client, vm_id, leg, state)
        if step is ReplicaStep.REMOVE:
            return lambda client: ask.remove_relationship(client, vm_id, leg)
        method = _METHODS.get(step)
        if method is not None:
            more = self._arguments(request)
            return lambda client: ask.step_on_machine(client, method, vm_id, more)
        if step is ReplicaStep.REVERSE:
            return lambda client: self._reverse(client, request, leg)
        simple = _SIMPLE.get(step)
        if simple is None:
            msg = f"Hyper-V knows no step {step}"
            raise UnsupportedError(msg)
        return lambda client: simple(client, vm_id)

    @staticmethod
    def _arguments(request: ReplicaStepRequest) -> dict[str, Argument]:
        if request.step in {ReplicaStep.FAIL_OVER, ReplicaStep.START_TEST}:
            point = setting_ref(point_id_of(request.point)) if request.point else None
            return {"SnapshotSettingData": point}
        if request.step is ReplicaStep.RESYNC:
            return {"StartTime": request.at}
        if request.step is ReplicaStep.IMPORT_INITIAL:
            return {"InitialReplicationImportLocation": request.folder}
        if request.step is ReplicaStep.START_INITIAL:
            return {"InitialReplicationType": _NETWORK, "StartTime": request.at}
        return {}

    def _reverse(self, client: CimClient, request: ReplicaStepRequest, leg: int) -> Started:
        """Swap the roles: as it was, but towards the server that the VM came from."""
        found = host.list_replication(client, request.side.id)
        now = next((r.settings for r in found.relations if r.leg == leg and r.settings), None)
        if now is None:
            msg = f"{client.node}: the VM {request.side.id} has no relationship to reverse"
            raise NotFoundError(
                msg, operation="ReverseReplicationRelationship", system=client.node
            )
        back = self._server_of_source(request.side, leg)
        wish = reversed_settings(now, back, host.read_server(client))
        return ask.step_on_machine(
            client,
            "ReverseReplicationRelationship",
            request.side.id,
            {"ReplicationSettingData": wish.to_instance()},
        )

    def _server_of_source(self, side: Ref, leg: int) -> host.HostServer | None:
        """Return how the old primary's side receives; None when it cannot be found."""
        for cluster, nodes in self._nodes.items():
            if cluster == side.system:
                continue
            try:
                there = nodes.on_owner(side.id, lambda c: (c, host.list_replication(c, side.id)))
            except DriverError:
                continue
            if any(r.leg == leg and r.sends for r in there[1].relations):
                return host.read_server(there[0])
        return None

    def operation(self, operation: Ref) -> OperationStatus:
        """Look once at a step."""
        (cluster,) = self._chosen(operation.system, None)
        job = HostJob.from_ref(operation)
        client = self._nodes[cluster].client(job.node)
        if job.job is None:
            return OperationStatus(ref=operation, state=OperationState.SUCCEEDED, percent=100)
        look = look_at_job(client, job.job, operation=job.operation)
        if look.error is not None:
            return failed(operation, look.error)
        result = None
        if look.state is OperationState.SUCCEEDED and job.operation == _TEST_METHOD:
            result = self._test_vm(cluster, client, job.job)
        return to_status(operation, look, result)

    @staticmethod
    def _test_vm(cluster: str, client: CimClient, job: CimRef) -> Ref | None:
        started = Started(_TEST_METHOD, job, CimRow("", {}))
        for ref in created_elements(client, started, "ResultingSystem", COMPUTER_SYSTEM):
            return vm_ref(cluster, ref.key("Name"))
        return None


def _disk_sizes(listed: Iterable[ShareEntry]) -> dict[str, int]:
    """Return the size of every disk of a folder, with all files of its chain."""
    sizes: dict[str, int] = {}
    for one in listed:
        if one.name.casefold().endswith(host.DISK_FILES):
            disk = _disk_of(one.name)
            sizes[disk] = sizes.get(disk, 0) + one.size_bytes
    return sizes


def _disk_of(name: str) -> str:
    """Name the disk that a file belongs to: without the GUID and the suffix of its chain."""
    return _CHAIN.sub("", name.casefold())


_STATES: Final[Mapping[ReplicaStep, int]] = {
    ReplicaStep.PAUSE: ask.StateRequest.PAUSE,
    ReplicaStep.RESUME: ask.StateRequest.RESUME,
    ReplicaStep.PREPARE: ask.StateRequest.PREPARE,
    ReplicaStep.CANCEL_PREPARE: ask.StateRequest.RESUME,
}
_METHODS: Final[Mapping[ReplicaStep, str]] = {
    ReplicaStep.START_INITIAL: "StartReplication",
    ReplicaStep.IMPORT_INITIAL: "ImportInitialReplica",
    ReplicaStep.RESYNC: "Resynchronize",
    ReplicaStep.FAIL_OVER: "InitiateFailover",
    ReplicaStep.CANCEL_FAIL_OVER: "RevertFailover",
    ReplicaStep.COMMIT: "CommitFailover",
    ReplicaStep.START_TEST: _TEST_METHOD,
}
_SIMPLE: Final[Mapping[ReplicaStep, Callable[[CimClient, str], Started]]] = {
    ReplicaStep.STOP_TEST: ask.destroy_machine,
    ReplicaStep.SHUT_DOWN: ask.shut_down,
    ReplicaStep.TURN_OFF: turn_off,
    ReplicaStep.POWER_ON: start_machine,
}
