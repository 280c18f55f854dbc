"""A real WS-Management server on loopback, one per simulated host, over any CIM provider.

How to start one::

    from safepoint_lab.wsman import Account, AccountBook, WsmanServer, WsmanSettings

    accounts = AccountBook([Account("svc-safepoint", "secret", domain="LAB")])
    settings = WsmanSettings(node="hv01", machine="hv01.example.test")   # HTTP, port 0
    with WsmanServer(provider, accounts, settings) as server:
        server.url            # http://127.0.0.1:40123/wsman
        server.calls.records(action="Invoke", method="CreateSnapshot")
    accounts.close()

`WsmanSettings(tls=context)` makes it HTTPS; `allow_unencrypted=False` takes only sealed messages
over HTTP (NTLM) and no Basic, as a Windows host does by default; `faults=hook` orders faults on
the wire (`safepoint_lab.wsman.faults`). A provider implements `CimProvider`: schemas, instances,
associations, methods; protocol, queries, paging, rendering and strictness are done here.

The simulated Hyper-V host is `safepoint_lab.hyperv`.

Evidence: what is only inferred in the fact sheet is marked [I] where it is implemented.
"""

from __future__ import annotations

from safepoint_lab.wsman.accounts import Account, AccountBook
from safepoint_lab.wsman.calls import CallLog, CallRecord
from safepoint_lab.wsman.cimfault import CimFault, Refused
from safepoint_lab.wsman.faults import Exchange, FaultHook, Moment, WireFault, WireFaultKind
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.schema import Schema
from safepoint_lab.wsman.server import WsmanServer
from safepoint_lab.wsman.settings import WsmanSettings
from safepoint_lab.wsman.values import (
    CimInstance,
    CimReference,
    CimValue,
    MethodCall,
    MethodResult,
)

__all__ = [
    "Account",
    "AccountBook",
    "CallLog",
    "CallRecord",
    "CimFault",
    "CimInstance",
    "CimProvider",
    "CimReference",
    "CimValue",
    "Exchange",
    "FaultHook",
    "MethodCall",
    "MethodResult",
    "Moment",
    "Refused",
    "Schema",
    "WireFault",
    "WireFaultKind",
    "WsmanServer",
    "WsmanSettings",
]
