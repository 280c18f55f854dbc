"""A replicated VM in a world in memory, and processes that work on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import pytest

from safepoint.drivers import CanReplicate
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaState
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.deeds import DEEDS, Deed, Option
from safepoint.replicas.orders import DeedOrder, DeedReport, Quiet, ReplicaCrew
from safepoint.replicas.pictures import FACTS, Fact, Picture
from safepoint.replicas.stepping import Stepper
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import FakeClock, World
from safepoint_lab.reference.processes import Process
from safepoint_lab.reference.replication import Relation
from safepoint_lab.reference.tripwire import Tripwire

_KEYS = itertools.count(1)

#: What is on unless switched off.
USUAL = frozenset({Option.REVERSE, Option.START, Option.SHUT_DOWN})


@dataclass
class Site:
    """One VM, its replica, and a journal."""

    store: Store
    connection: str = "reference"
    state: ReplicaState = ReplicaState.REPLICATING
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.machine = self.world.add_machine("sql01", disks=1)
        self.relation: Relation = self.world.replication.relate(
            self.machine.id, "dr1", state=self.state
        )

    @property
    def source(self) -> Ref:
        return Ref(kind="workload", system=self.world.cluster, id=self.machine.id)

    @property
    def target(self) -> Ref:
        return Ref(kind="workload", system="dr1", id=self.machine.id)

    def order(self, deed: Deed, *options: Option, **more: object) -> DeedOrder:
        return DeedOrder(
            deed=deed,
            connection=self.connection,
            pair=self.relation.pair,
            family=self.machine.id,
            vm="sql01",
            source=self.source,
            target=self.target,
            clusters=(self.world.cluster, "dr1"),
            options=frozenset(options) or USUAL,
            **more,
        )

    def process(self, tripwire: Tripwire | None = None, *, name: str = "first") -> Process:
        return Process(self.world, self.store, tripwire, name=name)

    def crew(self, process: Process) -> ReplicaCrew:
        clock = self.world.clock
        return ReplicaCrew(
            store=self.store,
            executor=process.executor.id,
            connection=self.connection,
            driver=cast("CanReplicate", process.hypervisor),
            waiter=Waiter(sleep=clock.sleep, monotonic=clock.monotonic),
            new_id=lambda: f"key-{next(_KEYS):06d}",
        )

    def conduct(self, process: Process) -> Conduct:
        return Conduct(self.crew(process))

    def do(
        self, deed: Deed, *options: Option, process: Process | None = None, **more: object
    ) -> DeedReport:
        working = process or self.process()
        with working.running():
            return self.conduct(working).do(self.order(deed, *options, **more))

    def picture(self) -> Picture:
        process = self.process(name="onlooker")
        return Stepper(self.crew(process), Quiet()).look(self.order(Deed.TEST), Fact)

    def holds(self, deed: Deed) -> bool:
        """Tell whether what a deed claims is so."""
        picture = self.picture()
        return all(FACTS[fact](picture) for fact in DEEDS[deed].claims)


class Clocks:
    """The time of whichever world is at work."""

    def __init__(self) -> None:
        self.clock = FakeClock()

    def __call__(self) -> datetime:
        return self.clock.now()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Clocks]]:
    """One journal for many sites, each under a connection of its own."""
    clocks = Clocks()
    store = Store(tmp_path_factory.mktemp("journal"), clock=clocks)
    yield store, clocks
    store.close()


@pytest.fixture
def make_site(shared: tuple[Store, Clocks]) -> Callable[..., Site]:
    store, clocks = shared
    label = next(_KEYS)
    numbers = itertools.count(1)

    def make(**more: Any) -> Site:
        world = World()
        clocks.clock = world.clock
        return Site(store, connection=f"site{label}-{next(numbers)}", world=world, **more)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
