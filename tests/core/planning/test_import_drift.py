"""Import plans empty; drift is told by field and by who moved."""

from __future__ import annotations

import pytest

from safepoint.errors import PlanNotConvergedError
from safepoint.estate import check_text
from safepoint.models.losses import Fidelity
from safepoint.models.plans import PlanScope
from safepoint.planning.drift import Side

ALL = PlanScope()


def only_connections(text: str) -> str:
    return "---".join(text.split("---")[:2])


def by_hand(bench) -> None:
    product = bench.world.product
    retention = {"keepDays": 30, "keepAtLeast": 2}
    product.create(
        "plan", "silver", "", {"consistency": "crash", "fallback": "allow", "retention": retention}
    )
    body = {"cluster": "ref1", "plan": "silver", "verify": True, "include": [{"name": "sql*"}]}
    product.create("job", "Ann's job", "do not touch", body)
    product.create(
        "server", "ref1", "", {"nodes": ["node1.example", "node2.example"], "username": "operator"}
    )


def test_imported_documents_are_valid_and_plan_empty(bench) -> None:
    bench.text = only_connections(bench.text)
    by_hand(bench)
    bench.world.product.named("job", "Ann's job")[0].name = "anns-job"
    writes = len(bench.world.writes)
    imported = bench().import_from("acme", owner="default")
    bench.text += "---\n" + imported.text

    assert check_text(bench.text).findings == ()
    assert {d.name for d in imported.documents} == {"silver", "anns-job"}
    assert bench().plan(ALL).writes == ()
    assert len(bench.world.writes) == writes


def test_import_of_what_was_applied_says_the_same(bench) -> None:
    bench().apply(bench().plan(ALL))
    imported = bench().import_from("acme", owner="default")
    bench.text = only_connections(bench.text) + "---\n" + imported.text

    assert bench().plan(ALL).writes == ()


def test_what_documents_cannot_say_is_a_loss(bench) -> None:
    bench.world.product.create("job", "odd", "", {"plan": "nowhere"})
    imported = bench().import_from("acme", owner="default")

    assert [(x.document, x.fidelity) for x in imported.losses] == [("job/odd", Fidelity.DROPPED)]


def test_a_description_that_does_not_translate_back_is_refused(bench, monkeypatch) -> None:
    from safepoint_lab.reference import managing

    real = managing._to_policy
    bench.text = only_connections(bench.text)
    by_hand(bench)
    bench.world.product.named("job", "Ann's job")[0].name = "anns-job"

    def careless(resource):
        policy = real(resource)
        return policy.model_copy(
            update={"spec": policy.spec.model_copy(update={"retention": None})}
        )

    monkeypatch.setattr(managing, "_to_policy", careless)
    with pytest.raises(PlanNotConvergedError, match="importing"):
        bench().import_from("acme", owner="default")


def test_observed_only_jobs_are_compared_and_never_written(bench) -> None:
    bench.text = only_connections(bench.text)
    by_hand(bench)
    bench.world.product.named("job", "Ann's job")[0].name = "anns-job"
    imported = bench().import_from("acme", owner="default", observe_only=True)
    bench.text += "---\n" + imported.text
    bench.world.product.named("job", "anns-job")[0].body["verify"] = False
    plan, drift = bench().drift(ALL)

    assert "manage: false" in bench.text
    assert plan.writes == ()
    assert [one.code for one in plan.findings] == ["observed-differs"]
    assert [(line.address, line.field) for line in drift] == [("job/anns-job", "verify")]
    bench().apply(plan)
    assert bench.world.product.named("job", "anns-job")[0].body["verify"] is False
    bench.edit("  manage: false\n", "")
    assert [c.address for c in bench().plan(ALL).writes] == ["job/anns-job"]


def test_drift_tells_who_moved(bench) -> None:
    bench().apply(bench().plan(ALL))
    assert bench().drift(ALL)[1] == ()
    gold = bench.world.product.named("plan", "gold")[0]
    gold.body["fallback"] = "allow"
    gold.body["retention"]["keepAtLeast"] = 9
    bench.edit("keepAtLeast: 3", "keepAtLeast: 5")
    bench.edit("keep: 4", "keep: 6")
    product = bench.world.product
    del product.objects[product.named("job", "web")[0].id]
    lines = {(line.address, line.field): line for line in bench().drift(ALL)[1]}

    assert {place: line.side for place, line in lines.items()} == {
        ("plan/gold", "fallback"): Side.PRODUCT,
        ("plan/gold", "retention.keepAtLeast"): Side.BOTH,
        ("plan/gold", "retention.weekly.keep"): Side.ESTATE,
        ("job/web", ""): Side.PRODUCT,
    }
    assert lines["job/web", ""].note == "deleted in the product"
    assert (lines["plan/gold", "fallback"].declared, lines["plan/gold", "fallback"].observed) == (
        "fail",
        "allow",
    )


def test_apply_puts_drift_back(bench) -> None:
    bench().apply(bench().plan(ALL))
    bench.world.product.named("plan", "gold")[0].body["fallback"] = "allow"
    bench().apply(bench().plan(ALL))

    assert bench().drift(ALL)[1] == ()
    assert bench.world.product.named("plan", "gold")[0].body["fallback"] == "fail"
