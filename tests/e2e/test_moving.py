"""A VM moves, or its node dies, at every step of its protection: no checkpoint is left anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from safepoint.drivers import CanCheckpoint, CanCopy, DriverContext
from safepoint.drivers.wrap import Call, RetryReads, check_contract, intercepted
from safepoint.lifecycle.table import OPEN_STATES
from safepoint.models.checkpoints import CheckpointQuery, Consistency
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.coordinate import Coordinate, new_run_id
from safepoint.runs.crew import Crew
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.progress import Silent
from safepoint.runs.protect import Order
from safepoint.runs.recover import discard_of, settle_runs, sweep
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.daemon import Lab
from safepoint_lab.reference.processes import InlineEngine
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings

pytestmark = pytest.mark.slow

SHARE = r"\\fs01\vmstore1"
#: Every call of a run, in the order in which they come for the first time, and whether a test of
#: it is among the short ones.
STEPS = {
    "checkpoints before": False,
    "checkpoints after": False,
    "create_checkpoint before": False,
    "create_checkpoint after": True,
    "operation before": False,
    "operation after": True,
    "rename_checkpoint before": True,
    "rename_checkpoint after": False,
    "copy before": True,
    "copy after": False,
    "verify_copy before": False,
    "verify_copy after": False,
    "seal before": False,
    "seal after": False,
    "delete_checkpoint before": False,
    "delete_checkpoint after": True,
    "merge_status before": True,
    "merge_status after": False,
}
#: What a node's death may interrupt; each costs a restart of the VM.
WRITES = {
    "create_checkpoint": True,
    "rename_checkpoint": False,
    "copy": True,
    "delete_checkpoint": True,
    "merge_status": False,
}


def chosen(steps: dict[str, bool]) -> list[Any]:
    """Return the steps as parameters; those that are not short run with `--long` only."""
    return [pytest.param(s, marks=() if short else pytest.mark.long) for s, short in steps.items()]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two nodes, one VM."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=1, disk_bytes=8 << 20, smb="path", speed=16.0) as started:
        yield started


class Moves:
    """Acts once, before or after the first call of a method."""

    def __init__(self, method: str, moment: str, act: Callable[[], object]) -> None:
        self._method, self._moment, self._act = method, moment, act
        self.happened = False
        self.seen: list[str] = []

    def __call__(self, call: Call, proceed: Callable[[], Any], /) -> Any:
        self.seen.append(call.method)
        is_it = call.method == self._method and not self.happened
        if is_it:
            self.happened = True
        if is_it and self._moment == "before":
            self._act()
        result = proceed()
        if is_it and self._moment == "after":
            self._act()
        return result


class Runner:
    """One safepoint on the lab."""

    def __init__(self, lab: Lab, folder: Path, moves: Moves) -> None:
        mount = Path(lab.operations.vms()[0].disks[0].file).parents[1]
        nodes = tuple(NodeAddress(name=n.name, address=n.url) for n in lab.status().nodes)
        shares = (ShareInfo(path=SHARE, mount=str(mount)),)
        info = ClusterInfo(name="clu1", nodes=nodes, shares=shares)
        settings = NativeSettings(
            username=lab.username,
            password=SecretStr(lab.password),
            ca=next(lab.folder.tls.glob("ca*.pem")),
            repository=folder / "repository",
        )
        context = DriverContext("hv", lambda: datetime.now(UTC), folder, (info,))
        inside = NativeDriver(settings, context)
        reads = RetryReads(lambda _seconds: None)
        self.driver = intercepted(inside, "hv", moves, reads, check_contract)
        self.store = Store(folder / "home")
        self.executor = self.store.executors.enter()
        self.crew = Crew(
            store=self.store,
            executor=self.executor.id,
            connection="hv",
            hypervisor=cast("CanCheckpoint", self.driver),
            deadlines=Deadlines(settle_seconds=0.5, create_seconds=20, delete_seconds=20),
            waiter=Waiter(longest_pause_seconds=0.1),
        )

    def protect(self) -> None:
        """Run a job over the one VM."""
        order = Order(
            job="gold",
            run=new_run_id(datetime.now(UTC)),
            connection="hv",
            consistency=Consistency.APPLICATION,
            may_fall_back=False,
        )
        copier = cast("CanCopy", self.driver)
        vms = list(self.driver.workloads(WorkloadQuery(cluster="clu1")))
        Coordinate(self.crew, copier, InlineEngine(), Silent()).run(order, vms, threading.Event())

    def recover(self) -> None:
        """Settle what is left, as the next run or `doctor --fix` does."""
        settle_runs(self.store)
        for settled in sweep(self.crew, discard=discard_of(self.driver)):
            assert settled.is_settled, settled.problem

    def close(self) -> None:
        self.store.executors.leave(self.executor)
        self.store.close()
        self.driver.close()


def assert_nothing_left(lab: Lab, runner: Runner) -> None:
    assert lab.operations.wait_merged(timeout_seconds=20)
    assert lab.operations.checkpoints() == []
    listed = runner.crew.hypervisor.checkpoints(CheckpointQuery(cluster="clu1"))
    assert list(listed) == [], "a node still lists one"
    (vm,) = lab.operations.vms()
    assert all(disk.file.endswith(".vhdx") for disk in vm.disks)
    assert not list(Path(vm.disks[0].file).parent.glob("*.avhdx"))
    assert [r for r in runner.store.checkpoints.open() if r.state in OPEN_STATES] == []
    assert runner.store.leases.held() == {}


@pytest.mark.parametrize("step", chosen(STEPS))
def test_live_migration_at_every_step_leaves_nothing_on_either_node(
    lab: Lab, tmp_path: Path, step: str
) -> None:
    method, moment = step.split()
    moves = Moves(method, moment, lambda: lab.operations.migrate(lab.operations.vms()[0].name))
    runner = Runner(lab, tmp_path, moves)
    try:
        before = lab.operations.vms()[0].node
        runner.protect()
        assert moves.happened, moves.seen
        assert lab.operations.vms()[0].node != before
        runner.recover()
        assert_nothing_left(lab, runner)
    finally:
        runner.close()


def test_a_vm_that_never_rests_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    """It moves before every single write and look at an operation."""

    class Restless(Moves):
        def __call__(self, call: Call, proceed: Callable[[], Any], /) -> Any:
            if not call.is_read or call.method in {"operation", "merge_status"}:
                self.happened = True
                self._act()
            return proceed()

    moves = Restless("", "", lambda: lab.operations.migrate(lab.operations.vms()[0].name))
    runner = Runner(lab, tmp_path, moves)
    try:
        runner.protect()
        assert moves.happened
        runner.recover()
        assert_nothing_left(lab, runner)
    finally:
        runner.close()


@pytest.mark.parametrize("step", chosen(WRITES))
def test_failover_at_every_write_leaves_nothing_on_either_node(
    lab: Lab, tmp_path: Path, step: str
) -> None:
    dead: list[str] = []

    def fail() -> None:
        dead.append(lab.operations.vms()[0].node)
        lab.operations.fail_node(dead[0])

    runner = Runner(lab, tmp_path, Moves(step, "after", fail))
    try:
        runner.protect()
        runner.recover()
        lab.operations.restore_node(dead[0])
        assert lab.operations.vms()[0].node != dead[0]
        assert_nothing_left(lab, runner)
    finally:
        for node in dead:
            lab.operations.restore_node(node)
        runner.close()
