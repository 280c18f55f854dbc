"""The bytes of the VMs: host files, shadows, and guest disks opened over both."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safepoint.errors import SafepointError
from safepoint_lab.world.cells import CELL_BYTES, cell_ranges
from safepoint_lab.world.content import Recipe, name_guest
from safepoint_lab.world.enums import ImageKind, ReturnValue
from safepoint_lab.world.guest.disk import GuestDisk
from safepoint_lab.world.guest.intent import IntentFile
from safepoint_lab.world.images import (
    KINDS,
    make_base,
    open_chain,
    open_disk,
    read_content_id,
)
from safepoint_lab.world.model import Disk, DiskImage, Refused, VirtualDiskFacts, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.changelog import ChangeLog
from safepoint_lab.world.shadow import Shadow
from safepoint_lab.world.shares import to_host
from safepoint_lab.world.template import TemplateShelf
from safepoint_native.vhdx import FileSource, VhdxImage

__all__ = ["DiskOrigin", "DiskSeal", "NewDiskFile", "Storage"]


@dataclass(frozen=True, slots=True)
class DiskOrigin:
    """Which recipe a disk was made by, so that its shadow can be made without reading it."""

    recipe: Recipe
    guest_name: str | None


@dataclass(frozen=True, slots=True)
class NewDiskFile:
    """A base file to create."""

    origin: DiskOrigin
    kind: ImageKind
    disk_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class DiskSeal:
    """The identity of a disk's content when its guest closed it; a change is somebody else's."""

    content_id: str


class Storage:
    """Knows where every byte is. Methods on one VM's disks need the guest's lock."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._shelf = TemplateShelf(folder / "templates")
        self._origins = registry.state.load(DiskOrigin)
        self._shadows: dict[tuple[str, str], Shadow] = {}
        self._intents: dict[str, IntentFile] = {}
        self.log_of: Callable[[Vm, Disk], ChangeLog | None] = _no_log
        self.on_replaced: Callable[[Vm], None] = _let_be

    def host_path(self, unc: str) -> Path:
        """Return the file behind a UNC path (Refused FILE_NOT_FOUND off the shares)."""
        shares = [share for item in self._registry.clusters.values() for share in item.shares]
        return to_host(unc, shares)

    def chain(self, disk: Disk, path: str | None = None) -> list[Path]:
        """Return the files of a disk from `path` (the active file) down to the base."""
        files = []
        at: str | None = path or disk.path
        while at is not None:
            files.append(self.host_path(at))
            at = disk.images[at].parent
        return files

    def make_disk(self, vm: Vm, disk: Disk, order: NewDiskFile) -> None:
        """Create the base file of a new disk and remember its recipe."""
        path = self.host_path(disk.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        template = self._shelf.get(order.origin.recipe)
        name = order.origin.guest_name
        make_base(path, template, kind=order.kind, disk_id=order.disk_id, guest_name=name)
        self._origins[_key(vm, disk)] = order.origin
        self._registry.state.put(_key(vm, disk), order.origin)

    def open_guest_disks(self, vm: Vm) -> list[GuestDisk]:
        """Open all disks of a VM for its guest; shadows are brought up to date first."""
        intent = self._intent(vm)
        disks: list[GuestDisk] = []
        try:
            for number, disk in enumerate(vm.disks):
                shadow = self.shadow(vm, disk)
                file = open_disk(self.chain(disk))
                log = self.log_of(vm, disk)
                disks.append(GuestDisk(number, file, shadow, intent, log))
            self._settle(intent, disks)
        except BaseException:
            for opened in disks:
                opened.close()
            raise
        for disk in vm.disks:
            self._registry.state.delete(DiskSeal, _key(vm, disk))
        return disks

    def seal(self, vm: Vm) -> None:
        """Note the identity of the content of a VM's disks; their guest has closed them."""
        for disk in vm.disks:
            seal = DiskSeal(read_content_id(self.host_path(disk.path)))
            self._registry.state.put(_key(vm, disk), seal)

    def reseal(self, vm: Vm) -> None:
        """Renew the seals after the lab itself changed files; running guests have none."""
        for disk in vm.disks:
            if self._registry.state.get(DiskSeal, _key(vm, disk)) is not None:
                seal = DiskSeal(read_content_id(self.host_path(disk.path)))
                self._registry.state.put(_key(vm, disk), seal)

    def settle_all(self) -> None:
        """After a kill: make shadows and disks agree where a write was cut off."""
        for vm in self._registry.sorted_vms():
            path = self._intent_path(vm)
            if path.exists() and self._intent(vm).pending() is not None:
                for disk in self.open_guest_disks(vm):
                    disk.close()
            self.park(vm)

    def shadow(self, vm: Vm, disk: Disk) -> Shadow:
        """Return the shadow of a disk; made anew when there is none or the file was replaced."""
        key = (vm.key, disk.slot)
        if self.is_replaced(vm, disk):
            self.forget_shadow(vm, disk)
            self.on_replaced(vm)
        if key not in self._shadows:
            folder = self._shadow_folder(vm, disk)
            exists = (folder / "whole").exists()
            self._shadows[key] = (
                Shadow(folder, disk.size_bytes) if exists else self._make_shadow(vm, disk, folder)
            )
        return self._shadows[key]

    def park(self, vm: Vm) -> None:
        """Close the files that belong to a VM besides the VHDX; its guest has closed those."""
        for disk in vm.disks:
            shadow = self._shadows.pop((vm.key, disk.slot), None)
            if shadow is not None:
                shadow.close()
        intent = self._intents.pop(vm.key, None)
        if intent is not None:
            intent.clear()
            intent.close()

    def forget_shadow(self, vm: Vm, disk: Disk) -> None:
        """Throw a shadow away (the content of the disk is somebody else's now)."""
        shadow = self._shadows.pop((vm.key, disk.slot), None)
        if shadow is not None:
            shadow.close()
        shutil.rmtree(self._shadow_folder(vm, disk), ignore_errors=True)
        self._origins.pop(_key(vm, disk), None)
        self._registry.state.delete(DiskOrigin, _key(vm, disk))
        self._registry.state.delete(DiskSeal, _key(vm, disk))

    def describe(self, path: str) -> tuple[list[DiskImage], int]:
        """Return the images of a file and the virtual size; parents are found beside it.

        Refused: FILE_NOT_FOUND when it or a parent is missing, FAILED when it is no VHDX.
        """
        facts = self.facts(path, in_use=False)
        images = [DiskImage(facts.path, facts.parent_path, facts.kind)]
        while images[-1].parent is not None:
            above = self.facts(images[-1].parent, in_use=False)
            images.append(DiskImage(above.path, above.parent_path, above.kind))
        return images, facts.size_bytes

    def facts(self, path: str, *, in_use: bool) -> VirtualDiskFacts:
        """Return facts of a VHDX file by UNC path (refusals as in `describe`)."""
        host = self.host_path(path)
        if not host.exists():
            raise Refused(ReturnValue.FILE_NOT_FOUND, f"{path} does not exist (0x80070002)")
        try:
            with VhdxImage.open(FileSource(host)) as image:
                parent = image.parent.absolute_path if image.parent else None
                return VirtualDiskFacts(
                    path=path,
                    kind=KINDS[image.kind],
                    parent_path=parent,
                    disk_id=str(image.disk_id).upper(),
                    size_bytes=image.size_bytes,
                    file_bytes=host.stat().st_size,
                    block_bytes=image.block_bytes,
                    logical_sector_bytes=image.logical_sector_bytes,
                    physical_sector_bytes=image.physical_sector_bytes,
                    in_use=in_use,
                )
        except SafepointError as error:
            raise Refused(ReturnValue.FAILED, f"{path}: {error}") from error

    def close(self) -> None:
        """Close everything."""
        for vm in list(self._registry.vms.values()):
            self.park(vm)
        self._shelf.close()

    def _settle(self, intent: IntentFile, disks: list[GuestDisk]) -> None:
        pending = intent.pending()
        if pending is not None and pending.disk < len(disks):
            disks[pending.disk].settle(pending)
        intent.clear()

    def _intent(self, vm: Vm) -> IntentFile:
        if vm.key not in self._intents:
            self._intents[vm.key] = IntentFile(self._intent_path(vm))
        return self._intents[vm.key]

    def _intent_path(self, vm: Vm) -> Path:
        return self._folder / "truth" / vm.key / "intent"

    def _shadow_folder(self, vm: Vm, disk: Disk) -> Path:
        return self._folder / "truth" / vm.key / disk.slot

    def is_replaced(self, vm: Vm, disk: Disk) -> bool:
        """Tell whether somebody else wrote to a disk since its guest closed it."""
        seal = self._registry.state.get(DiskSeal, _key(vm, disk))
        return seal is not None and seal.content_id != read_content_id(self.host_path(disk.path))

    def _make_shadow(self, vm: Vm, disk: Disk, folder: Path) -> Shadow:
        """Write a shadow from the recipe, or from the disk itself when it has none."""
        shutil.rmtree(folder, ignore_errors=True)
        origin = self._origins.get(_key(vm, disk))
        shadow = Shadow(folder, disk.size_bytes)
        if origin is not None:
            template = self._shelf.get(origin.recipe)
            for offset, data in template.pieces():
                shadow.write_at(offset, data)
            shadow.assume_cells(template.cells)
            if origin.guest_name is not None:
                name_guest(shadow, origin.guest_name)
        else:
            self._copy(disk, shadow)
        (folder / "whole").touch()
        return shadow

    def _copy(self, disk: Disk, shadow: Shadow) -> None:
        zeros = bytes(CELL_BYTES)
        with open_chain(self.chain(disk)) as chain:
            for offset, length in cell_ranges(disk.size_bytes):
                data = chain.read_at(offset, length)
                if data != zeros:
                    shadow.write_at(offset, data)


def _key(vm: Vm, disk: Disk) -> str:
    return f"{vm.key}/{disk.slot}"


def _no_log(vm: Vm, disk: Disk) -> ChangeLog | None:
    """Track no changes."""


def _let_be(vm: Vm) -> None:
    """Tell nobody."""
