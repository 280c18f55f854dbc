"""The hosts of a world, served on loopback, with drivers that read all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.world import World
from safepoint_lab.wsman import Account, AccountBook
from safepoint_native.auth import AuthKind
from safepoint_native.driver import NativeDriver, open_native
from safepoint_native.settings import NativeSettings

PASSWORD = "lab-Pa55word"


@contextmanager
def served(world: World, folder: Path) -> Iterator[Callable[[], NativeDriver]]:
    """Serve every host of a world; yields what opens one more driver, which its user closes."""
    with ExitStack() as stack:
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
        yield lambda: open_native(settings, context)
