"""A host that exists only as rows: the lab's protocol server without sockets or world.

The server checks every query, argument and type as a real host would; what exists and what
methods do is written down by each test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from typing_extensions import override

from safepoint_lab.hyperv import schemas
from safepoint_lab.wsman import (
    AccountBook,
    CallLog,
    CimInstance,
    CimReference,
    MethodCall,
    MethodResult,
    WsmanSettings,
)
from safepoint_lab.wsman.memory import MemoryProvider
from safepoint_lab.wsman.service import WsmanService
from safepoint_native.cim import CimClient

V2 = schemas.VIRTUALIZATION
SCSI = "83F8638B-8DCA-4152-9EDA-2CA8B33039B4"
IDE = "11111111-8DCA-4152-9EDA-2CA8B33039B4"


class ManyNamespaces(MemoryProvider):
    """A memory provider that knows every namespace of the lab, but for those it lacks."""

    def __init__(
        self, rows: list[CimInstance], methods: Mapping[str, Any], lacks: set[str]
    ) -> None:
        super().__init__(schemas.load(V2), rows, methods)
        self.lacks = lacks
        self.calls: list[MethodCall] = []

    @override
    def schema(self, namespace: str) -> Any:
        return None if namespace in self.lacks else schemas.find(namespace)

    @override
    def instances(self, namespace: str, class_name: str, hints: Mapping[str, str]) -> Any:
        for row in super().instances(namespace, class_name, hints):
            if not namespace or row.namespace == namespace:
                yield row

    @override
    def invoke(self, call: MethodCall) -> MethodResult:
        self.calls.append(call)
        return super().invoke(call)


class RowsHost:
    """A host made of rows, and a client that talks to it in this very thread."""

    def __init__(self, accounts: AccountBook, node: str = "hv01") -> None:
        self.rows: list[CimInstance] = []
        self.methods: dict[str, Callable[[MethodCall], MethodResult]] = {}
        self.lacks: set[str] = set()
        self.spoil: Callable[[str], BaseException | None] = lambda _envelope: None
        self._provider = ManyNamespaces(self.rows, self.methods, self.lacks)
        self._provider._methods = self.methods
        self._service = WsmanService(self._provider, accounts, WsmanSettings(node=node), CallLog())
        self.client = CimClient(self, node=node)
        self.add(
            "Msvm_ComputerSystem",
            Name=node.upper(),
            Description="Microsoft Hosting Computer System",
            CreationClassName="Msvm_ComputerSystem",
            OperationalStatus=[2],
        )

    # -- the transport ---------------------------------------------------------------
    def post(self, envelope: str) -> bytes:
        error = self.spoil(envelope)
        if error is not None:
            raise error
        return self._service.answer(self._service.open(envelope)).body

    def close(self) -> None:
        """Nothing to let go of."""

    # -- what exists -----------------------------------------------------------------
    @property
    def calls(self) -> list[MethodCall]:
        return self._provider.calls

    def add(self, class_name: str, namespace: str = V2, **properties: Any) -> CimInstance:
        row = CimInstance(namespace, class_name, properties)
        self.rows.append(row)
        return row

    def ref(self, class_name: str, **keys: str) -> CimReference:
        return CimReference(V2, class_name, tuple(keys.items()))

    def service(self, name: str) -> None:
        self.add(name, CreationClassName=name, SystemName="HV01", Name="x")

    def machine(self, vm_id: str, name: str, **properties: Any) -> CimInstance:
        """Add a VM that runs, with its settings and no disks."""
        system: dict[str, Any] = {
            "CreationClassName": "Msvm_ComputerSystem",
            "Description": "Microsoft Virtual Machine",
            "ElementName": name,
            "EnabledState": 2,
            "HealthState": 5,
            "Name": vm_id,
            "OperationalStatus": [2],
            "ReplicationMode": 0,
        }
        self.setting(vm_id, vm_id, "System:Realized", ElementName=name)
        return self.add("Msvm_ComputerSystem", **(system | properties))

    def setting(self, owner: str, vm_id: str, kind: str, **properties: Any) -> CimInstance:
        values: dict[str, Any] = {
            "ConfigurationDataRoot": r"\\fs01\vmstore1\vm",
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
            "InstanceID": f"Microsoft:{owner}",
            "UserSnapshotType": 3,
            "Version": "10.0",
            "VirtualSystemIdentifier": vm_id,
            "VirtualSystemSubType": "Microsoft:Hyper-V:SubType:2",
            "VirtualSystemType": f"Microsoft:Hyper-V:{kind}",
        }
        return self.add("Msvm_VirtualSystemSettingData", **(values | properties))

    def controller(
        self,
        owner: str,
        guid: str = SCSI,
        number: int = 0,
        kind: int = 6,
        address: str | None = None,
    ) -> None:
        self.add(
            "Msvm_ResourceAllocationSettingData",
            InstanceID=rf"Microsoft:{owner}\{guid}\{number}",
            ResourceType=kind,
            ResourceSubType="Microsoft:Hyper-V:Controller",
            Address=address,
        )

    def drive(
        self,
        owner: str,
        position: int = 0,
        guid: str = SCSI,
        number: int = 0,
        kind: str = "Synthetic Disk Drive",
        **more: Any,
    ) -> str:
        tail = rf"{guid}\{number}\{position}\D"
        controller = self.ref(
            "Msvm_ResourceAllocationSettingData", InstanceID=rf"Microsoft:{owner}\{guid}\{number}"
        )
        self.add(
            "Msvm_ResourceAllocationSettingData",
            InstanceID=rf"Microsoft:{owner}\{tail}",
            AddressOnParent=str(position),
            Parent=controller.path("HV01"),
            ResourceType=17,
            ResourceSubType=f"Microsoft:Hyper-V:{kind}",
            **more,
        )
        return rf"Microsoft:{owner}\{tail}"

    def disk(
        self,
        owner: str,
        path: str,
        position: int = 0,
        guid: str = SCSI,
        number: int = 0,
        **more: Any,
    ) -> CimInstance:
        """Add a disk in a drive of its own."""
        drive_id = self.drive(owner, position, guid, number)
        parent = self.ref("Msvm_ResourceAllocationSettingData", InstanceID=drive_id)
        values: dict[str, Any] = {
            "HostResource": [path],
            "InstanceID": rf"Microsoft:{owner}\{guid}\{number}\{position}\L",
            "Parent": parent.path("HV01"),
            "ResourceSubType": "Microsoft:Hyper-V:Virtual Hard Disk",
            "ResourceType": 31,
        }
        return self.add("Msvm_StorageAllocationSettingData", **(values | more))

    def component(self, class_name: str, vm_id: str, **properties: Any) -> None:
        self.add(
            class_name,
            CreationClassName=class_name,
            SystemName=vm_id,
            SystemCreationClassName="Msvm_ComputerSystem",
            DeviceID=f"Microsoft:{vm_id}\\{class_name}",
            **properties,
        )

    def job(self, job_id: str, state: int = 4, **properties: Any) -> CimReference:
        values: dict[str, Any] = {
            "Cancellable": True,
            "ErrorCode": 0,
            "InstanceID": job_id,
            "JobState": state,
            "JobType": 70,
            "PercentComplete": 40,
        }
        self.add("Msvm_ConcreteJob", **(values | properties))
        return self.ref("Msvm_ConcreteJob", InstanceID=job_id)

    def affected(self, job: CimReference, element: CimReference, effects: Sequence[int]) -> None:
        self.add(
            "Msvm_AffectedJobElement",
            AffectedElement=element,
            AffectingElement=job,
            ElementEffects=list(effects),
        )

    def answers(self, method: str, value: int = 0, **outputs: Any) -> None:
        """Make a method answer always the same."""
        self.methods[method] = lambda _call: MethodResult(value, outputs)


@pytest.fixture
def host() -> Iterator[RowsHost]:
    book = AccountBook([])
    yield RowsHost(book)
    book.close()


@pytest.fixture
def new_host() -> Iterator[Callable[[str], RowsHost]]:
    """Make hosts by name."""
    book = AccountBook([])
    yield lambda name: RowsHost(book, name)
    book.close()
