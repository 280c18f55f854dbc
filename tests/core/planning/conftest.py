"""An estate over the reference product, a journal, and a workbench."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from safepoint.drivers import Driver, DriverContext
from safepoint.drivers.wrap import RetryReads, check_contract, intercepted
from safepoint.estate import Estate, SecretResolver, check_text, resolve_cluster
from safepoint.planning import Tools, Workbench
from safepoint.store import Store
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World

ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: acme}
spec: {driver: reference}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: ref1}
spec:
  hypervisor: acme
  nodes: [{name: node1, address: node1.example}, {name: node2, address: node2.example}]
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec:
  rpo: 26h
  schedule: {timezone: Etc/UTC, daily: {at: ['22:00', '10:00']}}
  retention: {keepFor: 36h, keepAtLeast: 3, weekly: {keep: 4}}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: sql}
spec: {connection: acme, cluster: ref1, policy: gold, include: [{name: 'sql*'}, {name: 'db*'}]}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: web}
spec: {connection: acme, cluster: ref1, policy: gold, include: [{name: 'web*'}], verify: false}
"""


@functools.cache  # estates are immutable
def read(text: str) -> Estate:
    return check_text(text).estate


@dataclass
class Bench:
    """Everything a planning test works with; `bench()` is a workbench of the present estate."""

    world: World
    store: Store
    text: str = ESTATE
    worlds: dict[str, World] = field(default_factory=dict)
    """The products of connections that have one of their own, beside `world`."""
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for name in ("sql01", "sql02", "web01"):
            self.world.add_machine(name, disks=1)
        self.executor = self.store.executors.enter()

    @property
    def estate(self) -> Estate:
        return read(self.text)

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def driver(self, connection: str) -> Driver:
        clusters = tuple(
            resolve_cluster(c, SecretResolver()) for c in self.estate.clusters.values()
        )
        context = DriverContext(
            connection=connection,
            now=self.world.clock.now,
            data_dir=Path("reference"),
            clusters=clusters,
        )
        world = self.worlds.get(connection, self.world)
        made = ReferenceDriver(world, ReferenceSettings(), context)
        return intercepted(made, connection, RetryReads(world.clock.sleep), check_contract)

    def __call__(self) -> Workbench:
        drivers = {name: self.driver(name) for name in self.estate.connections}
        tools = Tools(
            driver=drivers.__getitem__,
            store=self.store,
            executor=lambda: self.executor.id,
            now=self.world.clock.now,
            sleep=self.world.clock.sleep,
            new_id=lambda: f"key-{next(self.keys):05d}",
        )
        return Workbench(self.estate, tools)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    """Make benches, each with its own world and journal."""
    stores: list[Store] = []

    def make() -> Bench:
        world = World()
        stores.append(Store(tmp_path / f"store{len(stores)}", clock=world.clock.now))
        return Bench(world, stores[-1])

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def bench(make_bench: Callable[[], Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def estate_text() -> str:
    return ESTATE
