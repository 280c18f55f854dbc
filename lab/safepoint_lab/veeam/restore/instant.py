"""Instant recovery: a VM runs from the backup at once, until it is migrated or dismounted.

The simulator writes the disks beforehand into a folder of its own on the share; migration then
makes the VM an ordinary one, dismounting removes it with its files [D].
"""

from __future__ import annotations

import ntpath
from dataclasses import replace
from functools import partial
from typing import Any

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.machines import Target, VmWriter
from safepoint_lab.veeam.backup.runner import Workshop
from safepoint_lab.veeam.problems import conflict
from safepoint_lab.veeam.records import Backup, Mount, RestorePoint, Session
from safepoint_lab.veeam.restore.entire import remove_vm
from safepoint_lab.veeam.restore.targets import Targets

__all__ = ["InstantRecovery"]

_START = 2


class InstantRecovery:
    """Starts, migrates and ends instant recoveries."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._targets = Targets(shop.shelf, shop.fabric)
        self._writer = VmWriter(shop.fabric, shop.cells)

    def start(self, spec: dict[str, Any], user: str) -> Session:
        """Start an instant recovery; errors as for an entire restore."""
        point = self._shop.shelf.get(RestorePoint, spec["restorePointId"])
        original = spec["type"] == "OriginalLocation"
        target = None if original else self._targets.customized(point, spec)
        session = self._shop.sessions.open("InstantRecovery", point.name, user, hyperv=True)
        backup = self._shop.shelf.find(Backup, point.backup_id)
        mount = Mount(
            id=session.id,
            session_id=session.id,
            state="Mounting",
            spec=spec,
            vm_name=target.name if target is not None else point.name,
            job_name=f"{backup.name if backup else ''} - {point.name}",
            point_date=point.created_at,
            host_name="",
            created_at=session.created_at,
            original=original,
        )
        self._shop.shelf.save(mount)
        self._shop.crew.begin(partial(self._mount, session, mount, point, target))
        return session

    def migrate(self, mount: Mount) -> None:
        """Turn the VM into an ordinary one; the mount disappears when that is done."""
        self._require(mount)
        session = self._shop.sessions.open("QuickMigration", mount.vm_name, "", hyperv=True)
        self._shop.crew.begin(partial(self._finish, session, mount, delete=False))

    def unmount(self, mount: Mount, user: str) -> Session:
        """End the recovery: the VM and its files go."""
        self._require(mount)
        mount.state = "Dismounting"
        self._shop.shelf.save(mount)
        session = self._shop.sessions.open("InstantRecovery", mount.vm_name, user, hyperv=True)
        self._shop.crew.begin(partial(self._finish, session, mount, delete=True))
        return session

    def _require(self, mount: Mount) -> None:
        if mount.state not in ("Mounted", "Failed"):
            raise conflict(message=f"The mount is {mount.state} (simulated text)")

    def _mount(
        self, session: Session, mount: Mount, point: RestorePoint, target: Target | None
    ) -> None:
        shop = self._shop
        shop.sessions.work(session, 0)
        try:
            place = target or self._replace_original(point)
            folder = ntpath.join(place.config_root, f"VeeamIR-{mount.id}")
            place = replace(place, folders={disk.slot: folder for disk in point.disks})
            mount.host_name = shop.fabric.world.node(place.node).hostname
            paths = self._writer.write(point, place, lambda *_: shop.crew.check())
            vm = self._writer.register(point, place, paths)
            mount.vm = vm.guid
            if mount.spec.get("powerUp"):
                shop.fabric.switch(vm, _START)
        except (FabricError, OSError) as error:
            mount.state, mount.error = "Failed", str(error)
            shop.shelf.save(mount)
            shop.sessions.close(session, "Failed", str(error))
            return
        mount.state = "Mounted"
        shop.shelf.save(mount)
        shop.sessions.log(session, f"VM {mount.vm_name} has been recovered")
        shop.sessions.close(session, "Success")

    def _replace_original(self, point: RestorePoint) -> Target:
        vm = self._shop.fabric.vm(point.vm)
        place = self._targets.original(point)
        if vm is not None:
            remove_vm(self._shop, vm)
        return place

    def _finish(self, session: Session, mount: Mount, *, delete: bool) -> None:
        shop = self._shop
        shop.sessions.work(session, 0)
        vm = shop.fabric.vm(mount.vm) if mount.vm else None
        try:
            if delete and vm is not None:
                remove_vm(shop, vm)
        except FabricError as error:
            mount.state, mount.error = "Failed", str(error)
            shop.shelf.save(mount)
            shop.sessions.close(session, "Failed", str(error))
            return
        shop.shelf.remove(mount)
        shop.sessions.close(session, "Success")
