"""Lost answers and dead processes: looked for, never repeated blindly, nothing twice, nothing left."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from safepoint.errors import OutcomeUnknownError
from safepoint.models.plans import PlanScope
from safepoint.store import OperationState
from safepoint_lab.reference.faults import LostAnswer

ALL = PlanScope()
SEEDS = 300


def check_world(bench, seed: int) -> None:
    """No duplicates, no orphans: exactly what is declared, each with one marker of ours."""
    plan = bench().plan(ALL)
    addresses = Counter(one.description for one in bench.world.product.objects.values())
    assert plan.writes == (), seed
    assert plan.blockers == (), seed
    assert max(addresses.values()) == 1, seed
    wanted = {c.after.marker.text for c in plan.changes if c.after and c.after.marker}
    assert {d[d.index("[") :] for d in addresses} == wanted, seed


def run_seed(bench, seed: int) -> Counter[str]:
    """Make an estate, then edit or shrink it, while answers get lost; return the journal's ways."""
    rng = random.Random(seed)
    faults = bench.world.faults
    seen: Counter[str] = Counter()
    edits = [
        lambda: bench.edit("keepAtLeast: 3", "keepAtLeast: 5"),
        lambda: setattr(bench, "text", bench.text.rpartition("---")[0]),
    ]
    for edit in (lambda: None, rng.choice(edits)):
        edit()
        plan = bench().plan(ALL)
        # At every write: pass, lost after the effect, lost before it, or an effect that comes late.
        for _ in plan.writes:
            kind = rng.choice(["pass", "after", "after", "before", "late"])
            late = rng.choice([0.5, 2.0, 3.5, 4.5]) if kind == "late" else 0.0
            fault = LostAnswer(has_effect=kind != "before", late_seconds=late)
            faults.lost_answers.add("apply", None if kind == "pass" else fault, 1)
        report = bench().apply(plan, must_be_fresh=False)
        for _attempt in range(3):
            if report.error is None:
                break
            assert isinstance(report.error, OutcomeUnknownError)
            plan = bench().plan(ALL)
            report = bench().apply(plan, must_be_fresh=False)
        assert report.error is None, seed
        while faults.lost_answers.take("apply") is not None:
            pass
    bench.world.drain()
    for row in bench.store.operations._rows():
        states = bench.store.operations.events(row.key)
        assert row.state is OperationState.VERIFIED, (seed, states)
        seen[" → ".join(states)] += 1
    check_world(bench, seed)
    return seen


@pytest.mark.parametrize("block", range(10))
def test_no_duplicate_and_no_orphan_over_300_seeds(make_bench, block: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        seen += run_seed(make_bench(), seed)

    assert seen["intent → unknown → verified"] > 20
    assert seen["intent → unknown → absent → intent → done → verified"] > 3


def test_an_answer_that_never_comes_stops_after_looking(bench) -> None:
    bench.world.faults.lose_answer("apply", after_effect=False, times=9)
    plan = bench().plan(ALL)
    report = bench().apply(plan)

    assert isinstance(report.error, OutcomeUnknownError)
    assert len(report.not_done) == 4
    (row,) = bench.store.operations.of_plan(plan.id)
    assert row.state is OperationState.ABSENT
    assert bench.world.writes == []


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize("at", range(4))
def test_a_process_that_died_at_a_write_is_looked_after(
    bench, monkeypatch, at: int, is_sent: bool
) -> None:
    """The next apply finds the intent, looks, and finishes the saved plan with the same key."""
    from safepoint_lab.reference import ReferenceDriver

    real = ReferenceDriver.apply
    count = iter(range(99))

    def dying(self, change, /, *, key):
        if next(count) == at:
            if is_sent:
                real(self, change, key=key)
            raise Killed
        return real(self, change, key=key)

    saved = bench().plan(ALL)
    monkeypatch.setattr(ReferenceDriver, "apply", dying)
    with pytest.raises(Killed):
        bench().apply(saved)
    monkeypatch.setattr(ReferenceDriver, "apply", real)
    bench.executor = bench.store.executors.enter()
    report = bench().apply(saved)

    assert report.error is None
    check_world(bench, at)
    states = {
        row.key: bench.store.operations.events(row.key) for row in bench.store.operations._rows()
    }
    assert len(states) == 4  # the key of the dead process's request was used again, not a new one
    assert all(one[-1] == "verified" for one in states.values())
    assert any(one[:2] == ("intent", "unknown") for one in states.values())
