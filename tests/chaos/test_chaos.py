"""Chaos, a few seeds of it: whatever happens, the promises hold.

Many seeds: ``python -m safepoint_lab.chaos --seeds 1000`` in memory; with ``--engine lab`` real
processes and all three engines over sockets; or ``pytest tests/chaos --long``. A seed that once broke a
promise stays in the list.
"""

from __future__ import annotations

import os

import pytest

from safepoint_lab.chaos import MemoryChaos
from safepoint_lab.chaos.estates import ENGINES
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.site import SiteChaos

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
    chaos = SiteChaos(LAB_SEED, steps=3)
    deeds = iter(
        (chaos._a_killed_run, chaos._the_lab_is_killed, chaos._a_product_leaves_its_checkpoint)
    )
    setattr(chaos, "_deeds", lambda: [next(deeds)])  # noqa: B010 - a method, for this one
    story = chaos.run()
    assert not story.broken, story.text()
    assert {f"run of {engine}" for engine in ENGINES} <= set(story.counts), story.text()
    assert story.counts["disowned and cleaned"], story.text()


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
