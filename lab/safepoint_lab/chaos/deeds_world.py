"""What happens to machines while commands run: faults, moves, deaths, clocks, full disks."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from safepoint.errors import SafepointError
from safepoint_lab.chaos.estates import PRODUCTS
from safepoint_lab.chaos.faults import Dealer
from safepoint_lab.chaos.ground import Ground, Work
from safepoint_lab.daemon.process import is_running, start_lab

__all__ = ["Begin", "World"]

#: Begins some command that suits a fault's name; an empty name asks for any.
Begin = Callable[[str], Work]

_LOOK_SECONDS: Final = 0.05
_START_SECONDS: Final = 120.0
_JUMPS: Final = (-7200.0, -90.0, 90.0, 7200.0)
_FILE_BYTES: Final = (200_000, 600_000, 1_500_000)
"""How large files may grow while the disk is full: less than the journal has, or a copy needs."""


class World:
    """Faults, moves, deaths and clocks; each with some command under way.

    Args:
        ground: Where it happens.
        dealer: Arms faults.
        begin: Begins the command.
    """

    def __init__(self, ground: Ground, dealer: Dealer, begin: Begin) -> None:
        self._ground = ground
        self._dealer = dealer
        self._begin = begin
        self._is_one_gone = False

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen, faults more often."""
        faults = [self.through_faults] * 4
        deaths = [self.a_node_dies, self.the_lab_is_killed, self.a_move_under_way]
        deaths += [] if self._is_one_gone else [self.a_vm_is_removed]
        clocks = [self.a_wrong_clock, self.a_clock_that_jumps]
        stores = [self.the_repository_is_away, self.the_disk_is_full]
        return [*faults, *deaths, *clocks, *stores, self.two_at_once]

    def through_faults(self) -> None:
        """Let a command meet one to three faults, of which the first suits it."""
        ground = self._ground
        first = self._dealer.peek().name
        for _ in range(ground.random.randint(1, 3)):
            self._dealer.arm()
        work = self._begin(first)
        work.what = f"{work.what} through faults"
        ground.linger(work, 1.0, 5.0)
        self._dealer.count_hits()
        ground.clear()
        if ground.chance(0.3):
            ground.kill(work)
        else:
            ground.finish(work)

    def a_wrong_clock(self) -> None:
        """The clock of the machine has jumped between two commands, back or forth."""
        seconds = self._ground.choice(_JUMPS)
        self._ground.story.did("clock jump", f"{seconds:+.0f} s before a command")
        work = self._begin("")
        work.process.clock.move(seconds)
        self._ground.finish(work)

    def a_clock_that_jumps(self) -> None:
        """The clock of the machine jumps while a command runs, twice perhaps."""
        work = self._begin("")
        for _ in range(self._ground.random.randint(1, 2)):
            self._ground.linger(work, 0.3, 2.0)
            if not work.process.is_alive:
                break
            seconds = self._ground.choice((*_JUMPS, 0.0))
            self._ground.story.did("clock jump", f"{seconds:+.0f} s under way")
            work.process.clock.move(seconds)
        self._ground.perhaps_kill(work)

    def a_move_under_way(self) -> None:
        """VMs move between nodes."""
        work = self._begin("")
        for _ in range(3):
            self._ground.linger(work, 0.05, 0.8)
            with contextlib.suppress(SafepointError):
                vm = self._ground.choice(self._ground.lab.vms())
                to = self._ground.lab.migrate(f"{vm.name}@{vm.cluster}")
                self._ground.story.did("move", f"{vm.name} to {to}")
        self._ground.finish(work)

    def a_node_dies(self) -> None:
        """A node is lost, and comes back."""
        work = self._begin("")
        self._ground.linger(work, 0.1, 2.0)
        node = self._ground.choice(self._ground.nodes())
        self._ground.story.did("death of a node", node)
        self._ground.lab.fail_node(node)
        self._ground.linger(work, 0.1, 1.0)
        self._ground.lab.restore_node(node)
        self._ground.finish(work)

    def a_vm_is_removed(self) -> None:
        """An administrator removes a VM for good, at the moment of its checkpoint."""
        self._is_one_gone = True
        before = {vm.name for vm in self._ground.lab.vms()}
        self._ground.lab.arm_fault("vm-removed", skip=self._ground.random.randint(0, 1))
        works = [self._begin(""), self._begin("")]
        self._ground.finish(*works)
        self._ground.clear()
        for name in sorted(before - {vm.name for vm in self._ground.lab.vms()}):
            self._ground.story.did("removal of a VM", name)

    def two_at_once(self) -> None:
        """Two commands meet, of whatever sort."""
        self._ground.finish(self._begin(""), self._begin(""))

    def the_lab_is_killed(self) -> None:
        """Every host and both products die at once, and come back."""
        ground = self._ground
        work = self._begin("")
        ground.linger(work, 0.1, 3.0)
        os.kill(ground.lab.status().pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        ground.story.did("kill", "the lab with all its hosts and products")
        while is_running(ground.folder):
            time.sleep(_LOOK_SECONDS)
        start_lab(ground.folder, {}, _START_SECONDS)
        ground.finish(work)

    def the_repository_is_away(self) -> None:
        """The folder of our own repository is not there for a while, as if its mount were lost."""
        work = self._begin("")
        self._ground.linger(work, 0.1, 2.0)
        with self._away():
            self._ground.linger(work, 0.2, 2.5)
        self._ground.finish(work)

    def the_disk_is_full(self) -> None:
        """No file of the command can grow for a while: neither the journal nor a copy."""
        work = self._begin("")
        self._ground.linger(work, 0.1, 2.0)
        most = self._ground.choice(_FILE_BYTES)
        if _limit_files(work, most):
            self._ground.story.did("full disk", f"at {most} bytes")
        self._ground.linger(work, 0.2, 3.0)
        _limit_files(work, None)
        self._ground.finish(work)

    @contextmanager
    def _away(self) -> Iterator[None]:
        """Take the repository away, and bring it back; nobody may have made another one."""
        place = self._ground.folder.repository
        aside = place.with_name("repository.away")
        if not place.exists():
            yield
            return
        place.rename(aside)
        self._ground.story.did("repository away")
        try:
            yield
        finally:
            is_new = place.exists()
            detail = str(sorted(one.name for one in place.rglob("*"))[:8]) if is_new else ""
            self._ground.story.check(
                "no second repository is made", holds=not is_new, detail=detail
            )
            if is_new:
                place.rename(self._ground.root / f"second-{len(self._ground.story.steps)}")
            aside.rename(place)


def product_of(fault: str) -> str:
    """Return the product that a fault belongs to; empty for the hosts."""
    return next((name for name in PRODUCTS if fault.startswith(f"{name}-")), "")


def _limit_files(work: Work, most: int | None) -> bool:
    """Limit how large files of a process may be; tells whether that could be done."""
    if sys.platform != "linux":
        return False
    import resource  # noqa: PLC0415 - of POSIX

    limit = resource.RLIM_INFINITY if most is None else most
    try:
        _, hard = resource.prlimit(work.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(work.process.pid, resource.RLIMIT_FSIZE, (limit, hard))
    except OSError:  # it has ended
        return False
    return True
