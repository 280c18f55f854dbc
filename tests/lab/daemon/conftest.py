"""Labs that are small and fast."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def hold() -> Iterator[Callable[..., None]]:
    """Hold ports that a lab gave back, so that nobody but the same lab is given them meanwhile.

    A socket that is bound and does not listen keeps a port from whoever asks for any free one, and
    from outgoing connections. On Linux a server that reuses addresses can still listen there.
    """
    with contextlib.ExitStack() as held:

        def hold_ports(*ports: int) -> None:
            for port in ports if sys.platform == "linux" else ():
                keeper = held.enter_context(socket.socket())
                keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                keeper.bind(("127.0.0.1", port))

        yield hold_ports
