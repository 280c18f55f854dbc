"""The harness of the reference driver: an example of what a plugin author writes."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers import CanCheckpoint, Driver, DriverContext, SupportLevel
from safepoint.models.refs import Ref
from safepoint.testing import CheckpointHarness
from safepoint_lab.reference.driver import ReferenceDriver
from safepoint_lab.reference.session import ReferenceSettings
from safepoint_lab.reference.world import World

__all__ = ["ReferenceHarness"]


class ReferenceHarness(CheckpointHarness):
    """A world in memory with three machines; its clock moves when somebody looks again."""

    cluster = World.cluster
    driver_class: type[ReferenceDriver] = ReferenceDriver

    def __init__(self) -> None:
        self.world = World()
        for name in ("alpha", "beta", "gamma"):
            self.world.add_machine(name)
        self.secrets = (World.password,)
        probe = self.open().support()
        # The reference has what it has; which gaps those are is not the point of its tests.
        self.unsupported = {
            ability: answer.reason
            for ability, answer in probe.items()
            if answer.level is not SupportLevel.SUPPORTED
        }

    @override
    def open(self) -> Driver:
        return self._open(ReferenceSettings())

    @override
    def open_checkpointing(self) -> CanCheckpoint:
        return self._open(ReferenceSettings())

    @override
    def open_with_wrong_password(self) -> Driver:
        return self._open(ReferenceSettings(password=SecretStr("wrong horse")))

    def _open(self, settings: ReferenceSettings) -> ReferenceDriver:
        context = DriverContext("reference", self.world.clock.now, Path("unused"))
        return self.driver_class(self.world, settings, context)

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(self.world.machines)

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.world.faults.break_listing(listing, after=after)

    @override
    def pause(self) -> None:
        self.world.clock.sleep(0.5)

    @override
    def true_checkpoints(self, workload: Ref) -> frozenset[str]:
        with self.world.lock:
            self.world.settle()
            return frozenset(frozen.id for frozen in self.world.machines[workload.id].frozen)

    @override
    def is_truly_merged(self, workload: Ref) -> bool:
        return self.world.is_merged(workload.id) and not self.true_checkpoints(workload)

    @override
    def add_foreign_checkpoint(self, workload: Ref) -> None:
        self.world.add_foreign_checkpoint(workload.id, name="Backup of another product")

    @override
    def lose_answer(self, method: str) -> None:
        self.world.faults.lose_answer(method)

    @override
    def forget_operation(self, method: str) -> None:
        self.world.faults.forget(method)
