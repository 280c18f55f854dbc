"""Hyper-V Replica over real bytes: what arrived is there, what did not is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.lab.world.pairs import (
    BROKER,
    CLEAN_OFF,
    DOMAIN,
    HOME,
    MINUTES,
    START,
    STORAGE,
    THIRD,
    Pair,
    make_world,
    wish,
)
from typing_extensions import override

from safepoint_lab.world.building import MIB
from safepoint_lab.world.enums import (
    CheckpointType,
    PowerState,
    ReturnValue,
    SnapshotRequest,
)
from safepoint_lab.world.guest import GuestEngine
from safepoint_lab.world.model import Checkpoint, Job, Refused, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.numbers import (
    Authentication,
    InitialCopy,
    ReplicationHealth,
    ReplicationKind,
    ReplicationMode,
    ReplicationState,
)
from safepoint_lab.world.replication.records import (
    ReplicationSettings,
)
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

TICKS_A_SECOND = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world; every test takes a VM that no other one uses."""
    made = make_world(tmp_path_factory.mktemp("replica"), 26)
    yield made
    made.stop()
    assert made.scheduler.failures == []


@pytest.fixture(scope="module")
def names(world: World) -> Iterator[str]:
    return iter([vm.name for vm in world.vms()])


@pytest.fixture
def pair(world: World, names: Iterator[str]) -> Iterator[Pair]:
    made = Pair(world, next(names))
    yield made
    guid = made.vm.guid
    for vm in world.vms():  # the clock of later tests shall not work for this one
        for record in world.replication.of(vm) if vm.guid == guid else ():
            record.state = ReplicationState.SUSPENDED


@pytest.fixture
def running(pair: Pair) -> Pair:
    """A pair that replicates, with recovery points."""
    pair.create(history_hours=4)
    pair.begin()
    return pair


def refusal(call: Callable[[], object]) -> ReturnValue:
    with pytest.raises(Refused) as refused:
        call()
    return ReturnValue(refused.value.return_value)


class Watched(dict[str, Vm]):
    """The VMs of a world, which nobody may go through while they may change."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry.vms)
        self.lock: Any = registry.lock

    @override
    def values(self) -> Any:
        assert self.lock._is_owned(), "another job may add a VM meanwhile"
        return super().values()


def test_many_replicas_can_be_made_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = world.registry
    monkeypatch.setattr(registry, "vms", Watched(registry))
    assert registry.scope_for("A" * 36, "clu-dr") == ""
    connections = world.replication._tools.connections
    assert connections.up_node(registry.clusters["clu-dr"]).name in {"hvr01", "hvr02"}


def test_what_the_guest_writes_arrives_with_the_next_cycle(pair: Pair) -> None:
    pair.create()
    assert pair.states() == (ReplicationState.READY, ReplicationState.WAITING_FOR_INITIAL)
    assert pair.replica.guid == pair.vm.guid
    assert pair.replica.power is PowerState.OFF
    pair.begin()
    assert pair.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)
    modes = [pair.world.replication.mode(vm) for vm in (pair.vm, pair.replica)]
    assert modes == [ReplicationMode.PRIMARY, ReplicationMode.REPLICA]
    pair.write("after the first copy")
    assert pair.note(pair.replica) == ""
    assert pair.world.replication.waiting_bytes(pair.record(pair.vm)) > 0
    pair.power(pair.vm, CLEAN_OFF)
    pair.cycle()
    assert pair.note(pair.replica) == "after the first copy"
    assert pair.content(pair.vm) == pair.content(pair.replica)
    assert pair.world.replication.waiting_bytes(pair.record(pair.vm)) == 0
    assert pair.points() == []


def test_recovery_points_are_crash_or_application_consistent(pair: Pair) -> None:
    pair.create(history_hours=3, application_hours=1, interval_seconds=900)
    pair.begin()
    pair.work()
    pair.cycle(15)
    first = pair.points()[-1]
    assert first.type is CheckpointType.REPLICA_APPLICATION
    assert pair.world.truth(first.guid).state == "application"
    for _ in range(5):
        pair.work()
        pair.cycle(60)
    assert pair.world.wait_merged(pair.replica.key)
    kept = pair.points()
    now = pair.world.now()
    assert all(now - point.created_at < timedelta(hours=3) for point in kept)
    assert len(kept) == 3
    pair.world.registry.vms[pair.vm.key].guest_quiesces = False
    pair.cycle(60)
    assert pair.points()[-1].type is CheckpointType.REPLICA_STANDARD
    assert pair.record(pair.vm).figures.application_failures > 0


def test_a_planned_failover_loses_nothing_and_turns_the_roles(running: Pair) -> None:
    running.write("the last word")
    prepare = ReplicationState.PREPARED
    vm, replica = running.vm, running.replica
    replication = running.world.replication
    ask = lambda: replication.request_state(vm.guid, None, prepare, node=vm.node)
    assert refusal(ask) is ReturnValue.INVALID_STATE  # it runs
    running.power(vm, CLEAN_OFF)
    running.state(vm, prepare)
    assert running.states() == (prepare, prepare)
    start = lambda: running.world.request_power(vm.guid, START, node=vm.node)
    assert refusal(start) is ReturnValue.INVALID_STATE
    running.fail_over()
    record = running.record(replica)
    assert (record.state, record.failed_over) == (
        ReplicationState.RECOVERED,
        ReplicationKind.PLANNED,
    )
    assert running.note(replica) == "the last word"
    running.power(replica, START)
    running.work(replica)
    running.reverse()
    assert running.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)
    assert replication.mode(vm) is ReplicationMode.REPLICA
    assert replication.mode(replica) is ReplicationMode.PRIMARY
    assert refusal(start) is ReturnValue.INVALID_STATE
    running.power(replica, CLEAN_OFF)
    running.cycle()
    assert running.content(vm) == running.content(replica)


def test_preparing_can_be_called_off(running: Pair) -> None:
    running.power(running.vm, CLEAN_OFF)
    running.state(running.vm, ReplicationState.PREPARED)
    running.state(running.vm, ReplicationState.REPLICATING)
    running.power(running.vm, START)
    running.write("on it goes")
    running.cycle()
    assert running.note(running.replica) == "on it goes"


def test_an_unplanned_failover_misses_what_was_not_sent(running: Pair) -> None:
    running.write("sent")
    running.cycle()
    running.write("never sent")
    running.fail_over()
    assert running.record(running.replica).failed_over is ReplicationKind.REGULAR
    assert running.note(running.replica) == "sent"
    running.power(running.replica, START)
    running.write("lost")
    running.cycle()  # the replica takes nothing any more
    assert running.states() == (ReplicationState.CRITICAL, ReplicationState.RECOVERED)
    job = running.world.replication.reverse(
        running.replica.guid, ReplicationSettings(HOME, 80), node=running.replica.node
    )
    assert "not off" in running.fail(job)  # two running copies are not turned round
    running.power(running.vm, CLEAN_OFF)
    running.reverse()
    waiting = ReplicationState.WAITING_FOR_RESYNC
    assert running.states() == (waiting, waiting)
    replica = running.replica
    running.finish(running.world.replication.resynchronize(replica.guid, node=replica.node))
    running.power(replica, CLEAN_OFF)
    running.cycle()
    assert running.note(running.vm) == "sent"
    assert running.content(running.vm) == running.content(replica)


def test_one_point_after_another_can_be_tried(running: Pair) -> None:
    for text in ("one", "two"):
        running.write(text)
        running.cycle(61)
    running.write("three")
    running.cycle()
    one = next(p for p in running.points() if _text_of(running, p) == "one")
    running.fail_over(one.guid)
    assert running.note(running.replica) == "one"
    running.power(running.replica, START)
    replica = running.replica
    running.finish(running.world.replication.revert(replica.guid, node=replica.node))
    assert replica.power is PowerState.OFF
    assert running.record(replica).state is ReplicationState.REPLICATING
    assert running.note(replica) == "three"
    running.write("four")
    running.cycle()
    assert running.note(replica) == "four"
    running.fail_over()
    running.finish(running.world.replication.commit(replica.guid, node=replica.node))
    assert running.world.wait_merged(replica.key)
    assert running.points() == []
    assert [len(disk.images) for disk in replica.disks] == [1] * len(replica.disks)
    assert running.record(replica).state is ReplicationState.COMMITTED
    assert running.note(replica) == "four"


def _text_of(pair: Pair, point: Checkpoint) -> str:
    """Return the note as a test failover to a point shows it."""
    replica = pair.replica
    job = pair.world.replication.test_replica(replica.guid, point.guid, node=replica.node)
    test = pair.world.vm(pair.finish(job).affected[0].key)
    text = pair.note(test)
    pair.finish(pair.world.destroy_vm(test.guid, node=test.node))
    return text


def test_a_test_vm_is_real_and_touches_nothing(running: Pair) -> None:
    running.write("kept")
    running.cycle()
    replica = running.replica
    replication = running.world.replication
    test_it = lambda: replication.test_replica(replica.guid, None, node=replica.node)
    test = running.world.vm(running.finish(test_it()).affected[0].key)
    assert (test.name, replication.mode(test)) == (f"{running.name} - Test", ReplicationMode.TEST)
    assert refusal(test_it) is ReturnValue.INVALID_STATE  # one at a time
    running.power(test, START)
    running.work(test)
    running.world.guest(test.key).write_file("NOTE.TXT", b"only in the test")
    running.write("meanwhile")
    running.cycle(65)  # replication goes on
    assert running.note(replica) == "meanwhile"
    destroy = lambda: running.world.destroy_vm(test.guid, node=test.node)
    assert refusal(destroy) is ReturnValue.INVALID_STATE  # it runs
    running.power(test, 3)
    own = [running.world.host_path(disk.path) for disk in test.disks]
    running.finish(destroy())
    assert not any(path.exists() for path in own)
    assert replication.test_of(replica) is None
    assert running.world.wait_merged(replica.key)
    assert running.note(replica) == "meanwhile"


def test_a_request_waits_for_a_cycle_that_is_on_its_way(
    running: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica, replication = running.replica, running.world.replication
    copier, under_way, refused = replication._copier, Event(), Event()
    apply = copier.apply

    def slow(*args: Any) -> Any:
        under_way.set()
        assert not refused.wait(0.3), "it was refused while a cycle was on its way"
        return apply(*args)

    def ask() -> Job:
        try:
            return replication.test_replica(replica.guid, None, node=replica.node)
        except Refused:
            refused.set()
            raise

    monkeypatch.setattr(copier, "apply", slow)
    running.write("on its way")
    with ThreadPoolExecutor(2) as threads:
        cycle = threads.submit(running.cycle)
        assert under_way.wait(20)
        test = running.world.vm(running.finish(threads.submit(ask).result()).affected[0].key)
        cycle.result()
    assert running.note(test) == "on its way"
    running.finish(running.world.destroy_vm(test.guid, node=test.node))


def test_what_a_replica_refuses(running: Pair) -> None:
    vm, replica = running.vm, running.replica
    world, replication = running.world, running.world.replication
    settings = ReplicationSettings(BROKER, 80)
    for call in (
        lambda: replication.fail_over(vm.guid, None, node=vm.node),
        lambda: replication.revert(replica.guid, node=replica.node),
        lambda: replication.commit(replica.guid, node=replica.node),
        lambda: replication.resynchronize(replica.guid, node=replica.node),
        lambda: replication.create(vm.guid, settings, node=vm.node),
        lambda: replication.import_initial(replica.guid, STORAGE["hvr01"], node=replica.node),
        lambda: world.request_power(replica.guid, START, node=replica.node),
        lambda: world.create_checkpoint(
            replica.guid, node=replica.node, request=SnapshotRequest.FULL
        ),
        lambda: world.destroy_vm(replica.guid, node=replica.node),
    ):
        assert refusal(call) is ReturnValue.INVALID_STATE
    strange = lambda: replication.fail_over(replica.guid, vm.guid, node=replica.node)
    assert refusal(strange) is ReturnValue.INVALID_PARAMETER


@pytest.mark.parametrize(
    "changes",
    [
        {"interval_seconds": 60},
        {"history_hours": 25},
        {"application_hours": 1},
        {"history_hours": 1, "application_hours": 13},
        {"recovery_point": "10.0.0.7"},
        {"port": 0},
        {"authentication": Authentication.CERTIFICATE},
        {"slots": ["scsi3.9"]},
    ],
)
def test_settings_that_cannot_be(world: World, changes: dict[str, Any]) -> None:
    vm = world.vms(cluster="clu1")[-1]
    settings = wish(**changes)
    create = lambda: world.replication.create(vm.guid, settings, node=vm.node)
    assert refusal(create) is ReturnValue.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recovery_point": HOME}, "0x80070057"),
        ({"recovery_point": f"nowhere.{DOMAIN}"}, "0x00002EE7"),
        ({"recovery_point": f"hvr01.{DOMAIN}"}, "0x00002EFD"),
        ({"port": 8080}, "0x00002EFD"),
        (
            {"port": 443, "authentication": Authentication.CERTIFICATE, "thumbprint": "00"},
            "0x8009000B",
        ),
    ],
)
def test_servers_that_cannot_be_used(world: World, changes: dict[str, Any], code: str) -> None:
    pair = Pair(world, world.vms(cluster="clu1")[-1].name)
    settings = wish(**changes)
    job = world.replication.create(pair.vm.guid, settings, node=pair.vm.node)
    assert code in pair.fail(job)
    assert world.replication.of(pair.vm) == []


def test_the_link_is_down_for_a_while(running: Pair) -> None:
    running.cycle()
    running.world.arm_fault("replica-link-down", vm=running.vm.guid)
    running.write("waits")
    running.cycle(20)
    record = running.record(running.vm)
    assert record.state is ReplicationState.REPLICATING
    assert record.figures.misses == record.figures.network_failures == 4
    assert running.world.replication.health(record) is ReplicationHealth.WARNING
    assert any("missed" in issue for issue in running.world.replication.issues(record))
    assert running.note(running.replica) != "waits"
    running.world.clear_fault("replica-link-down")
    running.cycle()
    assert running.note(running.replica) == "waits"


def test_a_log_that_grew_too_large_asks_for_a_resynchronisation(running: Pair) -> None:
    running.world.arm_fault("replica-log-overflow", vm=running.vm.guid)
    running.cycle()
    waiting = ReplicationState.WAITING_FOR_RESYNC
    assert running.states() == (waiting, waiting)
    record = running.record(running.vm)
    assert running.world.replication.health(record) is ReplicationHealth.CRITICAL
    running.write("while nothing is tracked")
    assert running.world.replication.waiting_bytes(record) == 0
    vm = running.vm
    running.finish(running.world.replication.resynchronize(vm.guid, node=vm.node))
    assert running.note(running.replica) == "while nothing is tracked"
    running.write("tracked again")
    running.cycle()
    assert running.note(running.replica) == "tracked again"


def test_a_guest_that_is_left_alone_never_fills_its_logs_within_a_cycle(running: Pair) -> None:
    running.cycle()
    world, vm, record = running.world, running.vm, running.record(running.vm)
    engine = GuestEngine(lambda: ([world.guest(vm.key)], []))
    engine.pace_of = world.guests.engine.pace_of
    for _ in range(record.settings.interval_seconds * TICKS_A_SECOND):
        engine.tick()
    half = sum(disk.size_bytes for disk in vm.disks) // 2
    assert 0 < world.replication.waiting_bytes(record) < half / 2
    record.settings.interval_seconds = 30
    pace = engine.pace_of(vm.key)
    assert pace is not None
    assert pace * 20 * 60 <= half, "an outage of twenty minutes is no overflow"


def test_a_replica_somebody_wrote_to_is_noticed(running: Pair) -> None:
    running.cycle()
    running.world.arm_fault("replica-changed", vm=running.replica.key)
    running.write("next")
    running.cycle()
    waiting = ReplicationState.WAITING_FOR_RESYNC
    assert running.states() == (waiting, waiting)
    vm = running.vm
    running.power(vm, CLEAN_OFF)
    running.finish(running.world.replication.resynchronize(vm.guid, node=vm.node))
    assert running.content(vm) == running.content(running.replica)


def test_a_cycle_that_fails_is_tried_again(running: Pair) -> None:
    for fault in ("replica-disk-full", "replica-cycle-missed"):
        running.world.arm_fault(fault, vm=running.vm.guid)
        running.write(fault)
        running.cycle()
        assert running.note(running.replica) != fault
        running.world.clear_fault(fault)
        running.cycle()
        assert running.note(running.replica) == fault
        assert running.record(running.vm).state is ReplicationState.REPLICATING


def test_an_expired_certificate_stops_replication(pair: Pair) -> None:
    thumbprint = pair.world.replication.thumbprint(pair.vm.node)
    pair.create(port=443, authentication=Authentication.CERTIFICATE, thumbprint=thumbprint)
    pair.begin()
    pair.world.arm_fault("replica-certificate-expired", vm=pair.vm.guid)
    pair.cycle()
    record = pair.record(pair.vm)
    assert record.state is ReplicationState.CRITICAL
    assert "0x80090328" in record.problem
    pair.world.clear_fault("replica-certificate-expired")
    pair.cycle()
    assert pair.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)


def test_media_carry_the_first_copy(pair: Pair) -> None:
    pair.create()
    replication, vm = pair.world.replication, pair.vm
    place = STORAGE["hv01"] + "\\media"
    pair.write("on the medium")
    export = InitialCopy.EXPORT
    nowhere = partial(
        replication.start_replication, vm.guid, export, location="C:\\media", node=vm.node
    )
    assert refusal(nowhere) is ReturnValue.FILE_NOT_FOUND
    pair.finish(replication.start_replication(vm.guid, export, location=place, node=vm.node))
    assert pair.record(vm).state is ReplicationState.WAITING_FOR_INITIAL
    pair.write("while it travels")
    (folder,) = pair.world.host_path(place).iterdir()
    replica = pair.replica
    wrong = replication.import_initial(replica.guid, place, node=replica.node)
    assert "0x80070002" in pair.fail(wrong)
    there = f"{place}\\{folder.name}"
    pair.finish(replication.import_initial(replica.guid, there, node=replica.node))
    assert pair.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)
    assert pair.note(replica) == "on the medium"
    pair.power(vm, CLEAN_OFF)
    pair.cycle()
    assert pair.content(vm) == pair.content(replica)


def test_an_initial_replication_waits_for_its_time_and_can_be_stopped(pair: Pair) -> None:
    pair.create()
    replication, vm = pair.world.replication, pair.vm
    network = InitialCopy.NETWORK
    begin = partial(replication.start_replication, vm.guid, network, node=vm.node)
    far = pair.world.now() + timedelta(days=8)
    assert refusal(partial(begin, at=far)) is ReturnValue.INVALID_PARAMETER
    pair.finish(begin(at=pair.world.now() + 6 * MINUTES))
    assert pair.record(vm).state is ReplicationState.READY
    pair.finish(begin(at=pair.world.now() + 5 * MINUTES))  # the later word counts
    pair.world.registry.timings.speed = 0.01
    try:
        pair.cycle(7)
        assert pair.record(vm).state is ReplicationState.WAITING_FOR_INITIAL
        pair.world.registry.timings.speed = 50
        pair.state(vm, ReplicationState.READY)
    finally:
        pair.world.registry.timings.speed = 50
    assert pair.record(vm).state is ReplicationState.READY
    pair.begin()
    assert pair.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)


def test_a_replica_that_is_removed_can_be_the_first_copy_again(running: Pair) -> None:
    running.write("kept")
    running.cycle()
    vm, replica = running.vm, running.replica
    replication = running.world.replication
    for side in (replica, vm):
        running.finish(replication.remove(side.guid, None, node=side.node))
    assert running.world.wait_merged(replica.key)
    assert running.points() == []
    job = replication.create(vm.guid, wish(), node=vm.node)
    assert "0x80070050" in running.fail(job)  # its GUID is there already
    running.state(replica, ReplicationState.REPURPOSED)
    running.create()
    running.write("new since then")
    job = replication.start_replication(vm.guid, InitialCopy.SEEDED, node=vm.node)
    running.finish(job)
    assert running.record(vm).figures.bytes_sent <= 2 * MIB  # only what differs
    assert running.note(replica) == "new since then"


def test_a_removed_replica_is_a_vm_like_any_other(running: Pair) -> None:
    replica = running.replica
    running.finish(running.world.replication.remove(replica.guid, None, node=replica.node))
    running.cycle()
    record = running.record(running.vm)
    assert record.state is ReplicationState.CRITICAL
    assert running.world.replication.mode(replica) is ReplicationMode.NONE
    assert running.world.wait_merged(replica.key)
    running.power(replica, START)
    running.work(replica)
    running.power(replica, 3)
    running.finish(running.world.destroy_vm(replica.guid, node=replica.node))


def test_settings_change_on_both_sides(running: Pair) -> None:
    replication, vm, replica = running.world.replication, running.vm, running.replica

    def faster(settings: ReplicationSettings) -> None:
        settings.interval_seconds = 30

    def elsewhere(settings: ReplicationSettings) -> None:
        settings.recovery_point = THIRD

    running.finish(replication.modify(vm.guid, None, faster, node=vm.node))
    intervals = [running.record(side).settings.interval_seconds for side in (vm, replica)]
    assert intervals == [30, 30]
    move = partial(replication.modify, vm.guid, None, elsewhere, node=vm.node)
    assert refusal(move) is ReturnValue.INVALID_PARAMETER
    there = partial(replication.modify, replica.guid, None, faster, node=replica.node)
    assert refusal(there) is ReturnValue.INVALID_STATE
    before = running.record(vm).figures.successes
    running.cycle(10)
    assert running.record(vm).figures.successes - before >= 19


def test_the_extended_leg_is_never_the_faster_one(running: Pair) -> None:
    replication, replica = running.world.replication, running.replica
    for changes in (
        {"interval_seconds": 30},
        {"interval_seconds": 900, "history_hours": 2, "application_hours": 1},
    ):
        extend = partial(
            replication.create,
            replica.guid,
            wish(recovery_point=THIRD, **changes),
            node=replica.node,
        )
        assert refusal(extend) is ReturnValue.INVALID_PARAMETER
    settings = wish(recovery_point=THIRD, interval_seconds=900)
    pace_of = running.world.guests.engine.pace_of
    before = pace_of(running.vm.key)
    running.finish(replication.create(replica.guid, settings, node=replica.node))
    assert before == pytest.approx(3 * (pace_of(running.vm.key) or 0))  # it feeds a slower leg
    copy = InitialCopy.NETWORK
    running.finish(replication.start_replication(replica.guid, copy, node=replica.node))

    def faster(settings: ReplicationSettings) -> None:
        settings.interval_seconds = 300

    running.finish(replication.modify(replica.guid, 1, faster, node=replica.node))

    def slower(settings: ReplicationSettings) -> None:
        settings.interval_seconds = 900

    vm = running.vm
    slow = partial(replication.modify, vm.guid, None, slower, node=vm.node)
    assert refusal(slow) is ReturnValue.INVALID_PARAMETER
    first = partial(replication.remove, replica.guid, 0, node=replica.node)
    assert refusal(first) is ReturnValue.INVALID_STATE  # the extended leg must go first
    running.fail_over()
    third = running.world.vm_named(f"{running.name}@hvt01")
    assert running.record(third, 1).state is ReplicationState.WAITING_FOR_RESYNC
    turn = partial(replication.reverse, replica.guid, ReplicationSettings(HOME, 80))
    assert refusal(partial(turn, node=replica.node)) is ReturnValue.INVALID_STATE


def test_a_primary_that_was_restored_must_be_resynchronised(running: Pair) -> None:
    vm = running.vm
    job = running.world.create_checkpoint(vm.guid, node=vm.node, request=SnapshotRequest.FULL)
    point = running.finish(job).affected[0].key
    running.write("undone")
    running.cycle()
    running.power(vm, CLEAN_OFF)
    running.finish(running.world.apply_checkpoint(point, node=vm.node))
    waiting = ReplicationState.WAITING_FOR_RESYNC
    assert running.world.wait_until(lambda: running.states() == (waiting, waiting))
    running.finish(running.world.replication.resynchronize(vm.guid, node=vm.node))
    assert running.note(running.replica) == ""


def test_the_lab_comes_back_as_it_was(tmp_path: Path) -> None:
    world = make_world(tmp_path, 1)
    pair = Pair(world, world.vms()[0].name)
    pair.create(history_hours=2)
    pair.begin()
    pair.write("before")
    world.stop()
    again = World.open(tmp_path, Timings(speed=50))
    again.start()
    try:
        same = Pair(again, pair.name)
        assert same.states() == (ReplicationState.REPLICATING, ReplicationState.REPLICATING)
        assert again.now() >= world.now() - timedelta(seconds=1)
        same.cycle()
        assert same.note(same.replica) == "before"
        assert again.replication.server("hvr02").enabled
    finally:
        again.stop()


def test_recovery_points_are_not_deleted_by_hand(running: Pair) -> None:
    point = running.points()[0]
    by_hand = partial(running.world.destroy_checkpoint, point.guid, node=running.replica.node)
    assert refusal(by_hand) is ReturnValue.INVALID_STATE


def test_a_share_that_goes_away_stops_replication_until_it_is_back(running: Pair) -> None:
    running.write("waits for the share")
    running.world.arm_fault("share-offline", parameters={"share": r"\\fs-dr\replica1"})
    running.cycle()
    record = running.record(running.vm)
    assert record.state is ReplicationState.CRITICAL
    assert "0x80070035" in record.problem
    running.world.clear_fault("share-offline")
    running.cycle()
    assert running.note(running.replica) == "waits for the share"


def test_a_failover_that_was_cut_off_asks_for_a_resynchronisation(tmp_path: Path) -> None:
    world = make_world(tmp_path, 1)
    pair = Pair(world, world.vms()[0].name)
    pair.create(history_hours=2)
    pair.begin()
    record = pair.record(pair.replica)
    record.state, record.head = ReplicationState.FAILING_OVER, pair.points()[0].guid
    world.registry.state.put(record.key, record)
    world.stop()
    again = World.open(tmp_path, Timings(speed=50))
    again.start()
    try:
        waiting = ReplicationState.WAITING_FOR_RESYNC
        assert Pair(again, pair.name).states() == (waiting, waiting)
    finally:
        again.stop()


def test_an_automatic_resynchronisation_waits_for_its_window(running: Pair) -> None:
    vm = running.vm
    now = running.world.now()
    day = timedelta(hours=now.hour, minutes=now.minute)

    def window(settings: ReplicationSettings) -> None:
        settings.auto_resync = True
        settings.auto_from = (day + 30 * MINUTES) % timedelta(days=1)
        settings.auto_until = (day + 90 * MINUTES) % timedelta(days=1)

    running.finish(running.world.replication.modify(vm.guid, None, window, node=vm.node))
    running.world.arm_fault("replica-log-overflow", vm=vm.guid)
    running.cycle()
    record = running.record(vm)
    assert record.state is ReplicationState.WAITING_FOR_RESYNC
    running.cycle(20)
    assert record.state is ReplicationState.WAITING_FOR_RESYNC
    running.cycle(20)
    assert running.world.wait_until(lambda: record.state is ReplicationState.REPLICATING, 20.0)
