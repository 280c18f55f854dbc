"""Labs that are small and fast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safepoint_lab.daemon import Lab

SMALL: dict[str, Any] = {
    "nodes": 2,
    "vms": 2,
    "disk_bytes": 8 << 20,
    "bulk_bytes": 1 << 20,
    "smb": "path",
    "speed": 25.0,
}


@pytest.fixture
def small() -> dict[str, Any]:
    """The choices of a small lab."""
    return dict(SMALL)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A small lab in this process."""
    with Lab.start(tmp_path / "lab", **SMALL) as running:
        yield running
        assert running.status().problems == ()
