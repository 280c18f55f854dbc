"""The native driver as a managed product: registrations in a real repository folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safepoint.drivers import Ability, CanManage, DriverContext, SupportLevel
from safepoint.errors import ConflictError, DamagedDataError
from safepoint.estate import Estate, check_text
from safepoint.models.losses import Fidelity, neutral_fields
from safepoint.models.plans import Action, Change, DescribeRequest, Desired, DesiredJob, PlanScope
from safepoint.models.resources import Marker, Resource, ResourceQuery
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.planning import PlanInputs, make_plan
from safepoint.planning.observing import observe
from safepoint_native.driver import NativeDriver, open_native
from safepoint_native.settings import NativeSettings

ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: native}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: prod}
spec:
  hypervisor: hosts
  nodes: [{name: hv01, address: 'http://127.0.0.1:9'}]
  shares: [{path: '\\\\\\\\fs01\\\\vms', mount: %s}]
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec:
  rpo: 26h
  schedule: {timezone: Etc/UTC, daily: {at: ['22:00', '10:00']}, window: {start: '09:00', end: '23:00'}}
  retention: {keepFor: 14d, weekly: {keep: 4}}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: sql.1}
spec:
  connection: hosts
  cluster: prod
  policy: gold
  include: [{name: 'sql*', node: hv01}, {share: '\\\\fs01\\vms'}]
  exclude: [{name: sql-test}]
  vendor: {native: {colour: blue}}
"""
NOW = datetime(2026, 1, 5, tzinfo=UTC)
QUIET = ResourceQuery(with_preflight=False)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    (tmp_path / "mounted").mkdir(exist_ok=True)
    return check_text(
        (ESTATE % (tmp_path / "mounted")).replace("'\\\\\\\\fs01\\\\vms'", "'\\\\fs01\\vms'")
    ).estate


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[NativeDriver]:
    (tmp_path / "mounted").mkdir(exist_ok=True)
    cluster = ClusterInfo(
        name="prod",
        nodes=(NodeAddress(name="hv01", address="http://127.0.0.1:9"),),
        shares=(ShareInfo(path=r"\\fs01\vms", mount=str(tmp_path / "mounted")),),
    )
    context = DriverContext(
        connection="hosts", now=lambda: NOW, data_dir=tmp_path / "data", clusters=(cluster,)
    )
    settings = NativeSettings(username="u", password="p", repository=tmp_path / "repo")
    opened = open_native(settings, context)
    yield opened
    opened.close()


def desired(estate: Estate) -> Desired:
    job = estate.jobs["sql.1"]
    return Desired(
        connection="hosts",
        driver="native",
        clusters=tuple(estate.clusters.values()),
        jobs=(DesiredJob(job=job, policy=estate.policies["gold"]),),
    )


def plan(estate: Estate, driver: CanManage):
    inputs = PlanInputs(
        estate=estate,
        scope=PlanScope(),
        drivers={"hosts": driver},
        observations={"hosts": observe("hosts", driver, with_preflight=False)},
        workloads={},
    )
    return make_plan(inputs, plan_id="p1", now=NOW)


def apply_all(estate: Estate, driver: CanManage, key: str = "k") -> None:
    for number, line in enumerate(plan(estate, driver).writes):
        change = Change(
            action=line.action, address=line.address, before=line.before, after=line.after
        )
        driver.apply(change, key=f"{key}{number}")


def test_applied_reads_back_equal_and_explains_itself(estate, driver, tmp_path) -> None:
    assert [c.address for c in plan(estate, driver).writes] == ["repository/main", "job/sql.1"]
    apply_all(estate, driver)

    assert plan(estate, driver).writes == ()
    (file,) = (tmp_path / "repo" / "jobs").iterdir()
    content = json.loads(file.read_text("utf-8"))
    assert content["job"]["policy"]["schedule"]["daily"]["at"] == ["10:00", "22:00"]
    assert content["policy"] == "gold"
    assert content["marker"]["address"] == "job/sql.1"
    assert json.loads((tmp_path / "repo" / "label.json").read_text("utf-8"))["label"] == "hosts"


def test_every_field_has_its_entry_once(estate, driver) -> None:
    losses = driver.translate(desired(estate)).losses
    told = [(one.document, one.field) for one in losses]
    documents = (estate.policies["gold"], estate.jobs["sql.1"])
    fields = [
        (f"{d.kind}/{d.name}", f.path)
        for d in documents
        for f in neutral_fields(d, driver="native")
    ]

    assert sorted(told) == sorted(fields)
    dropped = [one.field for one in losses if one.fidelity is Fidelity.DROPPED]
    assert dropped == ["spec.vendor.native.colour"]


def test_describe_is_the_inverse(estate, driver) -> None:
    first = driver.translate(desired(estate))
    request = DescribeRequest(connection="hosts", driver="native", resources=first.resources)
    policy, job = driver.describe(request).documents
    again = driver.translate(
        Desired(
            connection="hosts",
            driver="native",
            clusters=tuple(estate.clusters.values()),
            jobs=(DesiredJob(job=job, policy=policy),),
        )
    )

    assert again.resources == first.resources


def test_equal_names_of_unequal_policies_become_two_documents(estate, driver) -> None:
    wish = next(r for r in driver.translate(desired(estate)).resources if r.kind == "job")
    other = wish.model_copy(
        update={
            "address": "job/web",
            "attributes": type(wish.attributes)(
                {**wish.attributes, "policy.consistency": "crash"}
            ),
        }
    )
    request = DescribeRequest(connection="hosts", driver="native", resources=(wish, other))
    names = {d.name for d in driver.describe(request).documents}

    assert names == {"gold", "gold-2", "sql.1", "web"}


def test_the_same_key_writes_once(estate, driver, tmp_path) -> None:
    apply_all(estate, driver)
    line = next(c for c in plan(estate, driver).changes if c.address == "job/sql.1")
    file = next((tmp_path / "repo" / "jobs").iterdir())
    change = Change(
        action=Action.UPDATE, address="job/sql.1", before=line.before, after=line.after
    )
    driver.apply(change, key="again")
    first = file.stat().st_ino
    driver.apply(change, key="again")

    assert file.stat().st_ino == first
    with pytest.raises(ConflictError, match="in between"):
        driver.apply(change, key="another")


def test_deleting_twice_is_no_error_and_the_repository_is_never_deleted(estate, driver) -> None:
    apply_all(estate, driver)
    found = {r.address: r for r in driver.observe(QUIET)}
    gone = Change(action=Action.DELETE, address="job/sql.1", before=found["job/sql.1"])
    assert driver.apply(gone, key="d") is None
    assert driver.apply(gone, key="d") is None
    assert [r.address for r in driver.observe(QUIET)] == ["repository/main"]

    assert found["repository/main"].holds_data
    whole = Change(
        action=Action.DELETE, address="repository/main", before=found["repository/main"]
    )
    with pytest.raises(ConflictError, match="never deleted"):
        driver.apply(whole, key="e")


def test_a_damaged_registration_raises_instead_of_missing(estate, driver, tmp_path) -> None:
    apply_all(estate, driver)
    file = next((tmp_path / "repo" / "jobs").iterdir())
    file.write_text(file.read_text("utf-8").replace("sql*", "web*"), "utf-8")

    with pytest.raises(DamagedDataError):
        list(driver.observe(QUIET))


def test_a_folder_of_somebody_else_is_refused(estate, driver, tmp_path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "holiday.jpg").write_bytes(b"x")

    with pytest.raises(ConflictError, match=r"holiday\.jpg"):
        list(driver.observe(QUIET))


def test_looking_writes_nothing(driver, tmp_path) -> None:
    before = sorted(tmp_path.rglob("*"))
    list(driver.observe(ResourceQuery()))

    assert sorted(tmp_path.rglob("*")) == before


def test_preflight_tells_what_is_wrong_and_is_never_marked(driver) -> None:
    checks = {r.address: r for r in driver.observe(ResourceQuery())}

    node = checks["node/prod/hv01"]
    assert node.attributes["reachable"] is False
    assert node.facts["problem"]
    assert checks["vms/prod"].attributes["listed"] is False
    share = checks[r"share/prod/\\fs01\vms"]
    assert (share.attributes["readable"], share.attributes["writable"]) == (True, True)
    assert all(r.is_observe_only and r.marker is None for r in checks.values())


def test_a_host_that_does_not_answer_is_one_finding_not_two(estate, driver) -> None:
    inputs = PlanInputs(
        estate=estate,
        scope=PlanScope(),
        drivers={"hosts": driver},
        observations={"hosts": observe("hosts", driver)},
        workloads={},
    )
    found = make_plan(inputs, plan_id="p1", now=NOW).findings

    about = [one.field for one in found if "node/prod/hv01" in one.field]
    assert about == ["node/prod/hv01.reachable"]


def test_without_a_repository_it_says_why_not(tmp_path) -> None:
    context = DriverContext(connection="hosts", now=lambda: NOW, data_dir=tmp_path)
    driver = open_native(NativeSettings(username="u", password="p"), context)
    answer = driver.support()[Ability.MANAGE]
    driver.close()

    assert answer.level is SupportLevel.NOT_AVAILABLE
    assert "no repository" in answer.reason


def test_a_repository_from_before_is_adopted(estate, driver, tmp_path) -> None:
    from safepoint_native.repository import Repository

    Repository.create(tmp_path / "repo")
    (line,) = [c for c in plan(estate, driver).writes if c.address == "repository/main"]
    assert line.action is Action.ADOPT
    apply_all(estate, driver)

    found = next(iter(driver.observe(QUIET)))
    assert isinstance(found, Resource)
    assert found.marker == Marker(address="repository/main")
