"""Simulated Hyper-V hosts: the lab's world as CIM classes behind WS-Management servers.

How to serve the nodes of a world::

    from safepoint_lab.hyperv import HyperVWire
    from safepoint_lab.wsman import Account, AccountBook

    accounts = AccountBook([Account("svc-safepoint", "secret")])
    wire = HyperVWire(world, accounts)                     # once a lab
    servers = [wire.server(node.name) for node in world.nodes()]
    for server in servers:
        server.start()                                     # server.url, server.port
    wire.calls.request_count                               # one log for all nodes
    ...
    for server in servers:
        server.stop()
    accounts.close()

`wire.server(name, tls=context)` speaks HTTPS, `allow_unencrypted=False` makes the HTTP one take
only sealed messages, as a Windows host does by default. Faults armed in `world.faults` and the
state and rights of a node are obeyed (`safepoint_lab.hyperv.wire_faults`).

Namespaces: `root/virtualization/v2`, `root/MSCluster`, `root/cimv2`,
`root/microsoft/windows/smb`. Reference points are not simulated.
"""

from __future__ import annotations

from safepoint_lab.hyperv.provider import HyperVProvider
from safepoint_lab.hyperv.serving import HyperVWire

__all__ = ["HyperVProvider", "HyperVWire"]
