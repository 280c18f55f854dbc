"""What only the wire knows of VMs: drives without a disk, and network adapters.

The world models what backup is about and has neither. They live in memory, shared by the
servers of all nodes, and are gone when the lab restarts: empty drives then vanish, and every VM
has its one derived adapter again.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from dataclasses import dataclass, replace

from safepoint_lab.world.enums import ControllerKind

__all__ = [
    "SWITCH_NAME",
    "Adapter",
    "Fittings",
    "Slot",
]

SWITCH_NAME = "lab-switch"
_LAB_NAMESPACE = uuid.UUID("5b2c1d3e-0f4a-4b6c-8d7e-9f0a1b2c3d4e")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A synthetic network adapter; `switch` is empty when it is disconnected.

    `test_switch` is where the adapter of a test VM goes, empty for nowhere.
    """

    guid: str
    name: str
    mac: str
    static_mac: bool = False
    switch: str = ""
    test_switch: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a disk on a controller."""

    kind: ControllerKind
    controller: int
    lun: int


class Fittings:
    """Empty drives and adapters by VM key. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drives: dict[str, list[Slot]] = {}
        self._adapters: dict[str, list[Adapter]] = {}

    def forget(self, vm: str) -> None:
        """Forget a VM, so that one defined again with its GUID starts anew."""
        with self._lock:
            self._drives.pop(vm, None)
            self._adapters.pop(vm, None)

    def begin(self, vm: str) -> None:
        """Begin a defined VM: no drives, no adapters until they are added."""
        with self._lock:
            self._drives[vm] = []
            self._adapters[vm] = []

    def drives(self, vm: str) -> list[Slot]:
        """Return the drives that were added and hold no disk yet."""
        with self._lock:
            return list(self._drives.get(vm, ()))

    def add_drive(self, vm: str, slot: Slot) -> None:
        """Add an empty drive."""
        with self._lock:
            self._drives.setdefault(vm, []).append(slot)

    def take_drive(self, vm: str, slot: Slot) -> None:
        """Remove an empty drive: a disk was put in, or it was taken out."""
        with self._lock:
            self._drives[vm] = [each for each in self._drives.get(vm, ()) if each != slot]

    def adapters(self, vm: str) -> list[Adapter]:
        """Return the adapters; one with a name and address of its own unless told otherwise."""
        with self._lock:
            found = self._adapters.get(vm)
        return list(found) if found is not None else [_derived(vm)]

    def add_adapter(self, vm: str, name: str, mac: str, *, static_mac: bool) -> Adapter:
        """Add a disconnected adapter; without an address it gets one."""
        made = Adapter(
            str(uuid.uuid4()).upper(), name or "Network Adapter", mac or _mac(vm), static_mac
        )
        kept = self.adapters(vm)
        with self._lock:
            self._adapters[vm] = [*kept, made]
        return made

    def connect(
        self, vm: str, guid: str, *, switch: str | None = None, test_switch: str | None = None
    ) -> None:
        """Connect an adapter to a switch, or say where one goes in tests; None changes nothing."""
        wired = [
            replace(
                each,
                switch=each.switch if switch is None else switch,
                test_switch=each.test_switch if test_switch is None else test_switch,
            )
            if each.guid == guid
            else each
            for each in self.adapters(vm)
        ]
        with self._lock:
            self._adapters[vm] = wired

    def remove_adapter(self, vm: str, guid: str) -> bool:
        """Remove an adapter; False when there is none of this GUID."""
        kept = self.adapters(vm)
        left = [each for each in kept if each.guid != guid]
        with self._lock:
            self._adapters[vm] = left
        return len(left) < len(kept)


def _derived(vm: str) -> Adapter:
    """Return the adapter of a VM that was built with the lab.

    Its replica has the same one, connected to nothing until somebody says to what ([I]).
    """
    owner, _, site = vm.partition("@")
    guid = str(uuid.uuid5(_LAB_NAMESPACE, owner)).upper()
    switch = "" if site else SWITCH_NAME
    return Adapter(guid, "Network Adapter", _mac(owner), static_mac=False, switch=switch)


def _mac(vm: str) -> str:
    """Return an address in the range that Hyper-V gives dynamic adapters."""
    return "00155D" + hashlib.sha256(vm.encode()).hexdigest()[:6].upper()
