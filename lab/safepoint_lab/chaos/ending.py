"""The end of a story on a lab: everything comes to rest, a person cleans up, and all is judged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from safepoint.store import Store
from safepoint_lab.chaos.ground import Ground
from safepoint_lab.chaos.watch import guid_of

__all__ = ["Ending"]

_REST_SECONDS: Final = 120.0
_MERGE_SECONDS: Final = 30.0
_DEADLINES: Final = ("--checkpoint-deadline", "20", "--merge-deadline", "30")
_AT_WORK: Final = frozenset({"product-works", "merging"})
_CLEAN: Final = ("--apply", "--delete-deadline", "20", "--merge-deadline", "30")


class Ending:
    """Cleans up as a person would, by safepoint's own commands, and judges what is left.

    Args:
        ground: Where the story happened.
        settles: Settle and judge what deeds of one sort have left.
    """

    def __init__(self, ground: Ground, settles: Sequence[Callable[[], None]] = ()) -> None:
        self._story = ground.story
        self._lab = ground.lab
        self._staff = ground.staff
        self._watch = ground.watch
        self._folder = ground.folder
        self._settles = settles

    def come(self) -> None:
        """Let everything come to rest, then hold the lab against what is promised of the end."""
        self._await_rest()
        for settle in self._settles:
            settle()
        self._staff.do("doctor", "--fix", *_DEADLINES)
        self._clean(self._await_rest())
        self._lab.wait_merged(timeout_seconds=_MERGE_SECONDS)
        before = {one.guid for one in self._lab.checkpoints()}
        self._judge_what_is_left(self._audit(is_last=True), before)
        self._judge_the_journal()
        self._expect("points verify", "points", "verify")
        self._expect("the audit log is whole", "audit", "verify")
        self._watch.look()
        self._look_for_secrets()

    def _await_rest(self) -> list[dict[str, Any]]:
        """Wait until no product works any more, and return what the audit finds then.

        What was killed here goes on there.
        """
        deadline = time.monotonic() + _REST_SECONDS
        while True:
            self._lab.wait_merged(timeout_seconds=_MERGE_SECONDS)
            found = self._audit()
            busy = [one["rule"] for one in found if one["rule"] in _AT_WORK]
            if not busy or time.monotonic() > deadline:
                self._story.check("products come to rest", holds=not busy, detail=str(busy))
                return found

    def _clean(self, found: list[dict[str, Any]]) -> None:
        """Take away ours that have expired, and what its product disowns and nobody planted."""
        disowned = [one for one in found if one["rule"] == "product-disowns"]
        planted = {one.name for one in self._lab.checkpoints() if one.guid in self._watch.planted}
        names = sorted({one["name"] for one in disowned} - planted)
        self._watch.confirmed |= set(names)
        confirm = [word for name in names for word in ("--confirm", name)]
        self._staff.do("checkpoint", "clean", *_CLEAN, *confirm)
        for name in names:
            self._story.did("disowned and cleaned", name)

    def _audit(self, *, is_last: bool = False) -> list[dict[str, Any]]:
        process = self._staff.do("checkpoint", "audit", "-o", "json")
        text = process.said
        try:
            found = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except ValueError:
            self._story.check("the audit answers", holds=False, detail=text[-300:])
            return []
        unread = str(found["unread"])[:300]
        holds = not (is_last and found["unread"])
        self._story.check("the audit is complete", holds=holds, detail=unread)
        findings: list[dict[str, Any]] = found["findings"]
        return findings

    def _judge_what_is_left(self, found: list[dict[str, Any]], before: Collection[str]) -> None:
        """Nothing of ours; of others, what is there is told with its true owner.

        Replication goes on: a recovery point that was not there `before` the audit may be younger.
        """
        present = self._lab.checkpoints()
        ours = [f"{one.vm_name}: {one.name}" for one in present if one.by_wire]
        self._story.check("nothing is left", holds=not ours, detail=str(ours))
        owners = {
            guid_of(one["checkpoint"]["id"]): one["owner"]["kind"]
            for one in found
            if one["checkpoint"]
        }
        receivers = {(one.vm, one.cluster) for one in self._lab.replicas() if not one.sends}
        for one in present:
            planted = self._watch.planted.get(one.guid)
            right = {planted.owner} if planted else {"product", "unknown"}
            if not planted and (one.vm_name, one.cluster) in receivers:
                right = {"hypervisor"}  # a recovery point of the replica's
                if one.guid not in before:
                    continue
            told = owners.get(one.guid)
            detail = f"{one.vm_name}: {one.name} is told as {told}, and is {sorted(right)}"
            self._story.check("the audit names the owner", holds=told in right, detail=detail)
            if not planted and "hypervisor" not in right:
                self._story.did("left by a product and told", one.name)
        held = {(one.vm, one.cluster) for one in present}
        on_layers = [
            f"{vm.name} on {vm.cluster}"
            for vm in self._lab.vms()
            if (vm.guid, vm.cluster) not in held
            and any(".avhdx" in disk.path for disk in vm.disks)
        ]
        self._story.check("all is merged", holds=not on_layers, detail=str(on_layers))

    def _judge_the_journal(self) -> None:
        """Nothing waits for a checkpoint that is no more, also where its VM was removed."""
        present = {one.guid for one in self._lab.checkpoints()}
        with Store(self._staff.home) as store:
            stale = [
                f"{row.workload_name} {row.state}"
                for row in store.checkpoints.open()
                if row.native is None or guid_of(row.native.id) not in present
            ]
            held = store.leases.held()
            unfinished = [run.id for run, _ in store.runs.unfinished()]
        self._story.check("no row outlives its checkpoint", holds=not stale, detail=str(stale))
        self._story.check("every lease is given back", holds=not held, detail=str(held))
        self._story.check("every run has an end", holds=not unfinished, detail=str(unfinished))

    def _expect(self, promise: str, *words: str) -> None:
        process = self._staff.do(*words)
        detail = f"exit {process.exit_code}: {process.said[-300:]}"
        self._story.check(promise, holds=process.exit_code == 0, detail=detail)

    def _look_for_secrets(self) -> None:
        folder = self._folder.password.parent
        secrets = [one.read_bytes().strip() for one in folder.iterdir() if one.is_file()]
        texts = {one.name: one.read_bytes() for one in self._staff.places()}
        told = [name for name, text in texts.items() if any(s in text for s in secrets if s)]
        self._story.check("no secret is said or kept", holds=not told, detail=str(told))
