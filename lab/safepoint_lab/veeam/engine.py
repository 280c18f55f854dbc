"""Everything behind the API of one simulated server, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from safepoint_lab.products.cells import CellStore
from safepoint_lab.products.engine import ProductEngine
from safepoint_lab.veeam.backup import Retention, Runner
from safepoint_lab.veeam.backup.runner import Workshop
from safepoint_lab.veeam.calls import Call, Handler
from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.infrastructure import Inventory, Registration
from safepoint_lab.veeam.infrastructure.deployment import Deployment
from safepoint_lab.veeam.jobs import JobDesk
from safepoint_lab.veeam.problems import access_denied
from safepoint_lab.veeam.profiles import Profile
from safepoint_lab.veeam.records import PendingDeletion, Repository, new_id
from safepoint_lab.veeam.restore import EntireRestore, InstantRecovery
from safepoint_lab.veeam.sessions import SessionDesk
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.veeam.tokens import TokenDesk
from safepoint_lab.world.port import WorldPort

__all__ = ["Engine"]

_CAPACITY_BYTES = 2 << 40


class Engine(ProductEngine[Shelf]):
    """The simulated product. `start` it, and `halt` then `close` it."""

    def __init__(
        self,
        world: WorldPort,
        folder: Path,
        profile: Profile,
        settings: VeeamSettings,
        certificate: Path,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("veeam", world, VEEAM_FAULTS, Shelf(folder / "veeam.db"))
        self.profile = profile
        self.settings = settings
        self.certificate = certificate
        self.deleters: Mapping[str, Handler] = {}
        self.sessions = SessionDesk(self.shelf, self.crew, self.faults, self.now)
        self.tokens = TokenDesk(settings, self.faults, self.now)
        self.fabric = VeeamFabric(world, settings, self.crew)
        self.inventory = Inventory(self.shelf, self.fabric)
        deployment = Deployment(self.fabric, self.sessions, self.faults, settings, self.crew)
        self.registration = Registration(
            self.shelf, self.sessions, self.fabric, deployment, self.inventory, self.crew
        )
        self.jobs = JobDesk(self.shelf, self.inventory, self.now)
        self.cells = CellStore(folder / "cells")
        self.retention = Retention(self.shelf, self.cells)
        shop = Workshop(
            self.shelf,
            self.sessions,
            self.fabric,
            self.cells,
            self.retention,
            self.faults,
            settings,
            self.crew,
            self.now,
        )
        self.runner = Runner(shop)
        self.restores = EntireRestore(shop)
        self.instant = InstantRecovery(shop)
        if not self.shelf.all(Repository):
            self.shelf.save(*_repositories())

    @override
    def start(self) -> None:
        self.sessions.end_interrupted()

    @property
    def pending_deletions(self) -> Sequence[PendingDeletion]:
        """Deletions that wait for a second person."""
        return self.shelf.all(PendingDeletion)

    def require_second_person(self, call: Call) -> None:
        """In four-eyes mode, remember the deletion and refuse it with 403 [D for refused]."""
        if not self.settings.four_eyes and self.faults.take("veeam-four-eyes") is None:
            return
        with self.shelf.lock:
            if not any(item.path == call.url_path for item in self.pending_deletions):
                query = {name: list(values) for name, values in call.query.items()}
                pending = PendingDeletion(
                    id=new_id(),
                    operation=call.operation,
                    path=call.url_path,
                    user=call.user,
                    created_at=self.now(),
                    revision=call.revision,
                    parameters=dict(call.path),
                    query=query,
                )
                self.shelf.save(pending)
        message = "Four-eyes authorization is on: another administrator must approve (simulated)"
        raise access_denied(message)

    def approve(self, ident: str) -> None:
        """Let a pending deletion happen, as the second person would."""
        pending = self.shelf.get(PendingDeletion, ident)
        self.shelf.remove(pending)
        call = Call(
            revision=pending.revision,
            user=pending.user,
            path=pending.parameters,
            query=pending.query,
            operation=pending.operation,
            url_path=pending.path,
        )
        self.deleters[pending.operation](call)


def _repositories() -> list[Repository]:
    host = new_id()
    names = (("Default Backup Repository", "C:\\Backup"), ("Repo A", "D:\\Backups"))
    return [
        Repository(
            id=new_id(),
            name=name,
            description="Created by the lab",
            path=path,
            unique_id=new_id(),
            host_id=host,
            capacity_bytes=_CAPACITY_BYTES,
        )
        for name, path in names
    ]
