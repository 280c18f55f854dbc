"""Chaos, a few seeds of it: whatever happens, the promises hold.

Many seeds: ``python -m safepoint_lab.chaos --seeds 1000`` in memory; with ``--engine lab`` real
processes and all three engines over sockets; or ``pytest tests/chaos --long``. A seed that once broke a
promise stays in the list.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from safepoint_lab.chaos import MemoryChaos
from safepoint_lab.chaos.clock import Hands, set_clock
from safepoint_lab.chaos.estates import ENGINES
from safepoint_lab.chaos.faults import DEEDS_OF_THEIR_OWN, Dealer, dealt
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.ground import Ground
from safepoint_lab.chaos.site import SiteChaos
from safepoint_lab.daemon.catalogue import every_fault

#: 52: another product's nameless checkpoint, made while the answer to ours was lost, was taken for
#: ours before ours came.
BROKE_ONCE = (52,)
SEEDS = (*BROKE_ONCE, *range(1001, 1005))
#: Its runs are of three engines.
LAB_SEED = 41
LONG_SEEDS = range(2001, 2201)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_promises_hold_in_memory(seed: int) -> None:
    story = MemoryChaos(seed).run()
    assert not story.broken, story.text()


@pytest.mark.long
@pytest.mark.parametrize("seed", LONG_SEEDS)
def test_promises_hold_over_many_seeds(seed: int) -> None:
    story = MemoryChaos(seed, steps=30).run()
    assert not story.broken, story.text()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.timeout(600)
def test_promises_hold_for_three_engines_over_sockets() -> None:
    """A short story of the long kind, with what matters in it whatever the seed says."""
    chaos = SiteChaos(LAB_SEED, steps=4, has_replicas=False)
    setattr(chaos.world, "_begin", lambda _fault: chaos.runs.begin("veeam"))  # noqa: B010 - for this one

    def a_killed_run() -> None:
        work = chaos.runs.begin("native")
        chaos.ground.linger(work, 1.0, 3.0)
        chaos.ground.kill(work)

    def a_restore() -> None:
        work = chaos.restores.begin("commvault")
        assert work is not None, "a run that succeeded has left a restore point"
        chaos.ground.finish(work)

    deeds = iter(
        (
            a_killed_run,
            chaos.world.the_lab_is_killed,
            lambda: chaos.others.a_product_leaves_its_checkpoint("commvault"),
            a_restore,
        )
    )
    setattr(chaos, "deeds", lambda: [next(deeds)])  # noqa: B010 - a method, for this one
    story = chaos.run()
    assert not story.broken, story.text()
    assert {f"run of {engine}" for engine in ENGINES} <= set(story.counts), story.text()
    assert story.counts["disowned and cleaned"], story.text()
    assert story.counts["restore held against what was frozen"], story.text()


def test_nothing_of_the_catalogue_is_left_out() -> None:
    """Every fault of the hosts and of both products is dealt, but for deeds of their own."""
    named = {fault.name for fault in every_fault()}
    assert {fault.name for fault in dealt(has_replicas=True)} == named - DEEDS_OF_THEIR_OWN
    assert named >= DEEDS_OF_THEIR_OWN


def test_neighbouring_seeds_go_round_the_catalogue() -> None:
    """Stories take up where the one before leaves off; together they deal everything."""
    deck = dealt(has_replicas=True)
    begins = {_first_of(seed) for seed in range(0, 400, 2)}
    assert len(begins) > len(deck) / 4
    assert _first_of(2) != _first_of(4)


def _first_of(seed: int) -> str:
    return Dealer(cast("Ground", None), seed, has_replicas=True).peek().name


def test_a_clock_jumps_while_it_is_read(tmp_path: Path) -> None:
    """What a command has opened already sees the jump, and the way back."""
    hands = Hands(tmp_path / "clock")
    module = SimpleNamespace(UTC=UTC, Store=lambda _folder, clock: clock)
    set_clock(module, hands)
    clock = module.Store("home")
    for seconds in (0.0, 7200.0, -90.0):
        hands.move(seconds)
        off = (clock() - datetime.now(UTC)).total_seconds()
        assert off == pytest.approx(seconds, abs=30)


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 11))
def test_promises_hold_for_real_processes_on_a_lab(seed: int) -> None:
    story = SiteChaos(seed).run()
    assert not story.broken, story.text()


def test_stories_are_told_again_by_their_seed() -> None:
    """The same seed gives the same steps: what was found can be looked into."""
    assert MemoryChaos(7, steps=4).run().steps == MemoryChaos(7, steps=4).run().steps


@pytest.mark.parametrize(
    ("promise", "sabotage"),
    [
        ("others are untouched", "foreign vanishes"),
        ("points verify", "point is damaged"),
        ("each of ours has an open row", "stray of ours"),
        ("no secret is kept", "secret in the journal"),
    ],
)
def test_a_broken_promise_is_noticed(promise: str, sabotage: str) -> None:
    """The watch is no ornament: each kind of harm shows."""
    chaos = MemoryChaos(11, steps=6)
    story = _sabotaged(chaos, sabotage)
    assert any(line.startswith(promise) for line in story.broken), story.text()


def _sabotaged(chaos: MemoryChaos, sabotage: str) -> Story:
    world = chaos.world

    def harm() -> None:
        machine = next(iter(world.machines.values()))
        if sabotage == "foreign vanishes":
            chaos._another_product()
            for one in world.machines.values():
                one.frozen = []
        elif sabotage == "point is damaged":
            chaos._process(_quiet()).protect(machine.id)
            next(iter(world.repository.points.values())).flip_byte()
        elif sabotage == "stray of ours":
            world.add_foreign_checkpoint(machine.id, name="safepoint x (0123456789abcdef)")
        else:
            note = f"said {world.password}"
            from safepoint.models.audit_log import Deed

            chaos._store.audit.note(Deed(system="x", deed="y"), note)

    setattr(chaos, "_deeds", lambda: [harm])  # noqa: B010 - a method, for this one
    return chaos.run()


def _quiet():
    from safepoint_lab.reference.tripwire import Tripwire

    return Tripwire()
