"""Bytes between the two sides: whole copies by comparison, and logs of changes."""

from __future__ import annotations

import ntpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from safepoint_lab.world.cells import cell_ranges
from safepoint_lab.world.enums import ImageKind, PowerState
from safepoint_lab.world.guest.disk import GuestDisk
from safepoint_lab.world.images import make_empty, open_chain, open_disk
from safepoint_lab.world.model import NEVER, Disk, DiskImage, Vm
from safepoint_lab.world.replication.changelog import ChangeLog
from safepoint_lab.world.replication.tools import Tools
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["Copier"]

_SCRIBBLE = b"not by Hyper-V  " * 32
_FOLDERS = ("Hyper-V Replica", "Virtual hard disks")


class Copier:
    """Writes the disks of replicas.

    What it writes goes through the guest's disks, so that the lab's ground truth knows it, too.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._storage = tools.crews.storage
        self._guests = tools.crews.guests

    def build(self, primary: Vm, slots: list[str], node: str, storage: str) -> Vm:
        """Register a replica VM, off, with empty disks.

        Raises:
            Refused: The site has a VM with this GUID.
        """
        place = self._registry.node(node)
        scope = self._registry.scope_for(primary.guid, place.cluster)
        root = self._free_folder(ntpath.join(storage, *_FOLDERS, primary.guid))
        vm = replace(
            primary,
            cluster=place.cluster,
            node=place.name,
            scope=scope,
            power=PowerState.OFF,
            disks=[],
            controllers=list(primary.controllers),
            notes=list(primary.notes),
            kvp=dict(primary.kvp),
            config_root=root,
            created_at=self._registry.now(node),
            config_changed_at=self._registry.now(node),
            busy=None,
            most_current=None,
            last_applied=None,
            started_at=NEVER,
            last_backup_at=NEVER,
            storage_lost=False,
        )
        vm.disks = [self._empty_disk(disk, root) for disk in primary.disks if disk.slot in slots]
        with self._registry.lock:
            self._registry.vms[vm.key] = vm
            self._registry.save(vm)
        return vm

    def copy(self, source: Vm, target: Vm, slots: list[str]) -> int:
        """Make the target's disks what the source's are now; return the bytes that went over.

        The source's log starts anew at this moment.
        """
        with self._open(source) as there, self._open(target) as here:
            for disk in self._tools.book.replicated(source, slots):
                self._tools.book.log_file(disk).remove()
            return sum(_copy_cells(there[slot], here[slot]) for slot in slots)

    def export(self, source: Vm, slots: list[str], location: str) -> str:
        """Write the disks as files into a folder of their own under `location`; return it."""
        folder = self._free_folder(ntpath.join(location, f"{source.name}_{source.guid}"))
        with self._open(source) as there:
            for disk in self._tools.book.replicated(source, slots):
                path = self._storage.host_path(ntpath.join(folder, f"{disk.slot}.vhdx"))
                path.parent.mkdir(parents=True, exist_ok=True)
                make_empty(path, disk.size_bytes)
                _write_whole(path, there[disk.slot])
                self._tools.book.log_file(disk).remove()
        return folder

    def take_in(self, target: Vm, folder: str, slots: list[str]) -> int:
        """Read exported files into the target's disks.

        Raises:
            JobFailedError: The folder does not hold all of them.
        """
        paths = {slot: self._exported(folder, slot) for slot in slots}
        sent = 0
        with self._open(target) as here:
            for slot, path in paths.items():
                with open_chain([path]) as chain:
                    for offset, length in cell_ranges(chain.size_bytes):
                        sent += _write_if_new(here[slot], offset, chain.read_at(offset, length))
        return sent

    def apply(self, target: Vm, logs: Mapping[str, bytes]) -> int:
        """Write logged changes into the target's disks, in order; return their bytes."""
        sent = 0
        with self._open(target) as here:
            for slot, data in logs.items():
                for offset, content in ChangeLog.changes(data):
                    here[slot].write_at(offset, content)
                    sent += len(content)
        return sent

    def drop_logs(self, vm: Vm) -> None:
        """Forget the changes that wait; whether more are tracked is decided anew."""
        with self._guests.of(vm).lock:
            self._guests.of(vm).close()
            for disk in vm.disks:
                if not disk.passthrough:
                    self._tools.book.log_file(disk).remove()

    def drop_logs_later(self, vm: Vm) -> None:
        """Do `drop_logs` for a caller that holds the registry's lock."""
        self._tools.crews.scheduler.after(0, lambda: self.drop_logs(vm))

    def is_changed(self, target: Vm) -> bool:
        """Tell whether somebody else wrote to a replica's disks."""
        with self._guests.of(target).lock:
            return any(self._storage.is_replaced(target, disk) for disk in target.disks)

    def disturb(self, vm: Vm) -> None:
        """Overwrite the last sector of a disk behind the back of guest and ground truth."""
        with self._guests.of(vm).lock:
            self._guests.of(vm).park()
            disk = vm.disks[0]
            file = open_disk(self._storage.chain(disk))
            try:
                file.write_at(file.size_bytes - len(_SCRIBBLE), _SCRIBBLE)
            finally:
                file.close()

    @contextmanager
    def _open(self, vm: Vm) -> Iterator[dict[str, GuestDisk]]:
        """Hold a VM's disks; those of a VM that is off are closed and sealed afterwards."""
        machine = self._guests.of(vm)
        with machine.lock:
            machine.close()
            try:
                yield {d.slot: o for d, o in zip(vm.disks, machine.disks(), strict=True)}
            finally:
                if not machine.on:
                    machine.park()
                    self._storage.seal(vm)

    def _empty_disk(self, disk: Disk, root: str) -> Disk:
        base = next(image.path for image in disk.images.values() if image.parent is None)
        path = ntpath.join(root, ntpath.basename(base))
        host = self._storage.host_path(path)
        host.parent.mkdir(parents=True, exist_ok=True)
        make_empty(host, disk.size_bytes)
        images = {path: DiskImage(path, None, ImageKind.DYNAMIC)}
        return replace(disk, path=path, images=images)

    def _free_folder(self, wanted: str) -> str:
        """Return a folder that is not there yet: left-overs of earlier replicas stay."""
        number, folder = 1, wanted
        while self._storage.host_path(folder).exists():
            number += 1
            folder = f"{wanted}_{number}"
        return folder

    def _exported(self, folder: str, slot: str) -> Path:
        path = self._storage.host_path(ntpath.join(folder, f"{slot}.vhdx"))
        if not path.exists():
            why = f"the file was not found: {slot}.vhdx in {folder}"
            raise failed(HResult.FILE_NOT_FOUND, why)
        return path


def _copy_cells(source: GuestDisk, target: GuestDisk) -> int:
    sent = 0
    pairs = zip(source.shadow.cells(), target.shadow.cells(), strict=True)
    ranges = cell_ranges(source.size_bytes)
    for (offset, length), (ours, theirs) in zip(ranges, pairs, strict=True):
        if ours != theirs:
            target.write_at(offset, source.read_at(offset, length))
            sent += length
    return sent


def _write_if_new(disk: GuestDisk, offset: int, data: bytes) -> int:
    if disk.read_at(offset, len(data)) == data:
        return 0
    disk.write_at(offset, data)
    return len(data)


def _write_whole(path: Path, disk: GuestDisk) -> None:
    file = open_disk([path])
    try:
        for offset, length in cell_ranges(disk.size_bytes):
            data = disk.read_at(offset, length)
            if data.strip(b"\0"):
                file.write_at(offset, data)
    finally:
        file.close()
