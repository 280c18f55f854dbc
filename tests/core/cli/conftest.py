"""The command line over a world in memory, whose clock moves when a command waits."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from safepoint.cli import session
from safepoint.plugins import PluginHost
from safepoint.runs.waiting import Waiter
from safepoint_lab.reference import World
from safepoint_lab.reference.plugin import WORLDS

_ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: acme}
spec: {driver: reference, settings: {}}
---
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: reference-hosts, settings: {}}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: ref1}
spec:
  hypervisor: hosts
  nodes: [{name: node1, address: node1.example}]
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {consistency: application}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: gold}
spec:
  connection: acme
  cluster: ref1
  policy: gold
  include: [{name: alpha}, {name: beta}]
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with three machines, a job over two of them, and an estate in this folder."""
    made = World()
    alpha, beta = made.add_machine("alpha"), made.add_machine("beta")
    made.add_machine("gamma")
    made.add_job("gold", alpha, beta)
    WORLDS["default"] = made
    monkeypatch.chdir(tmp_path)
    Path("estate.yaml").write_text(_ESTATE, "utf-8")
    entry = EntryPoint("reference", "safepoint_lab.reference.plugin", "safepoint")
    clock = made.clock
    monkeypatch.setattr(session, "PluginHost", lambda: PluginHost([entry], blocked=()))
    monkeypatch.setattr(session, "Waiter", lambda: Waiter(clock.sleep, clock.monotonic))
    yield made
    WORLDS.clear()
