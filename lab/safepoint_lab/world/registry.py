"""What exists in the world: every object by key, under one lock, with its copy on disk."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from safepoint.errors import UnknownNameError
from safepoint_lab.world.enums import MergePhase, NodeState, ReturnValue
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import (
    Checkpoint,
    Cluster,
    Disk,
    Merge,
    Node,
    NotHereError,
    Refused,
    Vm,
)
from safepoint_lab.world.state import StateFile
from safepoint_lab.world.timings import Timings, utc_now
from safepoint_lab.world.truth import CheckpointTruth

__all__ = ["LabIdentity", "Registry"]


@dataclass(slots=True)
class LabIdentity:
    """What the lab as a whole remembers.

    `guids` counts how many GUIDs were drawn; `clock_ahead_seconds` is how far the lab's clock
    was moved.
    """

    seed: int
    guids: int = 0
    clean: bool = True
    clock_ahead_seconds: float = 0.0


class Registry:
    """The objects of the world. Changing one means: hold `lock`, change, `save`.

    `changed` is notified by every `save` and whenever a job or merge takes a step.
    """

    def __init__(self, state: StateFile, timings: Timings) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.state = state
        self.timings = timings
        self.faults = FaultBook()
        self.identity = state.load(LabIdentity).get("lab", LabIdentity(seed=0))
        self.clusters = state.load(Cluster)
        self.nodes = state.load(Node)
        self.vms = state.load(Vm)
        for vm in self.vms.values():
            vm.busy = None  # whatever it was busy with died with the process
        self.checkpoints = state.load(Checkpoint)
        self.merges: dict[tuple[str, str], Merge] = {}
        self._unavailable: dict[str, float] = {}
        self._guids = self._guid_stream()

    def restart_guids(self) -> None:
        """Draw GUIDs by the seed of `identity` from now on."""
        self._guids = self._guid_stream()

    def new_guid(self) -> str:
        """Return the next GUID, upper case; the same seed gives the same GUIDs, none twice."""
        with self.lock:
            self.identity.guids += 1
            self.state.put("lab", self.identity)
            return str(uuid.UUID(int=self._guids.getrandbits(128), version=4)).upper()

    def now(self, node: str | None = None) -> datetime:
        """Return the lab's time, or a node's idea of it."""
        skew = self.nodes[node].clock_skew_seconds if node else 0.0
        return utc_now() + timedelta(seconds=skew + self.identity.clock_ahead_seconds)

    def move_clock(self, span: timedelta) -> None:
        """Set the lab's clock forward; it stays ahead of the real one from now on."""
        with self.lock:
            self.identity.clock_ahead_seconds += span.total_seconds()
            self.state.put("lab", self.identity)

    def save(self, *objects: Cluster | Node | Vm | Checkpoint) -> None:
        """Write objects to disk together."""
        with self.state.transaction():
            for item in objects:
                self.state.put(_key_of(item), item)
        self.tell()

    def tell(self) -> None:
        """Wake those who wait for something to change."""
        with self.changed:
            self.changed.notify_all()

    def node(self, name: str) -> Node:
        """Return a node by name, in any case."""
        for node in self.nodes.values():
            if node.name.casefold() == name.casefold():
                return node
        message = f"no node {name}"
        raise NotHereError(message)

    def vm(self, guid: str, *, node: str | None = None) -> Vm:
        """Return a VM by GUID or key; only if `node` owns it, when given.

        Where several clusters have the GUID and no node is given, the first of them is meant.
        """
        clusters = [self.nodes[node].cluster] if node in self.nodes else list(self.clusters)
        keys = [guid.upper(), *(f"{guid.upper()}@{name.upper()}" for name in clusters)]
        for key in keys:
            vm = self.vms.get(key)
            if vm is not None and (node is None or vm.node == node):
                return vm
        message = f"no VM {guid} on {node or 'any node'}"
        raise NotHereError(message)

    def vm_named(self, name: str) -> Vm:
        """Return a VM by GUID or name (the first by name when several share it).

        ``NAME@CLUSTER`` means the one in that cluster, such as a replica.

        Raises:
            UnknownNameError: Nothing answers to it.
        """
        with self.lock:
            if name.upper() in self.vms:
                return self.vms[name.upper()]
            plain, _, cluster = name.partition("@")
            for vm in self.sorted_vms():
                here = not cluster or vm.cluster.casefold() == cluster.casefold()
                if here and plain.casefold() in (vm.name.casefold(), vm.guid.casefold()):
                    return vm
        message = f"no VM is called '{name}'"
        raise UnknownNameError(message)

    def sorted_vms(self) -> list[Vm]:
        """Return all VMs by name, then key."""
        return sorted(self.vms.values(), key=lambda vm: (vm.name, vm.key))

    def checkpoint(self, guid: str, *, node: str | None = None) -> Checkpoint:
        """Return a checkpoint by GUID; only if `node` owns its VM, when given."""
        checkpoint = self.checkpoints.get(guid.upper())
        if checkpoint is None:
            message = f"no checkpoint {guid}"
            raise NotHereError(message)
        self.vm(checkpoint.vm, node=node)
        return checkpoint

    def checkpoints_of(self, vm: str) -> list[Checkpoint]:
        """Return a VM's checkpoints, oldest first."""
        wanted = vm.upper()
        found = [item for item in self.checkpoints.values() if item.vm == wanted]
        return sorted(found, key=lambda item: (item.created_at, item.guid))

    def scope_for(self, guid: str, cluster: str) -> str:
        """Return the scope a new VM with this GUID needs in a cluster.

        Raises:
            Refused: INVALID_PARAMETER; the cluster has a VM with this GUID.
        """
        with self.lock:
            taken = [vm for vm in self.vms.values() if vm.guid == guid]
        if any(vm.cluster == cluster for vm in taken):
            raise Refused(ReturnValue.INVALID_PARAMETER, f"{guid} is in use")
        return cluster if any(not vm.scope for vm in taken) else ""

    def disk(self, vm: Vm, slot: str) -> Disk:
        """Return a disk of a VM by slot."""
        for disk in vm.disks:
            if disk.slot == slot:
                return disk
        message = f"VM {vm.name} has no disk at {slot}"
        raise NotHereError(message)

    def truth(self, checkpoint: str) -> CheckpointTruth:
        """Return what a checkpoint froze, also when it is long gone."""
        truth = self.state.get(CheckpointTruth, checkpoint.upper())
        if truth is None:
            message = f"no checkpoint {checkpoint} was ever made"
            raise NotHereError(message)
        return truth

    def names_of(self, vm: Vm) -> tuple[str, ...]:
        """Return the names by which faults may mean a VM."""
        return vm.guid, vm.name, vm.key

    def struck(self, fault: str, vm: Vm, operation: str = "") -> Mapping[str, str] | None:
        """Ask the fault book about an operation on a VM; consumes one time of the fault."""
        return self.faults.take(fault, node=vm.node, vms=self.names_of(vm), operation=operation)

    def merging(self, vm: str) -> Sequence[Merge]:
        """Return a VM's merges that are queued, running or stalled (not failed ones)."""
        return [
            merge
            for merge in self.merges.values()
            if merge.vm == vm and merge.phase is not MergePhase.FAILED
        ]

    def require_service(self, node: str) -> None:
        """Refuse NOT_AVAILABLE 32777 while the node's management service restarts."""
        if self._unavailable.get(node, 0.0) > time.monotonic():
            raise Refused(ReturnValue.NOT_AVAILABLE, "the management service is starting")

    def suspend_service(self, node: str, seconds: float) -> None:
        """Let a node's management service be away for some time."""
        self._unavailable[node] = time.monotonic() + seconds

    def up_nodes(self, cluster: str) -> list[Node]:
        """Return the nodes of a cluster that can take VMs, in order."""
        names = self.clusters[cluster].nodes
        return [self.nodes[name] for name in names if self.nodes[name].state is NodeState.UP]

    def _guid_stream(self) -> random.Random:
        stream = random.Random(f"guids/{self.identity.seed}")  # noqa: S311 - reproducible ids
        for _ in range(self.identity.guids):
            stream.getrandbits(128)
        return stream


def _key_of(item: Cluster | Node | Vm | Checkpoint) -> str:
    if isinstance(item, Vm):
        return item.key
    return item.guid if isinstance(item, Checkpoint) else item.name
