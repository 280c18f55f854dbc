"""The harness of the reference driver that can also bring trouble about."""

from __future__ import annotations

from typing_extensions import override

from safepoint.models.refs import Ref
from safepoint.models.workloads import Activity, GuestState
from safepoint.testing.rules_trouble import TroubleHarness
from safepoint_lab.reference.harness import ReferenceHarness

__all__ = ["ReferenceTroubleHarness"]


class ReferenceTroubleHarness(ReferenceHarness, TroubleHarness):
    """Every trouble is a fault of the world in memory."""

    @override
    def stall(self, what: str) -> None:
        self.world.faults.slow(what)

    @override
    def make_busy(self, workload: Ref) -> None:
        self.world.machines[workload.id].activity = Activity.MIGRATING

    @override
    def break_guest(self, workload: Ref) -> None:
        self.world.machines[workload.id].guest = GuestState.ABSENT

    @override
    def lose_request(self, method: str) -> None:
        self.world.faults.lose_answer(method, after_effect=False)

    @override
    def write_in_guest(self, workload: Ref, text: str) -> None:
        self.world.write(workload.id, text.encode())

    @override
    def read_in_guest(self, workload: Ref, size: int) -> str:
        contents = self.world.machines[workload.id].contents
        return next(iter(contents.values()))[:size].decode()
