"""A store on disk and the means to hold leases in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safepoint.store import Executor, Store
from safepoint_lab.reference import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path, clock: FakeClock) -> Iterator[Store]:
    with Store(folder, clock=clock.now) as opened:
        yield opened


@pytest.fixture
def executor(store: Store) -> Iterator[Executor]:
    entered = store.executors.enter()
    yield entered
    entered.close()
