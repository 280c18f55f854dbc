"""The whole layer against living hosts of the lab: real jobs, real merges, real faults."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    DriverError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    QuiesceError,
    SafepointError,
    StorageFullError,
    ThrottledError,
    UnreachableError,
)
from safepoint.models.checkpoints import CheckpointKind, MergeState, OperationState
from safepoint.models.workloads import GuestState, PowerState
from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.enums import BusyStatus
from safepoint_lab.world.model import NotHereError
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_lab.wsman import Account, AccountBook
from safepoint_native.cim import (
    AnswerLostError,
    AnswerTooLargeError,
    AuthKind,
    CimClient,
    Endpoint,
    Login,
    PywinrmTransport,
)
from safepoint_native.cim.recorder import RecordingTransport, ReplayTransport
from safepoint_native.hyperv.builder import MachineBuilder
from safepoint_native.hyperv.checkpoints import (
    checkpoint,
    created_checkpoint,
    list_checkpoints,
    name_disks,
    set_user_checkpoint_type,
    start_apply,
    start_create_recovery,
    start_create_user,
    start_delete,
    start_rename,
)
from safepoint_native.hyperv.cluster import owners_by_listing, read_cluster
from safepoint_native.hyperv.configuration import capture_configuration
from safepoint_native.hyperv.hosts import largest_envelope, probe_host
from safepoint_native.hyperv.inventory import VirtualMachine, list_machines, machine
from safepoint_native.hyperv.jobs import JobLook, Started, cancel_job, look_at_job
from safepoint_native.hyperv.merges import look_at_merge
from safepoint_native.hyperv.power import start_machine, turn_off
from safepoint_native.hyperv.restore import start_destroy

PASSWORD = "lab-Pa55word"


@dataclass
class Site:
    """A lab and a client for each of its nodes."""

    world: World
    wire: HyperVWire
    clients: dict[str, CimClient]
    urls: dict[str, int]

    def vm(self, name: str) -> tuple[CimClient, VirtualMachine]:
        """Return a VM by name, with a client for the node that owns it."""
        record = self.world.vm_named(name)
        client = self.clients[record.node]
        return client, machine(client, record.guid)

    def finish(self, client: CimClient, started: Started) -> JobLook:
        """Wait for the lab, not for the clock, and look once."""
        if started.job is None:
            return JobLook(OperationState.SUCCEEDED)
        with contextlib.suppress(NotHereError):  # changes of settings end at once
            job = self.world.job(started.job.key("InstanceID"), node=client.node)
            assert self.world.wait_job(job)
        return look_at_job(client, started.job, operation=started.operation)

    def done(self, client: CimClient, started: Started) -> Started:
        """Finish something that must end well."""
        look = self.finish(client, started)
        assert look.state is OperationState.SUCCEEDED, look.error
        return started

    def hold(self, client: CimClient, vm_id: str) -> str:
        """Make a recovery checkpoint and return its GUID."""
        started = start_create_recovery(client, vm_id, application_consistent=True)
        self.done(client, started)
        return created_checkpoint(client, started, vm_id=vm_id, before=[])

    def release(self, client: CimClient, vm_id: str, checkpoint_id: str) -> None:
        """Delete a checkpoint and wait until it is merged."""
        self.done(client, start_delete(client, checkpoint_id))
        assert self.world.wait_merged(vm_id)
        assert look_at_merge(client, vm_id).state is MergeState.MERGED

    def connect(self, node: str, **options: Any) -> CimClient:
        """Make another client for a node."""
        endpoint = Endpoint("127.0.0.1", self.urls[node], tls=False)
        login = Login(AuthKind.NTLM, "LAB\\svc", PASSWORD)
        return CimClient(PywinrmTransport(endpoint, login, node=node), node=node, **options)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two nodes and six VMs with small disks, ten times faster than life."""
    folder = tmp_path_factory.mktemp("lab")
    with ExitStack() as stack:
        world = World.open(folder / "world", Timings(speed=10))
        plan = EstatePlan(vms=6, disk_bytes=8 * MIB, bulk_bytes=MIB // 2)
        build_estate(world.registry, world.storage, plan, folder / "shares")
        world.start()
        stack.callback(world.stop)
        accounts = AccountBook([Account("svc", PASSWORD)])
        stack.callback(accounts.close)
        site = Site(world, HyperVWire(world, accounts), {}, {})
        for node in world.nodes():
            server = site.wire.server(node.name, allow_unencrypted=False)
            stack.enter_context(server)
            site.urls[node.name] = server.port
            site.clients[node.name] = site.connect(node.name)
            stack.callback(site.clients[node.name].close)
        yield site


@pytest.fixture
def site(lab: Site) -> Iterator[Site]:
    """The lab without faults, before and after."""
    yield lab
    lab.world.clear_fault()


def test_every_vm_is_found_with_its_disks_and_its_owner(site: Site) -> None:
    found = [vm for client in site.clients.values() for vm in list_machines(client)]

    truth = {vm.guid: vm for vm in site.world.vms()}
    assert {vm.id for vm in found} == set(truth)
    for vm in found:
        assert (vm.name, vm.node) == (truth[vm.id].name, truth[vm.id].node)
        assert vm.generation == truth[vm.id].generation
        assert {disk.path for disk in vm.disks} == {disk.path for disk in truth[vm.id].disks}
        assert (vm.power, vm.guest) == (PowerState.RUNNING, GuestState.READY)
        assert vm.guest_os.startswith(
            "Windows" if truth[vm.id].guest_os == "windows" else "Debian"
        )
    assert {d.name for vm in found for d in vm.disks} == {"ide0-0", "scsi0-0", "scsi0-1"}


def test_the_cluster_and_the_nodes_agree_on_owners(site: Site) -> None:
    for client in site.clients.values():
        view = read_cluster(client)
        assert view is not None
        assert view.owners == owners_by_listing(site.clients)
        assert set(view.nodes) == set(site.clients)


def test_a_host_is_probed(site: Site) -> None:
    facts = probe_host(site.clients["hv01"], now=site.world.now)

    assert (facts.has_hyperv, facts.can_manage, facts.problem) == (True, True, None)
    assert facts.version.startswith("10.0.")
    assert abs(facts.clock_skew_seconds or 0.0) < 5


def test_a_wrong_clock_is_measured(site: Site) -> None:
    site.world.arm_fault("clock-skew", node="hv02", parameters={"seconds": "3600"})
    facts = probe_host(site.clients["hv02"], now=site.world.now)

    assert facts.clock_skew_seconds is not None
    assert abs(facts.clock_skew_seconds - 3600) < 5


def test_an_account_without_hyperv_rights_is_told_from_an_empty_node(site: Site) -> None:
    site.world.arm_fault("not-hyperv-admin", node="hv01")
    client = site.clients["hv01"]

    facts = probe_host(client, now=site.world.now)
    assert (facts.has_hyperv, facts.can_manage) == (True, False)
    with pytest.raises(PermissionDeniedError):
        list_machines(client)


def test_a_checkpoint_lives_from_create_to_merged(site: Site) -> None:
    client, vm = site.vm("sql01")
    before = [disk.path for disk in vm.disks]

    started = start_create_recovery(client, vm.id, application_consistent=True)
    site.done(client, started)
    made = created_checkpoint(client, started, vm_id=vm.id, before=[])
    site.done(client, start_rename(client, made, "safepoint nightly (42)"))
    found = checkpoint(client, made)

    assert (found.name, found.kind, found.vm_id) == (
        "safepoint nightly (42)",
        CheckpointKind.BACKUP,
        vm.id,
    )
    assert sorted(name_disks(found, machine(client, vm.id).disks).values()) == sorted(before)
    held = look_at_merge(client, vm.id)
    assert held.state is MergeState.HELD
    assert all(path.lower().endswith(".avhdx") for path in held.active)
    assert capture_configuration(client, made).disks[0].path == before[0]

    site.done(client, start_delete(client, made))
    assert list_checkpoints(client, vm.id) == []
    assert look_at_merge(client, vm.id).state is not MergeState.HELD
    assert site.world.wait_merged(vm.id)
    merged = look_at_merge(client, vm.id)
    assert (merged.state, sorted(merged.active)) == (MergeState.MERGED, sorted(before))


def test_over_a_users_checkpoint_ours_is_explained_by_nobody_once_it_is_gone(site: Site) -> None:
    client, vm = site.vm("mail01")
    users = start_create_user(client, vm.id)
    site.done(client, users)
    started = start_create_recovery(client, vm.id, application_consistent=True)
    site.done(client, started)
    ours = created_checkpoint(client, started, vm_id=vm.id, before=[])
    kept = next(one for one in list_checkpoints(client, vm.id) if one.id != ours)
    assert kept.kind is CheckpointKind.PRODUCTION
    assert checkpoint(client, ours).parent_id == kept.id
    site.world.arm_fault("merge-stalls", vm="mail01")

    site.done(client, start_delete(client, ours))
    record = site.world.vm(vm.id)
    assert site.world.wait_until(lambda: record.busy is BusyStatus.MERGING_DISKS)
    assert look_at_merge(client, vm.id).state is MergeState.MERGING
    site.world.clear_fault()
    assert site.world.wait_merged(vm.id)
    assert look_at_merge(client, vm.id).state is MergeState.HELD

    site.release(client, vm.id, kept.id)


@pytest.mark.parametrize(
    ("setting", "kind"), [(3, CheckpointKind.PRODUCTION), (5, CheckpointKind.STANDARD)]
)
def test_a_vm_goes_back_to_a_users_checkpoint(
    site: Site, setting: int, kind: CheckpointKind
) -> None:
    client, vm = site.vm("app01")
    site.done(client, set_user_checkpoint_type(client, vm.id, setting))
    assert machine(client, vm.id).user_checkpoint_type == setting
    started = start_create_user(client, vm.id)
    site.done(client, started)
    made = created_checkpoint(client, started, vm_id=vm.id, before=[])
    assert checkpoint(client, made).kind is kind

    with pytest.raises(ConflictError):
        start_apply(client, made)
    site.done(client, turn_off(client, vm.id))
    assert machine(client, vm.id).power is PowerState.OFF
    site.done(client, start_apply(client, made))
    if machine(client, vm.id).power is not PowerState.RUNNING:
        site.done(client, start_machine(client, vm.id))
    site.release(client, vm.id, made)
    assert machine(client, vm.id).power is PowerState.RUNNING


def test_while_one_checkpoint_is_made_another_is_busy(site: Site) -> None:
    client, vm = site.vm("file01")
    site.world.arm_fault("job-never-ends", vm="file01")
    started = start_create_recovery(client, vm.id, application_consistent=True)
    assert started.job is not None
    assert look_at_job(client, started.job, operation="x").state is OperationState.RUNNING

    with pytest.raises(BusyError, match="creating checkpoint"):
        start_create_recovery(client, vm.id, application_consistent=True)
    with pytest.raises(ConflictError):
        cancel_job(client, started.job)

    site.world.clear_fault()
    site.finish(client, started)
    for one in list_checkpoints(client, vm.id):
        site.release(client, vm.id, one.id)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("vss-writer-failed", QuiesceError, "0x800423F4"),
        ("disk-full", StorageFullError, "0x80070070"),
        ("share-offline", UnreachableError, "0x80070035"),
    ],
)
def test_why_a_checkpoint_failed_is_told_by_number(
    site: Site, fault: str, kind: type[SafepointError], code: str
) -> None:
    client, vm = site.vm("web01")
    site.world.arm_fault(fault, vm="" if fault == "share-offline" else "web01")
    look = site.finish(client, start_create_recovery(client, vm.id, application_consistent=True))

    assert look.state is OperationState.FAILED
    assert type(look.error) is kind
    assert isinstance(look.error, DriverError)
    assert look.error.native_code == code
    site.world.clear_fault()
    assert list_checkpoints(client, vm.id) == []


def test_a_guest_without_its_daemon_cannot_be_quiesced_but_can_be_frozen(site: Site) -> None:
    client, vm = site.vm("web01")
    site.world.arm_fault("no-guest-quiesce", vm="web01")
    look = site.finish(client, start_create_recovery(client, vm.id, application_consistent=True))
    assert isinstance(look.error, QuiesceError)

    started = start_create_recovery(client, vm.id, application_consistent=False)
    site.done(client, started)
    site.release(client, vm.id, created_checkpoint(client, started, vm_id=vm.id, before=[]))


def test_warnings_do_not_spoil_a_success(site: Site) -> None:
    client, vm = site.vm("web01")
    site.world.arm_fault("job-warnings", vm="web01")
    started = start_create_recovery(client, vm.id, application_consistent=True)
    look = site.finish(client, started)

    assert look.state is OperationState.SUCCEEDED
    assert look.warnings
    site.release(client, vm.id, created_checkpoint(client, started, vm_id=vm.id, before=[]))


@pytest.mark.parametrize("when", ["create", "delete"])
def test_after_a_lost_answer_the_effect_is_there_to_be_found(site: Site, when: str) -> None:
    client, vm = site.vm("erp01")
    made = "" if when == "create" else site.hold(client, vm.id)
    site.world.arm_fault(f"lost-answer-{when}")

    def act() -> Started:
        if when == "create":
            return start_create_recovery(client, vm.id, application_consistent=True)
        return start_delete(client, made)

    with pytest.raises(OutcomeUnknownError):
        act()
    expected = 1 if when == "create" else 0
    assert site.world.wait_until(lambda: len(site.world.checkpoints(vm.id)) == expected)

    left = list_checkpoints(client, vm.id)
    assert len(left) == expected
    for one in left:
        site.release(client, vm.id, one.id)
    assert site.world.wait_merged(vm.id)


def test_a_vanished_job_leaves_its_effect(site: Site) -> None:
    client, vm = site.vm("erp01")
    site.world.arm_fault("job-vanishes", vm="erp01")
    started = start_create_recovery(client, vm.id, application_consistent=True)
    assert started.job is not None
    assert site.world.wait_until(lambda: bool(site.world.checkpoints(vm.id)))

    job = dict(started.job.keys)["InstanceID"]
    assert site.world.wait_until(
        lambda: job not in {known.guid for known in site.world.jobs(client.node)}
    )
    assert look_at_job(client, started.job, operation="x").state is OperationState.UNKNOWN
    made = created_checkpoint(client, started, vm_id=vm.id, before=[])
    assert made
    site.release(client, vm.id, made)


def test_a_vm_that_moves_takes_its_checkpoint_along(site: Site) -> None:
    client, vm = site.vm("web01")
    made = site.hold(client, vm.id)
    other = next(name for name in site.clients if name != client.node)
    site.world.live_migrate(vm.id, other)

    with pytest.raises(NotFoundError):
        machine(client, vm.id)
    with pytest.raises(NotFoundError):
        list_checkpoints(client, vm.id)
    with pytest.raises(NotFoundError):
        look_at_merge(client, vm.id)
    site.release(site.clients[other], vm.id, made)
    site.world.live_migrate(vm.id, client.node)


def test_a_vm_is_made_again_from_its_configuration(site: Site) -> None:
    client, vm = site.vm("file01")
    wanted = capture_configuration(client, vm.id)
    folder = rf"{wanted.folder}-restored"
    paths = {disk.name: rf"{folder}\{disk.name}.vhdx" for disk in wanted.disks}
    site.world.host_path(paths["ide0-0"]).parent.mkdir()
    for disk in wanted.disks:
        # Bytes are the business of others; here any virtual disk will do.
        source = site.world.host_path(disk.path)
        site.world.host_path(paths[disk.name]).write_bytes(Path(source).read_bytes())

    builder = MachineBuilder(
        client, wanted, name="file01-restored", folder=folder, disk_paths=paths, notes="restore 7"
    )
    look = builder.advance()
    for _ in range(50):
        if look.state is not OperationState.RUNNING:
            break
        look = builder.advance()
    assert look.state is OperationState.SUCCEEDED, look.error

    made = capture_configuration(client, look.vm_id)
    same = {"processor", "memory", "generation", "controllers"}
    assert made.model_dump(include=same) == wanted.model_dump(include=same)
    assert {disk.name: disk.path for disk in made.disks} == paths
    assert made.notes == "restore 7"
    assert all(not adapter.switch for adapter in made.adapters)
    site.done(client, start_destroy(client, look.vm_id))
    with pytest.raises(NotFoundError):
        machine(client, look.vm_id)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("wrong-password", AuthenticationError),
        ("access-denied", PermissionDeniedError),
        ("namespace-denied", PermissionDeniedError),
        ("node-unreachable", UnreachableError),
        ("truncated-body", AnswerLostError),
        ("html-instead-of-soap", ProtocolError),
        ("malformed-xml", ProtocolError),
        ("http-503", ThrottledError),
        ("operation-timeout", ThrottledError),
        ("quota", ThrottledError),
        ("reset-in-pull", AnswerLostError),
    ],
)
def test_whatever_is_wrong_with_the_wire_has_its_class_and_passes(
    site: Site, fault: str, kind: type[DriverError]
) -> None:
    """A client of its own, with pages of one row, so that every fault finds its occasion."""
    client = site.connect("hv01", page_rows=1)
    site.world.arm_fault(fault, node="hv01")
    try:
        with pytest.raises(kind) as caught:
            list_machines(client)
        assert "hv01" in caught.value.message
        site.world.clear_fault()
        assert list_machines(client)
    finally:
        client.close()


@pytest.mark.parametrize("fault", ["ntlm-reuse-broken", "context-expired", "envelope-too-large"])
def test_what_can_be_mended_at_once_is_not_even_noticed(site: Site, fault: str) -> None:
    client = site.connect("hv01", page_rows=2)
    try:
        before = list_machines(client)
        site.world.arm_fault(fault, node="hv01")
        assert [vm.id for vm in list_machines(client)] == [vm.id for vm in before]
    finally:
        client.close()


def test_another_language_changes_nothing(site: Site) -> None:
    client, vm = site.vm("sql01")
    site.world.arm_fault("localised", node=client.node)

    assert machine(client, vm.id) == vm
    assert probe_host(client, now=site.world.now).can_manage


def test_a_host_without_cluster_service_has_no_cluster(site: Site) -> None:
    site.world.arm_fault("namespace-missing", node="hv01", times=1)

    assert read_cluster(site.clients["hv01"]) is None
    assert read_cluster(site.clients["hv01"]) is not None


def test_the_largest_envelope_is_found(site: Site) -> None:
    made: list[CimClient] = []

    def connect(size: int) -> CimClient:
        made.append(site.connect("hv01", max_envelope_bytes=size))
        return made[-1]

    try:
        assert largest_envelope(connect) == 512_000
        small = connect(8_192)
        made.append(small)
        tiny = connect(4_096)
        with pytest.raises(AnswerTooLargeError):
            tiny.query("root/cimv2", "SELECT * FROM Win32_OperatingSystem")
        assert {vm.id for vm in list_machines(small)} == {
            vm.id for vm in list_machines(site.clients["hv01"])
        }
    finally:
        for client in made:
            client.close()


def test_a_recorded_host_answers_again_without_the_host(site: Site, tmp_path: Path) -> None:
    live, vm = site.vm("mail01")
    endpoint = Endpoint("127.0.0.1", site.urls[live.node], tls=False)
    inner = PywinrmTransport(endpoint, Login(AuthKind.NTLM, "LAB\\svc", PASSWORD))
    recorder = RecordingTransport(
        inner,
        tmp_path,
        replace={f"{live.node}.lab.example.test": "host.example"},
        secrets=(PASSWORD,),
    )
    recorded = CimClient(recorder, node="hv")

    def read(client: CimClient) -> object:
        view = read_cluster(client)
        captured = capture_configuration(client, vm.id)
        return machine(client, vm.id), captured, list_checkpoints(client, vm.id), view

    try:
        seen = read(recorded)
    finally:
        recorded.close()
    assert read(CimClient(ReplayTransport(tmp_path), node="hv")) == seen
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert PASSWORD not in written
    assert "127.0.0.1" not in written
