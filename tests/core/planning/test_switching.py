"""A job that moves to another product: protected there first, kept switched off where it was."""

from __future__ import annotations

import pytest

from safepoint.errors import VendorFaultError
from safepoint.models.plans import Action, PlanScope
from safepoint.planning import Workbench
from safepoint_lab.reference import ReferenceDriver, World
from safepoint_lab.reference.operations import Failure

ALL = PlanScope()
OTHER = """\
---
apiVersion: safepoint/v1
kind: Connection
metadata: {name: other}
spec: {driver: reference}
"""


class Two:
    """Two products that could protect one cluster."""

    def __init__(self, bench) -> None:
        bench.text += OTHER
        bench.worlds["other"] = World()
        self.bench = bench
        self.worlds = {"acme": bench.world, **bench.worlds}

    def __call__(self) -> Workbench:
        workbench: Workbench = self.bench()
        return workbench

    def move(self, job: str, old: str, new: str) -> None:
        head = f"metadata: {{name: {job}}}\nspec: {{connection: "
        self.bench.edit(f"{head}{old}", f"{head}{new}")

    def job(self, connection: str, name: str):
        found = self.worlds[connection].product.named("job", name)
        return found[0] if found else None

    def protects(self, connection: str, name: str) -> bool:
        job = self.job(connection, name)
        return job is not None and not job.body.get("paused")


@pytest.fixture
def two(bench) -> Two:
    made = Two(bench)
    assert made().apply(made().plan(ALL)).error is None
    return made


def lines(plan):
    return [(c.action, c.connection, c.address) for c in plan.writes]


def test_a_job_with_restore_points_is_made_there_before_it_is_switched_off_here(two) -> None:
    two.job("acme", "sql").points = 3
    two.move("sql", "acme", "other")
    plan = two().plan(ALL)

    assert lines(plan)[-1] == (Action.RETIRE, "acme", "job/sql")
    assert (Action.CREATE, "other", "job/sql") in lines(plan)
    assert "job-switches" in {one.code for one in plan.findings}
    assert two().apply(plan).error is None
    assert two.protects("other", "sql")
    assert not two.protects("acme", "sql")
    assert two.job("acme", "sql").points == 3
    assert not two().plan(ALL).writes


def test_at_every_moment_one_of_them_protects_the_job(two, monkeypatch) -> None:
    two.job("acme", "sql").points = 1
    seen = []
    carry_out = ReferenceDriver._carry_out

    def watch(driver, change):
        seen.append(two.protects("acme", "sql") or two.protects("other", "sql"))
        return carry_out(driver, change)

    monkeypatch.setattr(ReferenceDriver, "_carry_out", watch)
    for old, new in (("acme", "other"), ("other", "acme")):
        two.move("sql", old, new)
        two.job(old, "sql").points = 1
        assert two().apply(two().plan(ALL)).error is None
        assert two.protects(new, "sql")
    assert seen
    assert all(seen)


def test_a_job_without_restore_points_is_deleted_last(two) -> None:
    two.move("sql", "acme", "other")
    plan = two().plan(ALL)
    assert lines(plan)[-1] == (Action.DELETE, "acme", "job/sql")
    assert two().apply(plan).error is None
    assert two.job("acme", "sql") is None


def test_what_a_retired_job_needs_stays(two) -> None:
    for job in ("sql", "web"):
        two.job("acme", job).points = 1
        two.move(job, "acme", "other")
    plan = two().plan(ALL)
    kept = {c.address: c for c in plan.changes if c.connection == "acme" and c.before}
    assert kept["plan/gold"].action is Action.NONE
    assert "needs it" in kept["plan/gold"].reason
    assert not [line for line in lines(plan) if line[0] is Action.DELETE]


def test_a_failure_of_the_new_product_leaves_the_old_one_protecting(two) -> None:
    two.job("acme", "sql").points = 1
    two.move("sql", "acme", "other")
    two.worlds["other"].faults.slow("apply", 1.0)
    two.worlds["other"].faults.fail("apply", Failure("vendor-fault", "no licence"))
    report = two().apply(two().plan(ALL))
    assert isinstance(report.error, VendorFaultError)
    assert two.protects("acme", "sql")


def test_naming_a_job_deletes_it_with_its_restore_points(two) -> None:
    two.job("acme", "sql").points = 1
    two.move("sql", "acme", "other")
    plan = two().plan(PlanScope(allow_delete=("job/sql",)))
    assert (Action.DELETE, "acme", "job/sql") in lines(plan)
    assert not plan.blockers


def test_coming_back_wakes_the_old_job_with_its_points(two) -> None:
    two.job("acme", "sql").points = 2
    ident = two.job("acme", "sql").id
    two.move("sql", "acme", "other")
    two().apply(two().plan(ALL))
    two.move("sql", "other", "acme")
    plan = two().plan(ALL)
    assert (Action.UPDATE, "acme", "job/sql") in lines(plan)
    assert two().apply(plan).error is None
    assert two.job("acme", "sql").id == ident
    assert two.protects("acme", "sql")
    assert two.job("other", "sql") is None
