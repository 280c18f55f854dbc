"""Making a VM: step by step, in the host's own order, and honest about where it broke."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.errors import (
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    UnreachableError,
)
from safepoint.models.checkpoints import OperationState
from safepoint_lab.wsman import MethodResult, Refused
from safepoint_native.hyperv.builder import BuildLook, MachineBuilder
from safepoint_native.hyperv.configuration import (
    AdapterConfiguration,
    ControllerConfiguration,
    DiskConfiguration,
    MachineConfiguration,
    MemoryConfiguration,
    ProcessorConfiguration,
)
from safepoint_native.hyperv.restore import start_destroy, start_set_disk_path

NEW = "DDDDDDDD-6C1D-4E0E-9C55-3C2B7A6D1E09"
SCSI = "83F8638B-8DCA-4152-9EDA-2CA8B33039B4"
SERVICE = "Msvm_VirtualSystemManagementService"
PATHS = {"scsi0-0": r"\\fs02\restore\d0.vhdx", "scsi0-1": r"\\fs02\restore\d1.vhdx"}


def configuration(**changes: Any) -> MachineConfiguration:
    disks = tuple(
        DiskConfiguration(
            name=f"scsi0-{n}", controller="scsi", number=0, position=n, path=rf"\\fs01\d{n}.vhdx"
        )
        for n in (0, 1)
    )
    whole = MachineConfiguration(
        id="AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01",
        name="sql01",
        generation=2,
        processor=ProcessorConfiguration(count=4, weight=100),
        memory=MemoryConfiguration(startup_mib=4096, minimum_mib=4096),
        secure_boot=True,
        user_checkpoint_type=3,
        controllers=(ControllerConfiguration(kind="scsi", number=0),),
        disks=disks,
        adapters=(AdapterConfiguration(name="lan", mac="00155D010203", has_static_mac=True),),
    )
    return whole.model_copy(update=changes)


class DefiningHost:
    """Does what the four methods promise; every call is a job of two looks."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.defined_id = NEW
        self.fail_at = ""
        self.refuse_at = ""
        rows.service(SERVICE)
        rows.methods[f"{SERVICE}.DefineSystem"] = self.define
        rows.methods[f"{SERVICE}.AddResourceSettings"] = self.add
        self.jobs: list[Any] = []

    def define(self, call: Any) -> MethodResult:
        self.rows.machine(
            self.defined_id, str(call.arguments["SystemSettings"].get("ElementName"))
        )
        made = self.rows.ref(
            "Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=self.defined_id
        )
        return self._job("DefineSystem", made)

    def add(self, call: Any) -> MethodResult:
        settings = call.arguments["ResourceSettings"]
        kinds = {setting.get("ResourceType") for setting in settings}
        name = {6: "controllers", 17: "drives", 31: "disks", 10: "adapters"}[kinds.pop()]
        assert not kinds
        for setting in settings:
            if name == "controllers":
                self.rows.controller(self.defined_id)
            elif name == "drives":
                assert SCSI in str(setting.get("Parent"))
                self.rows.drive(self.defined_id, int(setting.get("AddressOnParent")))
        return self._job(name)

    def _job(self, name: str, made: Any = None) -> MethodResult:
        if name == self.refuse_at:
            raise Refused(32779)
        failed = name == self.fail_at
        job = self.rows.job(
            f"J{len(self.jobs)}", 10 if failed else 4, ErrorCode=32768 if failed else 0
        )
        self.jobs.append(self.rows.rows[-1])
        if made is not None:
            self.rows.affected(job, made, [5])
        return MethodResult(4096, {"Job": job})

    def finish_job(self) -> None:
        self.jobs[-1].properties["JobState"] = 7


@pytest.fixture
def defining(host: Any) -> DefiningHost:
    host.answers("Msvm_ConcreteJob.GetErrorEx", 0, Errors=[])
    return DefiningHost(host)


def builder(host: Any, **options: Any) -> MachineBuilder:
    values: dict[str, Any] = {
        "name": "sql01-restored",
        "folder": r"\\fs02\restore",
        "disk_paths": PATHS,
    }
    return MachineBuilder(host.client, configuration(), **(values | options))


def run(made: MachineBuilder, defining: DefiningHost) -> tuple[BuildLook, list[str]]:
    """Look until it is over; every job runs for one look."""
    phases: list[str] = []
    for _ in range(40):
        look = made.advance()
        if look.state is not OperationState.RUNNING:
            return look, phases
        if not phases or phases[-1] != look.phase:
            phases.append(look.phase)
        defining.finish_job()
    raise AssertionError(phases)


def test_a_vm_is_made_in_order(host: Any, defining: DefiningHost) -> None:
    look, phases = run(builder(host, notes="safepoint restore 42"), defining)

    assert (look.state, look.vm_id, look.error) == (OperationState.SUCCEEDED, NEW, None)
    assert phases == ["define", "controllers", "drives", "disks", "adapters"]
    define, controllers, drives, disks, adapters = host.calls
    system = define.arguments["SystemSettings"].properties
    assert system["ElementName"] == "sql01-restored"
    assert system["VirtualSystemSubType"] == "Microsoft:Hyper-V:SubType:2"
    assert system["ConfigurationDataRoot"] == r"\\fs02\restore"
    assert system["Notes"] == ["safepoint restore 42"]
    assert system["SecureBootEnabled"] is True
    assert "VirtualSystemIdentifier" not in system
    quantities = [r.get("VirtualQuantity") for r in define.arguments["ResourceSettings"]]
    assert quantities == [4, 4096]
    assert controllers.arguments["ResourceSettings"][0].get("ResourceSubType") == (
        "Microsoft:Hyper-V:Synthetic SCSI Controller"
    )
    assert [d.get("AddressOnParent") for d in drives.arguments["ResourceSettings"]] == ["0", "1"]
    assert [d.get("HostResource") for d in disks.arguments["ResourceSettings"]] == [
        [PATHS["scsi0-0"]],
        [PATHS["scsi0-1"]],
    ]
    assert r"\\0\\1\\D" in str(disks.arguments["ResourceSettings"][1].get("Parent"))
    assert controllers.arguments["AffectedConfiguration"].key("InstanceID") == f"Microsoft:{NEW}"
    assert adapters.arguments["ResourceSettings"][0].properties == {
        "ResourceType": 10,
        "ResourceSubType": "Microsoft:Hyper-V:Synthetic Ethernet Port",
        "ElementName": "lan",
    }


def test_each_look_starts_or_reads_one_thing(host: Any, defining: DefiningHost) -> None:
    made = builder(host)
    for _ in range(5):
        assert made.advance().state is OperationState.RUNNING

    assert [call.method for call in host.calls] == ["DefineSystem"]


def test_a_chosen_identity_is_asked_for_and_keeps_its_address(
    host: Any, defining: DefiningHost
) -> None:
    look, _ = run(builder(host, vm_id=NEW.lower()), defining)

    assert look.vm_id == NEW
    system = host.calls[0].arguments["SystemSettings"].properties
    assert system["VirtualSystemIdentifier"] == NEW
    adapter = host.calls[-1].arguments["ResourceSettings"][0].properties
    assert (adapter["Address"], adapter["StaticMacAddress"]) == ("00155D010203", True)


def test_another_identity_than_the_chosen_one_is_an_error(
    host: Any, defining: DefiningHost
) -> None:
    defining.defined_id = "EEEEEEEE-6C1D-4E0E-9C55-3C2B7A6D1E09"
    look, _ = run(builder(host, vm_id=NEW), defining)

    assert look.state is OperationState.FAILED
    assert isinstance(look.error, ProtocolError)
    assert look.vm_id == defining.defined_id


@pytest.mark.parametrize("phase", ["DefineSystem", "controllers", "drives", "disks", "adapters"])
def test_a_failed_job_ends_the_work_where_it_broke(
    host: Any, defining: DefiningHost, phase: str
) -> None:
    defining.fail_at = phase
    made = builder(host)
    look, _ = run_failing(made, defining)

    assert look.state is OperationState.FAILED
    assert look.error is not None
    assert look.vm_id == ("" if phase == "DefineSystem" else NEW)
    assert made.advance() == look


def run_failing(made: MachineBuilder, defining: DefiningHost) -> tuple[BuildLook, int]:
    for count in range(40):
        look = made.advance()
        if look.state is not OperationState.RUNNING:
            return look, count
        if defining.jobs[-1].properties["JobState"] == 4:
            defining.finish_job()
    raise AssertionError


def test_a_refused_disk_ends_the_work(host: Any, defining: DefiningHost) -> None:
    defining.refuse_at = "disks"
    look, _ = run(builder(host), defining)

    assert look.phase == "disks"
    assert isinstance(look.error, NotFoundError)


def test_a_host_that_is_away_for_a_moment_changes_nothing(
    host: Any, defining: DefiningHost
) -> None:
    """Every request fails once, before it is sent; the work goes on where it was."""
    asked: set[str] = set()

    def spoil(envelope: str) -> UnreachableError | None:
        _, _, body = envelope.partition("<s:Body>")
        if body in asked:
            return None
        asked.add(body)
        return UnreachableError("away")

    host.spoil = spoil
    made = builder(host)
    look = None
    for _ in range(60):
        try:
            look = made.advance()
        except UnreachableError:
            continue
        if look.state is not OperationState.RUNNING:
            break
        defining.finish_job()

    assert look is not None
    assert (look.state, look.vm_id) == (OperationState.SUCCEEDED, NEW)
    assert len(host.calls) == 5


def test_a_forgotten_job_is_an_unknown_outcome(host: Any, defining: DefiningHost) -> None:
    made = builder(host)
    made.advance()
    host.rows.remove(defining.jobs[-1])

    assert isinstance(made.advance().error, OutcomeUnknownError)


def test_a_definition_nobody_can_find_is_an_unknown_outcome(
    host: Any, defining: DefiningHost
) -> None:
    made = builder(host)
    made.advance()
    defining.finish_job()
    host.rows[:] = [r for r in host.rows if r.class_name != "Msvm_AffectedJobElement"]

    look = made.advance()
    assert isinstance(look.error, OutcomeUnknownError)


def test_only_the_given_disks_are_attached(host: Any, defining: DefiningHost) -> None:
    look, _ = run(builder(host, disk_paths={"scsi0-1": PATHS["scsi0-1"]}), defining)

    assert look.state is OperationState.SUCCEEDED
    assert len(host.calls[3].arguments["ResourceSettings"]) == 1


def test_a_disk_without_a_place_in_the_configuration_is_refused(host: Any) -> None:
    with pytest.raises(InvalidRequestError, match="ide9-9: no place for it"):
        builder(host, disk_paths={"ide9-9": "x"})
    nowhere = configuration(controllers=())
    with pytest.raises(InvalidRequestError, match="scsi0-0, scsi0-1: no place"):
        MachineBuilder(host.client, nowhere, name="x", folder="y", disk_paths=PATHS)


def test_a_path_that_hosts_mishandle_ends_the_work_before_it_is_sent(
    host: Any, defining: DefiningHost
) -> None:
    look, _ = run(builder(host, disk_paths={"scsi0-0": r"\\fs02\R&D\d.vhdx"}), defining)

    assert isinstance(look.error, InvalidRequestError)
    assert look.phase == "disks"


def test_a_vm_is_destroyed_and_a_disk_pointed_elsewhere(host: Any) -> None:
    host.service(SERVICE)
    host.answers(f"{SERVICE}.DestroySystem", 0)
    host.answers(f"{SERVICE}.ModifyResourceSettings", 0)
    host.machine(NEW, "x")

    start_destroy(host.client, NEW)
    start_set_disk_path(host.client, rf"Microsoft:{NEW}\{SCSI}\0\0\L", PATHS["scsi0-0"])

    destroy, modify = host.calls
    assert destroy.arguments["AffectedSystem"].key("Name") == NEW
    assert modify.arguments["ResourceSettings"][0].properties == {
        "InstanceID": rf"Microsoft:{NEW}\{SCSI}\0\0\L",
        "HostResource": [PATHS["scsi0-0"]],
    }
