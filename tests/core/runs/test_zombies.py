"""A process that was believed dead wakes up while its successor works on the same VM."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from safepoint.errors import FencedError
from safepoint.models.runs import Run, RunState
from safepoint.store import Store
from safepoint_lab.reference import FakeClock, World, Write
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.processes import Process, watch_journals
from safepoint_lab.reference.tripwire import Tripwire

_PATIENCE_SECONDS = 60.0
#: What touches the hypervisor or makes something restorable.
_DEEDS = {"create_checkpoint", "delete_checkpoint", "rename_checkpoint", "seal"}


class Encounter:
    """The first process stops at a point, the second takes over and is in mid-copy when the
    first goes on to its end; then the second ends.
    """

    def __init__(self, clock: FakeClock, first: Store, second: Store, at: int) -> None:
        self.world = World(clock)
        self.vm = self.world.add_machine("sql01", disks=1).id
        self._stopped = threading.Event()
        self._go_on = threading.Event()
        self.sleeper = Process(self.world, first, Tripwire(at, self._sleep))
        self.owner = Process(self.world, second, name="second")
        self.problem: BaseException | None = None
        self.run: Run | None = None
        self.late_deeds: list[Write] = []

    def play(self) -> None:
        """Let it all happen."""
        thread = threading.Thread(target=self._be_sleeper, name="sleeper")
        thread.start()
        assert self._stopped.wait(_PATIENCE_SECONDS)
        self.sleeper.lose_liveness()
        self.owner.recover()
        self.owner.cancel_at = lambda progress: self._wake(thread)
        self.run = self.owner.protect(self.vm)
        self.owner.recover()
        self.owner.lose_liveness()

    def _sleep(self) -> None:
        self._stopped.set()
        assert self._go_on.wait(_PATIENCE_SECONDS)

    def _be_sleeper(self) -> None:
        try:
            self.sleeper.protect(self.vm)
        except BaseException as error:
            self.problem = error
        finally:
            self._stopped.set()

    def _wake(self, thread: threading.Thread) -> bool:
        if not self._go_on.is_set():
            before = len(self.world.writes)
            self._go_on.set()
            thread.join(_PATIENCE_SECONDS)
            assert not thread.is_alive()
            late = self.world.writes[before:]
            self.late_deeds = [w for w in late if w.session == "first" and w.call in _DEEDS]
        return False


def _can_be_overtaken(name: str) -> bool:
    """Tell whether a pause here lets others write: inside a transaction it would hold them up."""
    inside = ("before insert", "before update", "before delete ", "before commit")
    return not name.startswith((*inside, "in flight"))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[FakeClock, Store, Store]]:
    clock = FakeClock()
    with (
        watch_journals(),
        Store(tmp_path, clock=clock.now) as first,
        Store(tmp_path, clock=clock.now) as second,
    ):
        yield clock, first, second


def _points(clock: FakeClock, store: Store) -> list[str]:
    world = World(clock)
    process = Process(world, store)
    process.protect(world.add_machine("sql01", disks=1).id)
    process.lose_liveness()
    return process.tripwire.names


def test_zombie_touches_nothing_wherever_it_wakes_up(
    stores: tuple[FakeClock, Store, Store],
) -> None:
    """It is fenced at its next step; the successor's checkpoint and point are not its to touch.

    One window cannot be closed from our side: a process that stopped between its last look at
    the lease and the very request. Its deletion finds nothing; its creation comes true, which
    the test after this one is about.
    """
    clock, first, second = stores
    walked = 0
    findings: list[str] = []
    for at, name in enumerate(_points(clock, first)):
        if not _can_be_overtaken(name) or name == "before create_checkpoint":
            continue
        meeting = Encounter(clock, first, second, at)
        meeting.play()
        walked += 1
        if not isinstance(meeting.problem, FencedError) and name != "after commit of run":
            findings.append(f"{at} {name}: the zombie ended with {meeting.problem!r}")
        findings += [f"{at} {name}: late {deed}" for deed in meeting.late_deeds]
        findings += [f"{at} {name}: {line}" for line in leftovers(meeting.world, second)]
        assert meeting.run is not None
        if meeting.run.state is not RunState.SUCCEEDED:
            findings.append(f"{at} {name}: successor {meeting.run.tasks[0].error}")

    assert not findings, "\n".join(findings)
    assert walked >= 40


def test_creation_that_overtook_its_own_fence_is_reported_not_deleted(
    stores: tuple[FakeClock, Store, Store],
) -> None:
    """The zombie's late checkpoint bears no name of ours: the next run names it and refuses."""
    clock, first, second = stores
    at = _points(clock, first).index("before create_checkpoint")
    meeting = Encounter(clock, first, second, at)
    meeting.play()

    assert isinstance(meeting.problem, FencedError)
    assert meeting.run is not None
    assert meeting.run.state is RunState.SUCCEEDED
    assert len(meeting.world.checkpoint_ids()) == 1
    third = Process(meeting.world, first, name="third")
    run = third.protect(meeting.vm)
    error = run.tasks[0].error
    assert error is not None
    assert error["code"] == "conflict"
    assert "backup checkpoint that is not ours" in error["message"]
    assert len(meeting.world.checkpoint_ids()) == 1
