"""Turning VMs on and off."""

from __future__ import annotations

from typing import Final

from safepoint_native.cim.client import CimClient
from safepoint_native.hyperv.jobs import Started
from safepoint_native.hyperv.schema import vm_ref

__all__ = ["start_machine", "turn_off"]

_RUNNING: Final = 2
_OFF: Final = 3


def start_machine(client: CimClient, vm_id: str) -> Started:
    """Ask for the VM to start.

    Raises:
        ConflictError: its state does not allow it.
    """
    return _request(client, vm_id, _RUNNING)


def turn_off(client: CimClient, vm_id: str) -> Started:
    """Pull the plug: the guest is not asked. Errors as `start_machine`."""
    return _request(client, vm_id, _OFF)


def _request(client: CimClient, vm_id: str, state: int) -> Started:
    method = "RequestStateChange"
    result = client.invoke(vm_ref(vm_id), method, {"RequestedState": state}, changes=True)
    return Started.of(method, result)
