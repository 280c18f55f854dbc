"""A reference world, its journal and the processes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safepoint.store import Store
from safepoint_lab.reference import World
from safepoint_lab.reference.processes import Process, watch_journals


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def store(world: World, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path, clock=world.clock.now) as opened:
        yield opened


@pytest.fixture
def process(world: World, store: Store) -> Iterator[Process]:
    with watch_journals():
        yield Process(world, store)


@pytest.fixture
def another_process(world: World, store: Store, process: Process) -> Callable[[], Process]:
    """Start a second process beside the first."""
    return lambda: Process(world, store, name="second")
