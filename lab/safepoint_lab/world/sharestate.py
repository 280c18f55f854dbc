"""Whether the shares answer, and what happens to VMs when one does not."""

from __future__ import annotations

import ntpath
from collections.abc import Callable

from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.model import Share, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.shares import folder_of, offline_folder, share_of
from safepoint_lab.world.storage import Storage

__all__ = ["ShareState"]


class ShareState:
    """Takes shares away and brings them back, as a dead file server would."""

    def __init__(self, registry: Registry, storage: Storage, guests: Guests) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self.on_cut: Callable[[Share], None] = _nothing
        self.on_room: Callable[[Share, int | None], None] = _no_room_told
        self._full: dict[str, int] = {}

    def shares(self) -> list[Share]:
        """Return the shares of all clusters."""
        return [share for item in self._registry.clusters.values() for share in item.shares]

    def is_offline(self, path: str) -> bool:
        """Tell whether the share of a UNC path is away."""
        share, _ = share_of(path, self.shares())
        return not folder_of(share).exists()

    def take_offline(self, name: str = "") -> None:
        """Take a share (all when empty) away: its VMs lose their storage and stand still."""
        for share in self._named(name):
            for vm in self._vms_on(share):
                machine = self._guests.of(vm)
                with machine.lock:
                    machine.hold()
                    machine.park()
                    vm.storage_lost = True
                    self._registry.save(vm)
            if folder_of(share).exists():
                folder_of(share).rename(offline_folder(share))
            self.on_cut(share)

    def bring_back(self, name: str = "") -> None:
        """Bring a share (all when empty) back: its VMs go on."""
        for share in self._named(name):
            if not offline_folder(share).exists():
                continue
            offline_folder(share).rename(folder_of(share))
            for vm in self._vms_on(share):
                vm.storage_lost = False
                self._registry.save(vm)
                if vm.power is PowerState.RUNNING:
                    machine = self._guests.of(vm)
                    if not machine.on:
                        machine.power_on()
                    machine.thaw()

    def fill(self, name: str, free_bytes: int) -> None:
        """Let a share (all when empty) have that much room left, and no more than that."""
        for share in self._named(name):
            self._full[share.unc] = free_bytes
            self.on_room(share, free_bytes)

    def empty(self) -> int:
        """Let every share have the room again that it really has; return how many were full."""
        full = [share for share in self.shares() if share.unc in self._full]
        for share in full:
            del self._full[share.unc]
            self.on_room(share, None)
        return len(full)

    def is_full(self, path: str) -> bool:
        """Tell whether the share of a UNC path has no room for a checkpoint or a merge."""
        return share_of(path, self.shares())[0].unc in self._full

    def leave_stale_file(self, vm: Vm) -> str:
        """Put a left-over AutoRecovery file beside a VM's first disk; return its UNC path."""
        folder, name = ntpath.split(vm.disks[0].path)
        path = ntpath.join(folder, f"{name.split('.')[0].split('_')[0]}-AutoRecovery.avhdx")
        self._storage.host_path(path).write_bytes(b"left over by an earlier backup\n")
        return path

    def _named(self, name: str) -> list[Share]:
        wanted = name.casefold()
        return [
            share
            for share in self.shares()
            if not wanted or wanted in (share.name.casefold(), share.unc.casefold())
        ]

    def _vms_on(self, share: Share) -> list[Vm]:
        return [
            vm
            for vm in self._registry.sorted_vms()
            if any(share_of(disk.path, self.shares())[0] is share for disk in vm.disks)
        ]


def _nothing(share: Share) -> None:
    """Cut nothing."""


def _no_room_told(share: Share, free_bytes: int | None) -> None:
    """Tell nobody."""
