"""Restores by all three engines, to new VMs and in place, and what they must leave."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from safepoint.errors import SafepointError
from safepoint.store import Store
from safepoint_lab.chaos.ground import Ground, Work

__all__ = ["Restores"]

_OURS: Final = "hyperv"
_MOST: Final = 4
"""How many new VMs a story may make."""


@dataclass(frozen=True)
class _Restore:
    words: tuple[str, ...]
    connection: str
    vm: str
    target: str
    """The VM that is there afterwards."""

    @property
    def in_place(self) -> bool:
        return self.vm == self.target

    @property
    def called(self) -> str:
        where = "in place" if self.in_place else "as a new VM"
        return f"restore {where} from {self.connection}"


class Restores:
    """Restores some VM from some point.

    One that says it succeeded is held against what the lab knows that a checkpoint froze. One that
    failed, or whose process was killed, is given again, as the documentation says; what goes on in
    a product by itself is looked at in the end.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._made = 0
        self._open: list[_Restore] = []

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen."""
        return [self.a_restore, self.a_restore]

    def a_restore(self) -> None:
        """Restore, and be killed perhaps."""
        work = self.begin()
        if work is not None:
            self._ground.perhaps_kill(work)

    def begin(self, connection: str = "") -> Work | None:
        """Begin a restore of a point that a connection keeps; None when there is none."""
        chosen = self._choose(connection)
        if chosen is None:
            return None
        process = self._ground.staff.start(*chosen.words, called=chosen.called)
        return Work("restore", process, lambda code: self._judge(chosen, code))

    def settle(self) -> None:
        """In the end: what products were left alone with is whole, or not there."""
        for restore in self._open:
            there = [vm for vm in self._ground.lab.vms() if vm.name == restore.target]
            holds = not there or restore.in_place or self._is_whole(restore)
            self._ground.story.check("no half VM is left", holds=holds, detail=str(restore.words))

    # -- beginning --------------------------------------------------------------------------------

    def _choose(self, connection: str) -> _Restore | None:
        there = {vm.name for vm in self._ground.lab.vms()}
        points = [
            one
            for one in self._points()
            if connection in {"", one["connection"]}
            and one["workload_name"] in there
            and not one["is_damaged"]
        ]
        if not points:
            return None
        point = self._ground.choice(points)
        vm = point["workload_name"]
        words: tuple[str, ...] = ("restore", vm, "--point", point["ref"]["id"])
        if self._made >= _MOST or self._ground.chance(0.4):
            words = (*words, "--in-place", "--stop", "--yes", vm)
            return _Restore(words, point["connection"], vm, vm)
        self._made += 1
        target = f"{vm}-again{self._made}"
        return _Restore((*words, "--to-name", target), point["connection"], vm, target)

    def _points(self) -> list[dict[str, Any]]:
        said = self._ground.staff.do("points", "list", "-o", "json").said
        try:
            found = json.loads(said[said.index("{") : said.rindex("}") + 1])
        except ValueError:  # a product did not answer, and said so
            return []
        items: list[dict[str, Any]] = found["items"]
        return items

    # -- judging ----------------------------------------------------------------------------------

    def _judge(self, restore: _Restore, exit_code: int | None) -> None:
        if exit_code == 0:
            self._expect_right(restore)
            return
        if restore.connection != _OURS:
            self._open.append(restore)
            self._ground.lab.wait_merged()
            self._switch_on(restore)
            return
        self._ground.clear()
        again = self._ground.staff.do(*restore.words, called=f"{restore.called}, again")
        if again.exit_code == 0:
            self._expect_right(restore)
            return
        there = [vm for vm in self._ground.lab.vms() if vm.name == restore.target]
        was_done = exit_code is None and bool(there) and self._is_whole(restore)
        refusals = ("cannot restore", "is replicated", "is not ours")
        was_refused = any(words in again.said for words in refusals)
        detail = f"exit {exit_code}, then {again.exit_code}: {again.said[-300:]}"
        holds = was_refused if restore.in_place else was_done or not there
        self._ground.story.check("a restore given again succeeds", holds=holds, detail=detail)
        self._switch_on(restore)

    def _expect_right(self, restore: _Restore) -> None:
        story = self._ground.story
        story.count("restore held against what was frozen")
        detail = f"{restore.words}"
        story.check("a restore is right", holds=self._is_whole(restore), detail=detail)
        if restore.in_place:
            self._expect_no_lease(restore)
        self._switch_on(restore)

    def _expect_no_lease(self, restore: _Restore) -> None:
        guids = {vm.guid.upper() for vm in self._ground.copies(restore.vm)}
        with Store(self._ground.staff.home) as store:
            held = [key for key in store.leases.held() if key.rpartition("/")[2].upper() in guids]
        self._ground.story.check("leases are given back", holds=not held, detail=str(held))

    def _is_whole(self, restore: _Restore) -> bool:
        """Tell whether a VM (off) is what a checkpoint of the VM froze, byte for byte."""
        lab = self._ground.lab
        for truth in reversed(lab.truths(restore.vm)):
            with contextlib.suppress(SafepointError):
                if not any(lab.compare_vm(truth.checkpoint, restore.target).values()):
                    return True
        return False

    def _switch_on(self, restore: _Restore) -> None:
        """Let a VM that was replaced run again; not where another copy of it may run."""
        if restore.in_place and not self._ground.lab.replicas(restore.vm):
            with contextlib.suppress(SafepointError):
                self._ground.lab.power(restore.vm, "start")
