"""Looking at a lab's own truth again and again, while everything goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safepoint.errors import SafepointError
from safepoint.runs.recover import is_wanted
from safepoint.store import CheckpointRow, Store
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.promises import Moment, Seen, hold_to
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.views import CheckpointView, VmView

__all__ = ["TEST_SUFFIX", "TEST_SWITCH", "Planted", "Watch", "guid_of"]

#: How hosts call test VMs of replicas, and the switch that the estate names for them.
TEST_SUFFIX: Final = " - Test"
TEST_SWITCH: Final = "lab-test-switch"

_LOOK_SECONDS: Final = 0.1
_DEEDS: Final = frozenset({"delete-checkpoint", "rename-checkpoint"})


@dataclass(frozen=True)
class Planted:
    """A checkpoint of others that must stay: the sort of its owner, and its VM."""

    owner: str
    vm: str
    cluster: str


class Watch:
    """A thread that holds the lab against the promises; not through safepoint.

    The lab tells which checkpoints were asked for over WS-Management. Only safepoint speaks that
    here, so those are ours, whatever their names; all others are not.
    """

    def __init__(self, story: Story, lab: LabClient, home: Path) -> None:
        self.story = story
        self._lab = lab
        self._home = home
        self._thread = threading.Thread(target=self._watch, name="chaos-watch", daemon=True)
        self._is_over = threading.Event()
        self._ours: dict[str, bool] = {}
        """Whether each checkpoint that ever was is ours."""
        self.planted: dict[str, Planted] = {}
        """Checkpoints of others that must stay, for as long as their VM is there."""
        self.confirmed: set[str] = set()
        """Names of checkpoints that a person let go."""
        self._names: dict[str, str] = {}
        self.looks = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def look(self) -> None:
        """Look once; nothing is said while the lab is dead."""
        try:
            planted = dict(self.planted)
            present = self._lab.checkpoints()
            vms = self._lab.vms()
            receiving = self._receiving()
            rows, touched = self._journal()
            suspects = {one.guid for one in self._without_row(present, rows)}
            if suspects:  # a row may have ended between the two looks; so look again
                again = {one.guid for one in self._lab.checkpoints()}
                present = [c for c in present if c.guid not in suspects or c.guid in again]
        except SafepointError:
            return
        self.looks += 1
        there = {(vm.guid, vm.cluster) for vm in vms}
        new = [one for one in present if one.guid not in self._ours]
        for one in present:
            self._ours[one.guid] = one.by_wire
            self._names[one.guid] = one.name
        moment = Moment(
            ours=[Seen(one.guid, one.name, _vm(one)) for one in present if one.by_wire],
            present={one.guid for one in present},
            must_stay={guid for guid, one in planted.items() if (one.vm, one.cluster) in there},
            kept={guid_of(row.native.id) for row in rows if is_wanted(row) and row.native},
            open_vms={_row_vm(row) for row in rows},
            touched=[one for one in touched if self._is_theirs(one)],
            running_twice=_running_twice(vms),
            connected_tests=[
                f"{vm.name}: {', '.join(vm.switches)}"
                for vm in vms
                if vm.name.endswith(TEST_SUFFIX) and not set(vm.switches) <= {TEST_SWITCH}
            ],
            on_replicas=[
                f"{one.vm_name} on {one.cluster}: {one.name}"
                for one in new
                if one.by_wire and (one.vm_name, one.cluster) in receiving
            ],
        )
        hold_to(self.story, moment)

    def _watch(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            self.look()

    def _journal(self) -> tuple[tuple[CheckpointRow, ...], list[str]]:
        if not (self._home / "journal.db").exists():
            return (), []
        with Store(self._home) as store:
            rows = store.checkpoints.open()
            entries = store.audit.entries(target="checkpoint:")
        return rows, [guid_of(one.target) for one in entries if one.deed in _DEEDS]

    def _without_row(
        self, present: Sequence[CheckpointView], rows: Sequence[CheckpointRow]
    ) -> list[CheckpointView]:
        known = {_row_vm(row) for row in rows}
        return [one for one in present if one.by_wire and _vm(one) not in known]

    def _receiving(self) -> set[tuple[str, str]]:
        """Return the copies, by name and site, that receive changes and do not run."""
        return {
            (one.vm, one.cluster)
            for one in self._lab.replicas()
            if not one.sends and one.power != "running"
        }

    def _is_theirs(self, guid: str) -> bool:
        is_let_go = self._names.get(guid, "") in self.confirmed
        return self._ours.get(guid) is False and not is_let_go


def _vm(one: CheckpointView) -> str:
    """Return the VM of a checkpoint: a replica has the GUID of its primary."""
    return f"{one.cluster}/{one.vm}".casefold()


def _row_vm(row: CheckpointRow) -> str:
    return f"{row.workload.system}/{row.workload.id}".casefold()


def _running_twice(vms: Sequence[VmView]) -> list[str]:
    """Return the VMs of which more than one copy runs; a test VM is another VM."""
    running = Counter(vm.guid for vm in vms if vm.power == "running")
    return sorted({vm.name for vm in vms if running[vm.guid] > 1})


def guid_of(native: str) -> str:
    """Return a checkpoint's GUID as the lab has it, from the driver's id of it."""
    return native.rpartition("/")[2]
