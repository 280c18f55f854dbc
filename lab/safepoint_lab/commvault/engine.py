"""Everything behind the API of one simulated CommServe, put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from typing_extensions import override

from safepoint_lab.commvault.activity import ActivityDesk
from safepoint_lab.commvault.backup import Aging, BackupRunner, Points, Workshop
from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.groups import GroupDesk, Resolver
from safepoint_lab.commvault.infrastructure import ClientDesk, HypervisorDesk, Installer
from safepoint_lab.commvault.jobs import JobDesk
from safepoint_lab.commvault.plans import PlanDesk
from safepoint_lab.commvault.records import Job, ReferencePoint
from safepoint_lab.commvault.restore import RestoreRunner
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.tokens import TokenDesk
from safepoint_lab.commvault.vocabulary import Status
from safepoint_lab.products.cells import CellStore
from safepoint_lab.products.engine import ProductEngine
from safepoint_lab.world.port import WorldPort

__all__ = ["Engine"]

_AGING_INTERVAL = timedelta(days=1)


class Engine(ProductEngine[Shelf]):
    """The simulated product. `start` it, and `halt` then `close` it."""

    def __init__(self, world: WorldPort, folder: Path, settings: CommvaultSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("commvault", world, COMMVAULT_FAULTS, Shelf(folder / "commvault.db"))
        self.settings = settings
        self.tokens = TokenDesk(settings, self.faults, self.now)
        self.jobs = JobDesk(self.shelf, self.crew, self.faults, self.now)
        self.fabric = CommvaultFabric(world, settings, self.crew)
        self.clients = ClientDesk(self.shelf, self.fabric, settings, self.now)
        self.hypervisors = HypervisorDesk(
            self.shelf, self.fabric, self.clients, self.faults, self.now
        )
        self.installer = Installer(
            self.clients, self.fabric, self.jobs, self.faults, settings, self.crew
        )
        self.plans = PlanDesk(self.shelf, self.now)
        self.groups = GroupDesk(self.shelf, self.clients, self.now)
        self.resolver = Resolver(self.shelf, self.fabric)
        self.activities = ActivityDesk(self.shelf, self.now)
        self.points = Points(self.shelf)
        self.cells = CellStore(folder / "cells")
        self.aging = Aging(self.shelf, self.points, self.cells, self.activities, self.now)
        shop = Workshop(
            self.shelf,
            self.jobs,
            self.fabric,
            self.clients,
            self.hypervisors,
            self.resolver,
            self.points,
            self.activities,
            self.cells,
            self.faults,
            settings,
            self.crew,
            self.now,
        )
        self._aged_at = self.now()
        self.backups = BackupRunner(shop, self.aging)
        self.restores = RestoreRunner(shop)

    @override
    def start(self) -> None:
        self.jobs.end_interrupted()

    def keep_house(self) -> None:
        """Do what is due by the lab's clock: switch on again, age data once a day [D]."""
        self.activities.keep_time()
        with self.shelf.lock:
            now = self.now()
            if now - self._aged_at < _AGING_INTERVAL:
                return
            self._aged_at = now
        self.aging.run()

    def age(self, user: str) -> Job:
        """Run the data aging job at once."""
        job = self.jobs.open("Data Aging", user, {}, client_name=self.settings.name)
        self.aging.run()
        self.jobs.close(job, Status.COMPLETED)
        return job

    def points_on_hosts(self) -> Sequence[ReferencePoint]:
        """Return the reference points that jobs have left on the hosts, one a VM."""
        return self.shelf.all(ReferencePoint)
