"""Three places on loopback: a cluster, a cluster that receives, and a single host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.plugins.native.replica.serving import served

from safepoint.drivers.wrap import RetryReads, check_contract, intercepted
from safepoint.estate import Estate, check_text
from safepoint.planning import ApplyReport, Tools, Workbench
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.looking import Look, look
from safepoint.replicas.orders import ReplicaCrew
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.replication.numbers import ReplicationState
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_native.driver import NativeDriver

CLUSTERS = ("clu1", "clu-dr", "hvt01")


@dataclass
class Site:
    """The lab, a driver on it, a journal, and whatever estate a test declares."""

    world: World
    driver: NativeDriver
    store: Store
    folder: Path
    text: str = ""
    report: ApplyReport | None = None
    keys: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.executor = self.store.executors.enter()
        self.wrapped = intercepted(self.driver, "hosts", RetryReads(self.wait), check_contract)

    def wait(self, _seconds: float) -> None:
        """Let the lab go on: until something changes in it, whatever pause was asked for."""
        with self.world.registry.changed:
            self.world.registry.changed.wait(0.05)

    def wait_replicating(self, name: str) -> None:
        """Wait until every side of a VM replicates."""

        def holds() -> bool:
            vms = [vm for vm in self.world.vms() if vm.name == name]
            records = [record for vm in vms for record in self.world.replication.of(vm)]
            states = {record.state for record in records}
            return states == {ReplicationState.REPLICATING}

        assert self.world.wait_until(holds), f"{name} does not replicate"

    @property
    def head(self) -> str:
        """The documents of the hosts."""
        parts = ["apiVersion: safepoint/v1\nkind: Connection\nmetadata: {name: hosts}\n"]
        parts[0] += "spec: {driver: native}\n"
        for cluster in self.world.clusters():
            nodes = ", ".join(f"{{name: {n}, address: {n}.example}}" for n in cluster.nodes)
            parts.append(
                f"apiVersion: safepoint/v1\nkind: Cluster\nmetadata: {{name: {cluster.name}}}\n"
                f"spec: {{hypervisor: hosts, nodes: [{nodes}]}}\n"
            )
        return "---\n".join(parts)

    @property
    def estate(self) -> Estate:
        checked = check_text(self.head + "---\n" + self.text)
        assert checked.findings == (), [f.render() for f in checked.findings]
        return checked.estate

    def bench(self) -> Workbench:
        tools = Tools(
            driver=lambda _name: self.wrapped,
            store=self.store,
            executor=lambda: self.executor.id,
            now=lambda: datetime.now(UTC),
            sleep=self.wait,
            new_id=lambda: f"key-{next(self.keys):05d}",
        )
        return Workbench(self.estate, tools)

    def conduct(self) -> Conduct:
        return Conduct(
            ReplicaCrew(
                store=self.store,
                executor=self.executor.id,
                connection="hosts",
                driver=self.wrapped,  # type: ignore[arg-type]  # an intercepted driver keeps its abilities
                waiter=Waiter(sleep=self.wait),
                new_id=lambda: f"key-{next(self.keys):05d}",
            )
        )

    def look(self) -> Look:
        return look(self.wrapped, CLUSTERS)  # type: ignore[arg-type]  # as above


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One lab for all tests of a module."""
    folder = tmp_path_factory.mktemp("replica-native")
    with ExitStack() as stack:
        world = World.open(folder / "world", Timings(speed=50))
        plan = EstatePlan(1, 1, 2, 1, 64 * MIB, bulk_bytes=0, replica_site=True)
        build_estate(world.registry, world.storage, plan, folder / "shares")
        world.start()
        stack.callback(world.stop)
        driver = stack.enter_context(served(world, folder))()
        stack.callback(driver.close)
        store = stack.enter_context(Store(folder / "journal"))
        yield Site(world, driver, store, folder)
