"""Starting the servers of simulated hosts over a world."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from safepoint_lab.hyperv.desk import JobDesk
from safepoint_lab.hyperv.fittings import Fittings
from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.provider import HyperVProvider
from safepoint_lab.hyperv.wire_faults import WireFaults
from safepoint_lab.world.model import Vm
from safepoint_lab.world.port import WorldPort
from safepoint_lab.wsman.accounts import AccountBook
from safepoint_lab.wsman.calls import CallLog
from safepoint_lab.wsman.server import WsmanServer
from safepoint_lab.wsman.settings import WsmanSettings

__all__ = [
    "HyperVWire",
]


@dataclass(frozen=True, slots=True)
class HyperVWire:
    """Everything the servers of one lab share: the world, accounts, log, wire-side state."""

    world: WorldPort
    accounts: AccountBook
    calls: CallLog = field(default_factory=CallLog)
    fittings: Fittings = field(default_factory=Fittings)
    desk: JobDesk = field(default_factory=JobDesk)

    def provider(self, node: str) -> HyperVProvider:
        """Return the CIM classes of one node."""
        return HyperVProvider(Host(self.world, node, self.fittings, self.desk))

    def switches(self, vm: Vm) -> tuple[str, ...]:
        """Return the names of the switches that a VM is connected to."""
        host = Host(self.world, vm.node, self.fittings, self.desk)
        return tuple(one.switch for one in host.adapters(vm) if one.switch)

    def server(
        self,
        node: str,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        basic: bool = True,
        allow_unencrypted: bool = True,
        host: str | None = None,
    ) -> WsmanServer:
        """Return the server of one node, bound but not started.

        A node may have two, one for HTTP and one with a TLS context.
        """
        record = self.world.node(node)
        settings = WsmanSettings(
            node=node,
            machine=record.hostname,
            host=host or record.address,
            port=port,
            tls=tls,
            basic=basic,
            allow_unencrypted=allow_unencrypted,
            product_version=f"OS: {record.os_version} SP: 0.0 Stack: 3.0",
            faults=WireFaults(self.world, node),
            now=self.world.now,
        )
        return WsmanServer(self.provider(node), self.accounts, settings, self.calls)
