"""An estate in memory: one hypervisor, one product beside it, a journal, and whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from safepoint.audit import (
    CheckpointAudit,
    Clean,
    CleanStep,
    CleanWish,
    ClusterSource,
    Gather,
    Patience,
    ProductSource,
    judge,
    plan_cleaning,
)
from safepoint.drivers import CanCheckpoint, Driver, DriverContext
from safepoint.drivers.wrap import AuditWrites, intercepted
from safepoint.errors import UnreachableError
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.runs import RunLevel
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint.runs.crew import Crew
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import Frozen, ReferenceDriver, ReferenceSettings, World
from safepoint_lab.reference.processes import Process, watch_journals

VEEAM = "Veeam Recovery Checkpoint (0a1b2c3d.20260105200000)"


class Office:
    """Everything a test needs to leave something behind and look at it."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.store = Store(folder, clock=self.world.clock.now)
        self.executor = self.store.executors.enter()
        self.patience = Patience()
        self.unreachable: set[str] = set()
        self.said: list[str] = []
        self.vms = {n: self.world.add_machine(n, disks=1) for n in ("sql01", "web01", "app01")}
        self._drivers = {name: self._driver(name) for name in ("reference", "vbr")}

    def _driver(self, name: str) -> Driver:
        context = DriverContext(connection=name, now=self.world.clock.now, data_dir=Path("unused"))
        return ReferenceDriver(self.world, ReferenceSettings(), context)

    def driver(self, name: str) -> Driver:
        if name in self.unreachable:
            raise UnreachableError(f"{name} does not answer")
        return intercepted(self._drivers[name], name, AuditWrites(self.store.audit))

    def crew(self, _cluster: str) -> Crew:
        clock = self.world.clock
        return Crew(
            store=self.store,
            executor=self.executor.id,
            connection="reference",
            hypervisor=cast("CanCheckpoint", self.driver("reference")),
            deadlines=Deadlines(merge_seconds=60, delete_seconds=60),
            waiter=Waiter(sleep=clock.sleep, monotonic=clock.monotonic),
        )

    # -- leaving things behind --------------------------------------------------------------------

    def plant(self, vm: str, name: str | None, **age: float) -> Frozen:
        """Let somebody have made a backup checkpoint that long ago."""
        return self.freeze(vm, name, CheckpointKind.BACKUP, **age)

    def freeze(self, vm: str, name: str | None, kind: CheckpointKind, **age: float) -> Frozen:
        made = self.world.add_foreign_checkpoint(self.vms[vm].id, name=name, kind=kind)
        made.created_at -= timedelta(**age)
        return made

    def run_product(self, *vms: str, to_end: bool = True) -> None:
        """Let the product run a job; its own checkpoints come and go."""
        machines = [self.vms[vm].id for vm in vms]
        self.world.backups.start(self.world, "gold", machines, RunLevel.AUTO)
        self.world.clock.sleep(1.5)
        self.world.settle()
        if to_end:
            self.world.drain()

    def leave_ours(self, vm: str) -> Process:
        """Let a process of ours die while it holds a checkpoint."""
        with watch_journals():
            process = Process(self.world, self.store, name="dead")
            with process.running():
                held = AdHoc(process.crew).create(process.workload(self.vms[vm].id), AdHocWish())
                self.store.checkpoints.get(held.row.tag)
        process.lose_liveness()
        return process

    # -- looking and cleaning ---------------------------------------------------------------------

    def gather(self) -> Gather:
        return Gather(self.store, self.driver, self.world.clock.now)

    @property
    def products(self) -> list[ProductSource]:
        return [ProductSource("vbr", "veeam", "Veeam Backup & Replication")]

    def audit(self) -> CheckpointAudit:
        clusters = [ClusterSource(self.world.cluster, "reference")]
        picture = self.gather().picture(clusters, self.products)
        return judge(picture, self.patience, self.world.clock.now())

    def rules(self) -> dict[str, str]:
        """Return the rule that decided, by VM and name."""
        return {f"{one.vm}: {one.name}": one.rule for one in self.audit().findings}

    def clean(self, **wish: Any) -> list[CleanStep]:
        steps = plan_cleaning(self.audit(), CleanWish(**wish))
        work = Clean(
            self.crew,
            self.gather(),
            self.products,
            patience=self.patience,
            say=self.said.append,
        )
        return list(work.run(steps))

    def left(self) -> frozenset[str]:
        return self.world.checkpoint_ids()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.executors.leave(made.executor)
    made.store.close()
