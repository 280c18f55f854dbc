"""Every write through a wrapped driver is told before it is asked for, and how it came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from safepoint.drivers import ABILITY_TYPES, CanCheckpoint, CanManage, Driver, DriverContext
from safepoint.drivers.wrap import AuditWrites, Call, intercepted
from safepoint.drivers.wrap.intercept import READS
from safepoint.errors import BusyError, OutcomeUnknownError, StoreError
from safepoint.models.attributes import Attributes
from safepoint.models.audit_log import AuditOutcome, Deed
from safepoint.models.checkpoints import CheckpointKind, CheckpointQuery, CheckpointRequest
from safepoint.models.plans import Action, Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Marker, Resource
from safepoint.models.workloads import WorkloadQuery
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World


class Trail:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.asked_for: list[Deed] = []
        self.outcomes: list[tuple[int, AuditOutcome, str]] = []
        self.is_full = False

    def asked(self, deed: Deed, /) -> int:
        if self.is_full:
            raise StoreError("no room for the audit log")
        self.asked_for.append(deed)
        return len(self.asked_for)

    def answered(self, asked: int, _deed: Deed, outcome: AuditOutcome, detail: str, /) -> None:
        self.outcomes.append((asked, outcome, detail))


@pytest.fixture
def world() -> World:
    made = World()
    made.add_machine("sql01")
    return made


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def driver(world: World, trail: Trail) -> CanCheckpoint:
    context = DriverContext(connection="hv", now=world.clock.now, data_dir=Path("unused"))
    inside = ReferenceDriver(world, ReferenceSettings(), context)
    return cast("CanCheckpoint", intercepted(inside, "hv", AuditWrites(trail)))


def request(driver: Driver) -> CheckpointRequest:
    return CheckpointRequest(
        workload=next(iter(driver.workloads(WorkloadQuery()))).ref, name="safepoint gold"
    )


def test_a_write_is_told_with_target_key_and_content(driver: CanCheckpoint, trail: Trail) -> None:
    asked = request(driver)
    operation = driver.create_checkpoint(asked, key="0123")

    (deed,) = trail.asked_for
    assert (deed.system, deed.deed) == ("hv", "create-checkpoint")
    assert (deed.target, deed.key) == (str(asked.workload), "0123")
    assert deed.before is None
    assert deed.after is not None
    assert deed.after["name"] == "safepoint gold"
    assert trail.outcomes == [(1, AuditOutcome.DONE, str(operation))]


def test_a_deletion_tells_what_it_deletes(
    driver: CanCheckpoint, world: World, trail: Trail
) -> None:
    machine = next(iter(world.machines))
    world.add_foreign_checkpoint(machine, name="BE_Snapshot_1", kind=CheckpointKind.BACKUP)
    (seen,) = driver.checkpoints(CheckpointQuery())
    driver.delete_checkpoint(seen.ref, key="k")

    (deed,) = trail.asked_for
    assert deed.target == str(seen.ref)
    assert deed.before is not None
    assert deed.before["name"] == "BE_Snapshot_1"
    assert deed.after is None


def test_reads_are_not_told(driver: CanCheckpoint, trail: Trail) -> None:
    driver.probe()
    list(driver.checkpoints(CheckpointQuery()))
    driver.close()

    assert trail.asked_for == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BusyError("not now"), AuditOutcome.FAILED),
        (OutcomeUnknownError("no answer"), AuditOutcome.UNKNOWN),
        (KeyboardInterrupt(), AuditOutcome.UNKNOWN),
        (ValueError("a defect"), AuditOutcome.UNKNOWN),
    ],
)
def test_every_end_is_told(
    world: World, trail: Trail, error: BaseException, outcome: AuditOutcome
) -> None:
    class Failing(ReferenceDriver):
        def create_checkpoint(self, request: Any, /, *, key: str) -> Ref:
            raise error

    context = DriverContext(connection="hv", now=world.clock.now, data_dir=Path("unused"))
    inside = Failing(world, ReferenceSettings(), context)
    driver = cast("CanCheckpoint", intercepted(inside, "hv", AuditWrites(trail)))
    with pytest.raises(type(error)):
        driver.create_checkpoint(request(driver), key="k")

    assert [told[:2] for told in trail.outcomes] == [(1, outcome)]


def test_nothing_is_written_that_cannot_be_told(
    driver: CanCheckpoint, world: World, trail: Trail
) -> None:
    asked = request(driver)
    trail.is_full = True
    with pytest.raises(StoreError):
        driver.create_checkpoint(asked, key="k")

    assert world.writes == []


def test_a_planned_change_tells_both_states_and_no_secret(
    driver: CanCheckpoint, trail: Trail
) -> None:
    marker = Marker(address="job/gold")
    after = Resource(
        address="job/gold", attributes=Attributes({"name": "gold", "level": 1}), marker=marker
    )
    change = Change(action=Action.CREATE, address="job/gold", after=after)
    cast("CanManage", driver).apply(change, key="k")

    (deed,) = trail.asked_for
    assert (deed.target, deed.before, deed.after) == (
        "job/gold",
        None,
        {"level": 1, "name": "gold"},
    )


def test_a_large_request_is_told_by_size_and_digest(driver: CanCheckpoint, trail: Trail) -> None:
    marker = Marker(address="job/gold")
    fields = {"name": "gold", **{f"field{n}": "x" * 100 for n in range(100)}}
    after = Resource(address="job/gold", attributes=Attributes(fields), marker=marker)
    change = Change(action=Action.CREATE, address="job/gold", after=after)
    cast("CanManage", driver).apply(change, key="k")

    told = trail.asked_for[0].after
    assert told is not None
    assert set(told) == {"fields", "characters", "sha256"}


def test_a_method_that_nobody_has_listed_counts_as_a_write(trail: Trail) -> None:
    """The audit log cannot be forgotten: reads are the list, writes are the rest."""
    audit = AuditWrites(trail)
    harmless = {"close", "verify_copy", "start_verification"}
    methods = {m for kind in ABILITY_TYPES.values() for m in vars(kind)["__abstractmethods__"]}
    for method in (*methods, "invented_tomorrow"):
        audit(Call("hv", method), list)
    told = {deed.deed.replace("-", "_") for deed in trail.asked_for}

    assert told == {*methods, "invented_tomorrow"} - READS - harmless
    assert told >= {
        "apply",
        "cancel_restore",
        "copy",
        "create_checkpoint",
        "delete_checkpoint",
        "discard",
        "rename_checkpoint",
        "revert_checkpoint",
        "seal",
        "start_restore",
    }
