"""Deeds on replicas: tests, failovers both ways, and back; killed, refused, given again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from safepoint.errors import SafepointError
from safepoint.store import Store
from safepoint_lab.chaos.ground import Ground, Work
from safepoint_lab.chaos.watch import TEST_SUFFIX
from safepoint_lab.daemon.views import ReplicaView, VmView

__all__ = ["Replicas"]

_LAST_TRIES: Final = 4
_AFTER_A_TEST: Final = ("cancel", "cancel", "test-failover", "pause")
_BY_STATE: Final = {
    "prepared": ("planned", "cancel"),
    "recovered": ("commit", "cancel", "reverse", "reverse"),
    "committed": ("reverse",),
    "suspended": ("resume",),
    "critical": ("resync", "resume"),
    "waiting-for-resync": ("resync",),
}
"""What suits the state of either side."""
_USUAL: Final = ("test-failover", "planned", "planned", "to-point", "pause", "advance")
_WORDS: Final = {
    "planned": ("failover", "--planned"),
    "to-point": ("failover", "--to-point", "latest"),
}
_GO_ON: Final = frozenset({"commit", "reverse", "resync", "pause", "resume"})
_ASKS: Final = frozenset({"planned", "to-point", "commit", "cancel", "reverse"})


@dataclass(frozen=True)
class _Pair:
    """Both sides of a VM's relationship, as the lab has them."""

    sides: Sequence[ReplicaView]
    copies: Sequence[VmView]

    @property
    def sender(self) -> ReplicaView | None:
        return next((one for one in self.sides if one.sends), None)

    @property
    def receiver(self) -> ReplicaView | None:
        return next((one for one in self.sides if not one.sends), None)

    @property
    def states(self) -> set[str]:
        return {one.state for one in self.sides}

    @property
    def running(self) -> list[str]:
        """On which sites it runs."""
        return [one.cluster for one in self.copies if one.power == "running"]


class Replicas:
    """Deeds on the VMs of a story that have a replica."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen; nothing where nothing is replicated."""
        return [self.a_deed] * 5 if self._ground.replicated else []

    def a_deed(self) -> None:
        """Do what suits the state, be killed perhaps, and do it again then."""
        ground = self._ground
        work = self.begin()
        if work is None:
            return
        was_killed = ground.chance()
        if was_killed:
            ground.linger(work, 0.1, 4.0)
            ground.kill(work)
            again = self._again
            if again is not None and ground.chance(0.7):
                ground.finish(again())
        else:
            ground.finish(work)

    def begin(self) -> Work | None:
        """Begin a deed on one of the VMs; None when nothing is replicated, or time just passed."""
        ground = self._ground
        if not ground.replicated:
            return None
        vm = ground.choice(ground.replicated)
        pair = self._pair(vm)
        if pair is None:
            return None
        deed = ground.choice(self._fitting(vm, pair))
        if deed == "advance":
            cycles = ground.lab.advance(31)
            ground.story.did("time of the lab", f"31 s, {cycles} cycles")
            deed = "test-failover"
        if deed == "to-point":
            self._lose_primary(vm, pair)
        self._again = lambda: self._start(vm, deed)
        return self._start(vm, deed)

    def settle(self) -> None:
        """In the end a person finishes or takes back whatever is open, and looks."""
        for vm in self._ground.replicated:
            self._settle(vm)
            self._expect_settled(vm)

    # -- doing ------------------------------------------------------------------------------------

    _again: Callable[[], Work] | None = None

    def _fitting(self, vm: str, pair: _Pair) -> Sequence[str]:
        if self._ground.chance(0.1):  # a hurried person's mistake
            return (*_USUAL, "commit", "cancel", "reverse", "resync", "resume")
        if self._tests(vm):
            return _AFTER_A_TEST
        for state, deeds in _BY_STATE.items():
            if state in pair.states:
                return deeds
        return _USUAL

    def _lose_primary(self, vm: str, pair: _Pair) -> None:
        """Whoever fails over without a plan has lost the primary."""
        sender = pair.sender
        if sender is not None:
            self._ground.story.did("loss of a primary", vm)
            with contextlib.suppress(SafepointError):
                self._ground.lab.power(f"{vm}@{sender.cluster}", "off")

    def _start(self, vm: str, deed: str) -> Work:
        words = ["replica", *_WORDS.get(deed, (deed,)), vm]
        if deed in _ASKS:
            words += ["--yes", vm]
        process = self._ground.staff.start(*words, called=f"replica {deed}")
        return Work(f"replica {deed}", process, lambda code: self._judge(vm, deed, code))

    def _judge(self, vm: str, deed: str, exit_code: int | None) -> None:
        if exit_code == 0:
            self._expect(vm, deed)

    # -- judging ----------------------------------------------------------------------------------

    def _expect(self, vm: str, deed: str) -> None:
        """Hold a deed that says it is done against the lab."""
        pair = self._pair(vm)
        if pair is None:
            return
        self._ground.story.count("replica deed held against the lab")
        detail = f"{deed} of {vm}: " + "; ".join(
            f"{one.cluster} {one.mode} {one.state} {one.power}" for one in pair.sides
        )
        promise = "a deed on a replica is in the state claimed"
        self._ground.story.check(promise, holds=self._is_so(vm, deed, pair), detail=detail)

    def _is_so(self, vm: str, deed: str, pair: _Pair) -> bool:
        sender, receiver = pair.sender, pair.receiver
        if deed in {"test-failover", "cancel"}:
            return bool(self._tests(vm)) is (deed == "test-failover")
        if sender is None or receiver is None:
            return False
        claims: dict[str, Callable[[], bool]] = {
            "planned": lambda: pair.running == [sender.cluster],
            "reverse": lambda: pair.running == [sender.cluster],
            "to-point": lambda: pair.running == [receiver.cluster],
            "commit": lambda: receiver.state == "committed",
            "pause": lambda: sender.state in {"suspended", "waiting-for-resync", "critical"},
            "resume": lambda: sender.state != "suspended",
            "resync": lambda: sender.state != "suspended",
        }
        return claims[deed]()

    def _settle(self, vm: str) -> None:
        do = self._ground.staff.do
        for _ in range(_LAST_TRIES):
            pair = self._pair(vm)
            if pair is None:
                return
            is_open = self._open_deeds(vm)
            if not self._tests(vm) and not is_open and pair.states <= {"replicating"}:
                break
            if self._tests(vm) or is_open or pair.states & {"prepared", "recovered"}:
                do("replica", "cancel", vm, "--start-primary", "--yes", vm)
            elif "committed" in pair.states:
                do("replica", "reverse", vm, "--yes", vm)
            elif "suspended" in pair.states:
                do("replica", "resume", vm)
            else:
                do("replica", "resync", vm)
        for deed in self._open_deeds(vm):
            if deed in _GO_ON:  # what cannot be taken back goes on when it is given again
                do("replica", deed, vm, *(("--yes", vm) if deed in _ASKS else ()))

    def _expect_settled(self, vm: str) -> None:
        story = self._ground.story
        pair = self._pair(vm)
        status = self._ground.staff.do("replica", "status", vm).said
        left = self._tests(vm)
        story.check("test VMs are gone", holds=not left, detail=f"{left}: {status[-200:]}")
        is_open = self._open_deeds(vm)
        holds = not is_open or "replica-deed-open" in status or "unfinished" in status
        story.check("half-done deeds are told", holds=holds, detail=f"{is_open}: {status[-300:]}")
        if pair is not None:
            states = [f"{one.cluster} {one.mode} {one.state}" for one in pair.sides]
            story.count(f"replica at the end: {'/'.join(sorted(pair.states))}")
            holds = len(pair.running) <= 1
            story.check("never two running copies", holds=holds, detail=f"{vm}: {states}")

    # -- looking ----------------------------------------------------------------------------------

    def _pair(self, vm: str) -> _Pair | None:
        """Look at both sides; None when the VM is gone."""
        try:
            return _Pair(self._ground.lab.replicas(vm), list(self._ground.copies(vm)))
        except SafepointError:
            return None

    def _tests(self, vm: str) -> list[str]:
        return [one.name for one in self._ground.lab.vms() if one.name == f"{vm}{TEST_SUFFIX}"]

    def _open_deeds(self, vm: str) -> list[str]:
        with Store(self._ground.staff.home) as store:
            return [row.deed for row in store.replica_deeds.open() if row.vm == vm]
