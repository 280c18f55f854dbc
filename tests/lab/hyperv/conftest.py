"""A world in memory for the CIM classes: two nodes, a few VMs, jobs that end when told to."""

from __future__ import annotations

import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.lab.wsman.conftest import ENUMERATE, GET, PREFIXES, Soap, wql_filter

from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.enums import (
    CheckpointType,
    Consistency,
    ControllerKind,
    GuestBackupType,
    GuestOs,
    ImageKind,
    JobState,
    JobType,
    NodeState,
    PowerState,
    SnapshotRequest,
)
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import (
    JOB_REMOVAL,
    AffectedElement,
    Checkpoint,
    CheckpointDisk,
    Cluster,
    Controller,
    Disk,
    DiskImage,
    Job,
    Merge,
    Node,
    NotHereError,
    Refused,
    Share,
    VirtualDiskFacts,
    Vm,
)
from safepoint_lab.world.port import NewDisk, VmChanges, VmDefinition
from safepoint_lab.world.replication.records import ReplicaServer
from safepoint_lab.wsman import Account, AccountBook, WsmanServer

V2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2"
SQL = "5F3A0B3E-6C1D-4E0E-9C55-3C2B7A6D1E01"
WEB = "5F3A0B3E-6C1D-4E0E-9C55-3C2B7A6D1E02"
FAR = "5F3A0B3E-6C1D-4E0E-9C55-3C2B7A6D1E03"
T = TypeVar("T")
START = datetime(2026, 1, 12, 22, 0, 0, tzinfo=UTC)


def _guid() -> str:
    return str(uuid.uuid4()).upper()


def make_vm(guid: str, name: str, node: str, **more: Any) -> Vm:
    path = rf"\\fs01\vmstore1\{name}\disk0.vhdx"
    scsi = Controller(f"B0D6F5C2-0000-4000-8000-{guid[-12:]}", ControllerKind.SCSI, 0)
    disk = Disk(0, ControllerKind.SCSI, 0, path, 1 << 30, {})
    disk.images[path] = DiskImage(path, None, ImageKind.DYNAMIC)
    values: dict[str, Any] = {
        "generation": 2,
        "power": PowerState.RUNNING,
        "guest_os": GuestOs.WINDOWS,
        "controllers": [scsi],
        "disks": [disk],
        "config_root": rf"\\fs01\vmstore1\{name}",
        "created_at": START - timedelta(days=30),
        "started_at": START - timedelta(days=1),
    }
    return Vm(guid, name, "c1", node, **(values | more))


class NoReplication:
    """Nothing is replicated; what it does is tested over a real world."""

    def of(self, vm: Vm) -> Sequence[object]:
        return ()

    def mode(self, vm: Vm) -> int:
        return 0

    def server(self, node: str) -> ReplicaServer:
        return ReplicaServer("c1")

    def is_repurposed(self, vm: Vm) -> bool:
        return False

    def test_of(self, vm: Vm) -> None:
        return None

    def tested_by(self, vm: Vm) -> None:
        return None


@dataclass
class MemoryWorld:
    """The port without bytes. `finish` ends a job; nothing happens by itself."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    faults: FaultBook = field(default_factory=FaultBook)
    time: datetime = START
    all_nodes: list[Node] = field(default_factory=list)
    all_vms: list[Vm] = field(default_factory=list)
    all_checkpoints: list[Checkpoint] = field(default_factory=list)
    all_jobs: list[Job] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    replication: Any = field(default_factory=NoReplication)

    def now(self, node: str | None = None) -> datetime:
        skew = self.node(node).clock_skew_seconds if node else 0
        return self.time + timedelta(seconds=skew)

    def clusters(self) -> Sequence[Cluster]:
        share = Share("fs01", "vmstore1", "/none")
        return [Cluster("c1", "c1.example.test", _guid(), ["hv01", "hv02"], [share])]

    def nodes(self, cluster: str | None = None) -> Sequence[Node]:
        return self.all_nodes

    def node(self, name: str) -> Node:
        return _one(node for node in self.all_nodes if node.name == name)

    def vms(self, *, node: str | None = None, cluster: str | None = None) -> Sequence[Vm]:
        return [vm for vm in self.all_vms if node in {None, vm.node}]

    def vm(self, guid: str, *, node: str | None = None) -> Vm:
        return _one(vm for vm in self.vms(node=node) if vm.guid == guid.upper())

    def checkpoints(self, vm: str, *, node: str | None = None) -> Sequence[Checkpoint]:
        self.vm(vm, node=node)
        return [c for c in self.all_checkpoints if c.vm == vm]

    def checkpoint(self, guid: str, *, node: str | None = None) -> Checkpoint:
        found = _one(c for c in self.all_checkpoints if c.guid == guid.upper())
        self.vm(found.vm, node=node)
        return found

    def jobs(self, node: str, *, vm: str | None = None) -> Sequence[Job]:
        return [
            job
            for job in self.all_jobs
            if job.node == node
            and (job.finished_at is None or self.time - job.finished_at < JOB_REMOVAL)
        ]

    def job(self, guid: str, *, node: str) -> Job:
        return _one(job for job in self.jobs(node) if job.guid == guid.upper())

    def merges(self, vm: str | None = None) -> Sequence[Merge]:
        return []

    def host_path(self, unc: str) -> Path:
        return Path(unc)

    def disk_facts(self, path: str, *, node: str) -> VirtualDiskFacts:
        if not path.startswith("\\\\fs01"):
            raise Refused(32779, "no such file")
        size = (1 << 30, 1 << 20, 2 << 20, 512, 4096)
        return VirtualDiskFacts(path, ImageKind.DYNAMIC, None, _guid(), *size, in_use=True)

    def create_checkpoint(
        self,
        vm: str,
        *,
        node: str,
        request: SnapshotRequest,
        consistency: Consistency = Consistency.APPLICATION,
        guest_backup_type: GuestBackupType = GuestBackupType.FULL,
        ignore_non_snapshottable: bool = False,
        by_wire: bool = False,
    ) -> Job:
        machine = self.vm(vm, node=node)
        if machine.busy is not None:
            raise Refused(32775)
        self.calls.append((request, consistency, guest_backup_type, ignore_non_snapshottable))
        return self._start(JobType.SNAPSHOT, machine)

    def destroy_checkpoint(self, guid: str, *, node: str, tree: bool = False) -> Job:
        checkpoint = self.checkpoint(guid, node=node)
        self.calls.append(("destroy", guid, tree))
        return self._start(JobType.DELETE_SNAPSHOT, self.vm(checkpoint.vm))

    def apply_checkpoint(self, guid: str, *, node: str) -> Job:
        raise Refused(32775)

    def clear_checkpoint_state(self, guid: str, *, node: str) -> Job:
        raise Refused(32775)

    def request_power(self, vm: str, requested: int, *, node: str) -> Job:
        self.calls.append(("power", requested))
        return self._start(JobType.POWER, self.vm(vm, node=node))

    def modify_vm(self, vm: str, changes: VmChanges, *, node: str) -> None:
        self.vm(vm, node=node)
        self.calls.append(("modify", vm, changes))

    def modify_checkpoint(self, guid: str, changes: VmChanges, *, node: str) -> None:
        self.checkpoint(guid, node=node).name = changes.name or ""

    def modify_disk(self, vm: str, slot: str, path: str, *, node: str) -> None:
        self.calls.append(("disk", slot, path))

    def define_vm(self, definition: VmDefinition, *, node: str) -> Vm:
        guid = definition.guid or _guid()
        self.calls.append(("define", definition))
        more = {"controllers": [], "disks": [], "power": PowerState.OFF}
        vm = make_vm(guid, definition.name, node, **more)
        self.all_vms.append(vm)
        return vm

    def add_controller(self, vm: str, kind: ControllerKind, *, node: str) -> Controller:
        machine = self.vm(vm, node=node)
        number = sum(each.kind is kind for each in machine.controllers)
        machine.controllers.append(Controller(_guid(), kind, number))
        return machine.controllers[-1]

    def add_disk(self, vm: str, disk: NewDisk, *, node: str) -> Disk:
        made = Disk(disk.controller, disk.controller_kind, disk.lun, disk.path, 1 << 30, {})
        self.vm(vm, node=node).disks.append(made)
        return made

    def destroy_vm(self, vm: str, *, node: str) -> Job:
        machine = self.vm(vm, node=node)
        if machine.power is not PowerState.OFF:
            raise Refused(32775)
        return self._start(JobType.DESTROY, machine)

    def cancel_job(self, guid: str, requested: int, *, node: str) -> None:
        self.calls.append(("cancel", guid, requested))

    def live_migrate(self, vm: str, to_node: str) -> None:
        self.vm(vm).node = to_node

    def fail_node(self, name: str) -> None:
        self.node(name).state = NodeState.DOWN

    def restore_node(self, name: str) -> None:
        self.node(name).state = NodeState.UP

    def pause_node(self, name: str) -> None:
        self.node(name).state = NodeState.PAUSED

    def add_checkpoint(self, vm: str, **more: Any) -> Checkpoint:
        """Put a checkpoint on a VM: its disk now runs on a differencing file."""
        machine = self.vm(vm)
        disks = [CheckpointDisk(0, ControllerKind.SCSI, 0, d.path, 1) for d in machine.disks]
        for disk in machine.disks:
            disk.path = disk.path.replace(".vhdx", f"_{_guid()}.avhdx")
        values: dict[str, Any] = {
            "name": f"{machine.name} - (now)",
            "type": CheckpointType.RECOVERY,
            "created_at": self.time,
            "consistency": Consistency.APPLICATION,
            "guest_backup_type": GuestBackupType.COPY,
            "parent": machine.most_current,
            "disks": disks,
        } | more
        made = Checkpoint(_guid(), vm, **values)
        machine.most_current = made.guid
        self.all_checkpoints.append(made)
        return made

    def finish(self, job: Job, *affected: AffectedElement) -> None:
        """End a job well."""
        job.state, job.percent, job.finished_at = JobState.COMPLETED, 100, self.time
        job.affected += affected

    def fail(self, job: Job, code: int, text: str) -> None:
        """End a job badly."""
        job.state, job.finished_at = JobState.EXCEPTION, self.time
        job.error_code, job.error_description, job.messages = code, text, [text]

    def _start(self, kind: JobType, vm: Vm) -> Job:
        job = Job(_guid(), vm.node, kind, "Job", self.time, vm=vm.guid, state=JobState.RUNNING)
        job.percent = 40
        self.all_jobs.append(job)
        return job


def _one(found: Iterator[T]) -> T:
    for each in found:
        return each
    msg = "not here"
    raise NotHereError(msg)


@pytest.fixture
def world() -> MemoryWorld:
    made = MemoryWorld()
    for name in ("hv01", "hv02"):
        made.all_nodes.append(Node(name, "c1", f"{name}.example.test", _guid(), booted_at=START))
    made.all_vms += [make_vm(SQL, "sql01", "hv01"), make_vm(WEB, "web01", "hv01")]
    made.all_vms.append(make_vm(FAR, "far01", "hv02", power=PowerState.OFF))
    return made


@pytest.fixture(scope="session")
def accounts() -> Iterator[AccountBook]:
    book = AccountBook([Account("svc", "Pass word-1")])
    yield book
    book.close()


@pytest.fixture
def wire(world: MemoryWorld, accounts: AccountBook) -> HyperVWire:
    return HyperVWire(world, accounts)


@pytest.fixture
def servers(wire: HyperVWire) -> Iterator[dict[str, WsmanServer]]:
    """Both nodes' servers, started."""
    made = {name: wire.server(name) for name in ("hv01", "hv02")}
    for server in made.values():
        server.start()
    yield made
    for server in made.values():
        server.stop()


class HostClient(Soap):
    """Talks to one node; knows the virtualization namespace."""

    base = V2

    def get_setting(self, class_name: str, instance_id: str) -> ET.Element:
        return self.send(GET, f"{V2}/{class_name}", selectors=_selectors(InstanceID=instance_id))

    def rows(self, wql: str, namespace: str = "root/virtualization/v2") -> list[ET.Element]:
        """Run a query and return all rows, as elements."""
        body = (
            "<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>5000</w:MaxElements>"
            f"{wql_filter(wql)}</n:Enumerate>"
        )
        uri = f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{namespace}/*"
        answer = self.send(ENUMERATE, uri, body)
        assert answer.find("w:EndOfSequence", PREFIXES) is not None
        return list(answer.find("w:Items", PREFIXES) or ())

    def call(self, class_name: str, method: str, arguments: str = "", **keys: str) -> ET.Element:
        """Invoke a method of a service (or of the object with the given keys)."""
        uri = f"{V2}/{class_name}"
        selectors = _selectors(**(keys or {"CreationClassName": class_name}))
        body = f'<m:{method}_INPUT xmlns:m="{uri}">{arguments}</m:{method}_INPUT>'
        return self.send(f"{uri}/{method}", uri, body, selectors=selectors)


def _selectors(**keys: str) -> str:
    inner = "".join(f'<w:Selector Name="{k}">{v}</w:Selector>' for k, v in keys.items())
    return f"<w:SelectorSet>{inner}</w:SelectorSet>"


def ref(class_name: str, **keys: str) -> str:
    """The children of a reference parameter."""
    return (
        "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address>"
        f"<a:ReferenceParameters><w:ResourceURI>{V2}/{class_name}</w:ResourceURI>"
        f"{_selectors(**keys)}</a:ReferenceParameters>"
    )


def vm_ref(guid: str) -> str:
    return ref("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=guid)


def settings_ref(guid: str) -> str:
    return ref("Msvm_VirtualSystemSettingData", InstanceID=f"Microsoft:{guid}")


def embedded(class_name: str, *properties: str) -> str:
    return f'<![CDATA[<INSTANCE CLASSNAME="{class_name}">{"".join(properties)}</INSTANCE>]]>'


def prop(name: str, value: str, kind: str = "string") -> str:
    return f'<PROPERTY NAME="{name}" TYPE="{kind}"><VALUE>{value}</VALUE></PROPERTY>'


def array(name: str, value: str) -> str:
    return (
        f'<PROPERTY.ARRAY NAME="{name}" TYPE="string"><VALUE.ARRAY><VALUE>{value}</VALUE>'
        "</VALUE.ARRAY></PROPERTY.ARRAY>"
    )


def text(row: ET.Element, name: str) -> str:
    return row.findtext(f"{{*}}{name}") or ""


def texts(row: ET.Element, name: str) -> list[str]:
    return [each.text or "" for each in row.findall(f"{{*}}{name}")]


def selector(row: ET.Element, name: str) -> str:
    """The last selector's value of a reference property."""
    return row.findall(f"{{*}}{name}//w:Selector", PREFIXES)[-1].text or ""


@pytest.fixture
def hv01(servers: dict[str, WsmanServer]) -> Iterator[HostClient]:
    client = HostClient(servers["hv01"].url)
    yield client
    client.session.close()


@pytest.fixture
def hv02(servers: dict[str, WsmanServer]) -> Iterator[HostClient]:
    client = HostClient(servers["hv02"].url)
    yield client
    client.session.close()
