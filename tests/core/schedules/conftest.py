"""Schedules from plain data, and the generators that the property tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from safepoint.models.policies import Schedule


@pytest.fixture
def schedule() -> Callable[..., Schedule]:
    """Make a schedule as an estate document would; the zone is Berlin unless given."""

    def make(**fields: Any) -> Schedule:
        return Schedule.model_validate({"timezone": "Europe/Berlin", **fields})

    return make
