"""From the world's fault book and a node's state to what happens on its wire."""

from __future__ import annotations

from collections.abc import Mapping

from safepoint_lab.world.enums import NodeState
from safepoint_lab.world.faults import Armed
from safepoint_lab.world.model import Node, NotHereError
from safepoint_lab.world.port import WorldPort
from safepoint_lab.wsman.cimfault import (
    WMI_ACCESS_DENIED,
    WMI_FAILED,
    CimFault,
    access_denied,
    encoding_limit,
    internal_error,
    invalid_context,
    invalid_namespace,
    quota_error_object,
    quota_limit,
    timed_out,
)
from safepoint_lab.wsman.faults import Exchange, Moment, WireFault, WireFaultKind

__all__ = [
    "WireFaults",
]

_K = WireFaultKind
_FAULTS_BY_CODE = {
    fault.code: fault
    for fault in (
        access_denied(),
        timed_out(),
        encoding_limit(),
        invalid_context(),
        quota_limit(),
        quota_error_object(),
    )
}
_OF_NAMESPACE = frozenset({"namespace-denied", "namespace-missing"})
_AT_MOMENT = {
    Moment.CONNECT: frozenset({"refuse"}),
    Moment.LOGIN: frozenset({"unauthorized"}),
}
_PLAIN = {
    "unauthorized": WireFault(_K.UNAUTHORIZED),
    "unauthorized-once": WireFault(_K.DROP_LOGIN),
    "refuse": WireFault(_K.RESET),
    "reset-before": WireFault(_K.RESET),
    "reset-after": WireFault(_K.RESET, after_effect=True),
    "truncated": WireFault(_K.TRUNCATED),
    "malformed": WireFault(_K.MALFORMED_XML),
    "html-200": WireFault(_K.HTML_200),
    "empty-page": WireFault(_K.EMPTY_PAGE),
}


class WireFaults:
    """The fault hook of one node's server."""

    def __init__(self, world: WorldPort, node: str) -> None:
        self._world = world
        self._node = node

    def __call__(self, exchange: Exchange, moment: Moment) -> WireFault | None:
        """Return what a dead node, missing rights or an armed fault do to this occasion."""
        node = self._world.node(self._node)
        if node.state is NodeState.DOWN and moment is not Moment.LOGIN:
            return WireFault(_K.RESET)
        armed = self._next_armed(exchange, moment)
        if armed is not None:
            return armed
        return _rights(node, exchange) if moment is Moment.REQUEST else None

    def _next_armed(self, exchange: Exchange, moment: Moment) -> WireFault | None:
        names = self._names(exchange.subject)
        for armed in self._world.faults.armed():
            if not self._strikes(armed, exchange, moment, names):
                continue
            parameters = self._world.faults.take(
                armed.fault.name, node=self._node, vms=names, operation=exchange.operation
            )
            if parameters is not None:
                return _wire_fault(armed.fault.wire, parameters)
        return None

    def _strikes(
        self, armed: Armed, exchange: Exchange, moment: Moment, names: tuple[str, ...]
    ) -> bool:
        wire = armed.fault.wire
        if not wire or wire not in _AT_MOMENT.get(moment, {wire}):
            return False
        if wire in _OF_NAMESPACE:
            namespace = {**armed.fault.parameters, **armed.parameters}.get("namespace", "")
            if namespace.lower() != exchange.namespace.lower():
                return False
        return armed.matches(self._node, names, exchange.operation)

    def _names(self, subject: str) -> tuple[str, ...]:
        """Return GUID and name of the VM a request is about."""
        if not subject:
            return ()
        try:
            with self._world.lock:
                return (subject, self._world.vm(subject).name)
        except NotHereError:
            return (subject,)


def _rights(node: Node, exchange: Exchange) -> WireFault | None:
    """Return what the lab account's rights on a node forbid."""
    rights = node.rights
    if not rights.winrm:
        return WireFault(_K.SOAP_FAULT, fault=access_denied())
    if exchange.namespace.lower() in {each.lower() for each in rights.denied_namespaces}:
        return WireFault(_K.SOAP_FAULT, fault=access_denied(WMI_ACCESS_DENIED))
    return None if rights.hyperv_admin else WireFault(_K.RESTRICTED)


def _wire_fault(wire: str, parameters: Mapping[str, str]) -> WireFault:
    """Turn a treatment of the catalogue into an order; `effect=after` lets the call happen."""
    order = _PLAIN.get(wire) or _with_parameters(wire, parameters)
    if "effect" not in parameters:
        return order
    after = parameters["effect"] == "after"
    return WireFault(order.kind, after, order.status, order.fault, order.seconds, order.locale)


def _with_parameters(wire: str, parameters: Mapping[str, str]) -> WireFault:
    match wire:
        case "stall":
            return WireFault(_K.STALL, seconds=float(parameters["seconds"]))
        case "delay":
            return WireFault(_K.DELAY, seconds=float(parameters["seconds"]))
        case "http-status":
            return WireFault(_K.HTTP_STATUS, status=int(parameters["status"]))
        case "wsman-fault":
            return WireFault(_K.SOAP_FAULT, fault=_fault(parameters))
        case "soap-fault-in-200":
            return WireFault(_K.SOAP_FAULT_200, fault=_fault(parameters))
        case "namespace-denied":
            return WireFault(_K.SOAP_FAULT, fault=access_denied(WMI_ACCESS_DENIED))
        case "namespace-missing":
            return WireFault(_K.SOAP_FAULT, fault=invalid_namespace())
        case _:
            msg = f"the fault catalogue asks for an unknown treatment on the wire: {wire}"
            raise LookupError(msg)


def _fault(parameters: Mapping[str, str]) -> CimFault:
    code = int(parameters.get("code", "0"))
    return _FAULTS_BY_CODE.get(code) or internal_error(WMI_FAILED)
