"""Plan, apply, and plan again: what is declared comes true once, and stays true."""

from __future__ import annotations

import pytest

from safepoint.errors import (
    ConflictError,
    PlanNotConvergedError,
    PlanRejectedError,
    PlanStaleError,
    UnreachableError,
)
from safepoint.models.losses import Fidelity
from safepoint.models.plans import Action, Plan, PlanScope
from safepoint.store import OperationState
from safepoint_lab.reference.product import MASK

ALL = PlanScope()


def actions(plan: Plan) -> dict[str, Action]:
    return {c.address: c.action for c in plan.changes if not c.address.startswith("host/")}


def test_first_plan_creates_everything_in_dependency_order(bench) -> None:
    plan = bench().plan(ALL)

    addresses = [c.address for c in plan.writes]
    assert sorted(addresses) == ["job/sql", "job/web", "plan/gold", "server/ref1"]
    assert addresses.index("job/sql") > addresses.index("plan/gold")
    assert addresses.index("job/sql") > addresses.index("server/ref1")
    assert plan.blockers == ()
    assert bench.world.writes == []


def test_apply_makes_it_true_and_the_next_plan_is_empty(bench) -> None:
    report = bench().apply(bench().plan(ALL))

    assert report.error is None
    assert len(report.done) == 4
    assert bench().plan(ALL).writes == ()
    rows = bench.store.operations.of_plan(report.plan)
    assert {row.state for row in rows} == {OperationState.VERIFIED}
    assert bench.store.operations.events(rows[0].key) == ("intent", "done", "verified")


def test_a_plan_survives_its_file_unchanged(bench) -> None:
    plan = bench().plan(ALL)

    again = Plan.model_validate_json(plan.model_dump_json())

    assert again == plan
    assert bench().apply(again).error is None


def test_a_plan_holds_no_secret(bench) -> None:
    plan = bench().plan(ALL)
    bench().apply(plan)
    after = bench().plan(ALL)

    for text in (plan.model_dump_json(), after.model_dump_json()):
        assert bench.world.password not in text
        assert MASK not in text
    assert set(bench.world.product.passwords.values()) == {bench.world.password}


def test_an_edited_document_is_one_update_by_field(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.edit("keepAtLeast: 3", "keepAtLeast: 5")
    plan = bench().plan(ALL)

    (change,) = plan.writes
    assert (change.address, change.action) == ("plan/gold", Action.UPDATE)
    assert [(f.field, f.before, f.after) for f in change.fields] == [
        ("retention.keepAtLeast", 3, 5)
    ]
    assert bench().apply(plan).error is None
    assert bench().plan(ALL).writes == ()


def test_a_removed_field_is_a_change_too(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.edit(", weekly: {keep: 4}", "")

    (change,) = bench().plan(ALL).writes
    assert [(f.field, f.before, f.after) for f in change.fields] == [
        ("retention.weekly.keep", 4, None)
    ]


def test_losses_name_every_field_once(bench) -> None:
    losses = {(one.document, one.field): one for one in bench().plan(ALL).losses}

    rpo = losses["Policy/gold", "spec.rpo"]
    assert rpo.fidelity is Fidelity.DROPPED
    assert rpo.reason
    keep = losses["Policy/gold", "spec.retention.keepFor"]
    assert (keep.fidelity, keep.wanted, keep.vendor_value) == (
        Fidelity.APPROXIMATED,
        "1d12h",
        "2 days",
    )
    assert losses["ProtectionJob/web", "spec.verify"].fidelity is Fidelity.EXACT
    assert losses["ProtectionJob/sql", "spec.include"].wanted == "name=sql*, name=db*"


def test_immutable_field_means_replacement_and_data_must_be_named(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.edit("metadata: {name: ref1}", "metadata: {name: ref2}")
    bench.edit("cluster: ref1", "cluster: ref2")
    bench.world.cluster = "ref2"
    for machine in bench.world.machines.values():
        machine.cluster = "ref2"
    for one in bench.world.product.named("job", "sql"):
        one.points = 7
    plan = bench().plan(ALL)

    assert actions(plan)["job/sql"] is Action.REPLACE
    assert {one.code for one in plan.blockers} == {"deletes-data", "deletes-many"}
    with pytest.raises(PlanRejectedError) as caught:
        bench().apply(plan)
    assert caught.value.exit_code == 6
    assert any("job/sql" in line for line in caught.value.findings)
    named = PlanScope(allow_delete=("job/sql", "job/web", "server/ref1"))
    assert bench().apply(bench().plan(named)).error is None
    assert len(bench.world.product.named("job", "sql")) == 1


def test_a_removed_document_deletes_what_is_ours_only(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.world.product.create("job", "by hand", "made by Ann", {"plan": "x"})
    bench.text = bench.text.rpartition("---")[0]
    plan = bench().plan(ALL)

    assert [(c.address, c.action) for c in plan.writes] == [("job/web", Action.DELETE)]
    assert bench().apply(plan).error is None
    assert bench.world.product.named("job", "by hand")


def test_scope_of_one_job_takes_what_it_needs_and_deletes_nothing(bench) -> None:
    plan = bench().plan(PlanScope(jobs=("sql",)))

    assert sorted(actions(plan)) == ["job/sql", "plan/gold", "server/ref1"]
    bench().apply(bench().plan(ALL))
    bench.text = bench.text.rpartition("---")[0]
    assert bench().plan(PlanScope(jobs=("sql",))).writes == ()


def test_same_name_without_marker_is_adopted_openly(bench) -> None:
    made = bench.world.product.create("plan", "gold", "made by Ann", {"consistency": "crash"})
    plan = bench().plan(ALL)

    assert actions(plan)["plan/gold"] is Action.ADOPT
    assert "adopts-existing" in {one.code for one in plan.findings}
    bench().apply(plan)
    assert bench.world.product.objects[made].description.startswith("made by Ann [safepoint:")
    assert len(bench.world.product.named("plan", "gold")) == 1


def test_what_cannot_be_brought_into_line_is_left_to_who_made_it(bench) -> None:
    body = {"cluster": "elsewhere", "plan": "gold"}
    made = bench.world.product.create("job", "sql", "made by Ann", body)
    plan = bench().plan(ALL)

    assert actions(plan)["job/sql"] is Action.NONE
    (found,) = plan.blockers
    assert (found.code, found.field) == ("cannot-adopt", "job/sql")
    assert "cluster" in found.summary
    with pytest.raises(PlanRejectedError):
        bench().apply(plan)
    assert bench.world.product.objects[made].body["cluster"] == "elsewhere"


def test_renamed_by_hand_is_recognised_by_its_marker(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.world.product.named("job", "sql")[0].name = "Ann's SQL"
    plan = bench().plan(ALL)

    (change,) = plan.writes
    assert change.address == "job/sql"
    assert [(f.field, f.before) for f in change.fields] == [("name", "Ann's SQL")]


def test_twins_are_reported_and_not_touched(bench) -> None:
    bench().apply(bench().plan(ALL))
    first = bench.world.product.named("job", "sql")[0]
    bench.world.product.create("job", "sql", first.description, dict(first.body))
    plan = bench().plan(ALL)

    assert "job/sql" not in {c.address for c in plan.writes}
    assert [one.code for one in plan.blockers] == ["ambiguous-resource"]


def test_another_estates_object_is_never_taken(bench) -> None:
    bench().apply(bench().plan(PlanScope(owner="berlin")))
    plan = bench().plan(PlanScope(owner="paris"))

    assert plan.writes == ()
    assert {one.code for one in plan.blockers} == {"owned-by-another-estate"}


def test_a_saved_plan_is_refused_after_the_world_moved(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.edit("keepAtLeast: 3", "keepAtLeast: 5")
    saved = bench().plan(ALL)
    bench.world.product.named("job", "sql")[0].body["verify"] = False
    writes = len(bench.world.writes)

    with pytest.raises(PlanStaleError, match="job/sql"):
        bench().apply(saved)
    assert len(bench.world.writes) == writes


def test_a_saved_plan_is_refused_for_other_documents(bench) -> None:
    saved = bench().plan(ALL)
    bench.edit("keepAtLeast: 3", "keepAtLeast: 5")

    with pytest.raises(PlanStaleError, match="another estate"):
        bench().apply(saved)


def test_an_edited_plan_file_is_refused(bench) -> None:
    saved = bench().plan(ALL)
    text = saved.model_dump_json().replace('"keepAtLeast":3', '"keepAtLeast":1')
    text = text.replace('"retention.keepAtLeast":3', '"retention.keepAtLeast":1')

    with pytest.raises(PlanStaleError, match="in another way"):
        bench().apply(Plan.model_validate_json(text))


def test_failure_stops_and_running_again_finishes_the_saved_plan(bench) -> None:
    saved = bench().plan(ALL)
    bench.world.faults.refusals.add("apply", None, 2)  # two writes pass
    bench.world.faults.refuse("apply", ConflictError("licence exceeded"))
    report = bench().apply(saved)

    assert report.error is not None
    assert report.error.message == "licence exceeded"
    assert [step.state for step in report.steps] == [
        OperationState.DONE,
        OperationState.DONE,
        OperationState.FAILED,
        None,
    ]
    again = bench().apply(saved)
    assert again.error is None
    assert bench().plan(ALL).writes == ()
    assert len(bench.world.product.objects) == 4


def test_a_broken_observation_stops_the_plan(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.world.faults.break_listing("observe", after=1, times=9)

    with pytest.raises(UnreachableError):
        bench().plan(ALL)


def test_a_shrunk_observation_stops_the_plan_until_it_is_accepted(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.world.product.objects.clear()
    plan = bench().plan(ALL)

    assert [one.code for one in plan.blockers] == ["observation-shrunk"]
    with pytest.raises(PlanRejectedError):
        bench().apply(plan)
    accepted = bench().plan(PlanScope(accept=("observation-shrunk",)))
    assert accepted.blockers == ()
    assert bench().apply(accepted).error is None


def test_a_driver_that_does_not_converge_is_named_with_the_field(bench, monkeypatch) -> None:
    change = type(bench.world.product).change

    def forgetful(product, ident, name, description, body):
        change(product, ident, name, description, {**body, "verify": "perhaps"})

    monkeypatch.setattr(type(bench.world.product), "change", forgetful)
    with pytest.raises(PlanNotConvergedError) as caught:
        bench().apply(bench().plan(ALL))
    assert "'reference'" in caught.value.message
    assert any("job/sql: verify" in line for line in caught.value.differences)


def test_failed_preflight_is_a_finding_and_never_a_write(bench) -> None:
    bench.world.product.down_hosts.add("node2")
    plan = bench().plan(ALL)

    (found,) = [one for one in plan.findings if one.code == "preflight-failed"]
    assert "host/ref1/node2" in found.summary
    assert "does not answer" in found.summary
    assert all(not c.address.startswith("host/") for c in plan.writes)
