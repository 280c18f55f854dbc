"""Three places on loopback: a cluster, a cluster that receives, and a single host."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.drivers.wrap import RetryReads, check_contract, intercepted
from safepoint.estate import Estate, check_text
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.planning import ApplyReport, Tools, Workbench
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.looking import Look, look
from safepoint.replicas.orders import ReplicaCrew
from safepoint.store import Store
from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_lab.wsman import Account, AccountBook
from safepoint_native.auth import AuthKind
from safepoint_native.driver import NativeDriver, open_native
from safepoint_native.settings import NativeSettings

PASSWORD = "lab-Pa55word"
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
        self.wrapped = intercepted(self.driver, "hosts", RetryReads(time.sleep), check_contract)

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
            sleep=lambda _seconds: time.sleep(0.01),
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
                sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
                monotonic=time.monotonic,
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
        accounts = AccountBook([Account("svc", PASSWORD)])
        stack.callback(accounts.close)
        wire = HyperVWire(world, accounts)
        infos = []
        for cluster in world.clusters():
            nodes = []
            for node in cluster.nodes:
                server = wire.server(node, allow_unencrypted=False)
                stack.enter_context(server)
                url = f"http://127.0.0.1:{server.port}/wsman"
                nodes.append(NodeAddress(name=node, address=url))
            shares = tuple(
                ShareInfo(path=share.unc, mount=str(share.folder)) for share in cluster.shares
            )
            infos.append(ClusterInfo(name=cluster.name, nodes=tuple(nodes), shares=shares))
        context = DriverContext(
            connection="hosts",
            now=lambda: datetime.now(UTC),
            data_dir=folder / "data",
            clusters=tuple(infos),
            replicates=True,
        )
        settings = NativeSettings(
            username="LAB\\svc", password=SecretStr(PASSWORD), auth=AuthKind.NTLM
        )
        driver = open_native(settings, context)
        stack.callback(driver.close)
        store = stack.enter_context(Store(folder / "journal"))
        yield Site(world, driver, store, folder)
