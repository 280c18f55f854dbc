"""Chaos on a lab: real processes, real servers, real disks, and `kill -9` for each of them.

Commands of safepoint run as processes of their own and are killed at random moments; so is the
lab, with all its hosts. Meanwhile a watcher looks at the lab's own truth, not through safepoint.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from safepoint.errors import SafepointError
from safepoint.lifecycle import is_our_name
from safepoint_lab.chaos.finding import Story
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, is_running, start_lab
from safepoint_lab.daemon.views import CheckpointView
from safepoint_lab.world.catalogue import CATALOGUE

__all__ = ["SiteChaos"]

ChoiceT = TypeVar("ChoiceT")

_STRUCTURE: Final = {"nodes": 2, "vms": 3, "disk_bytes": 8 << 20, "smb": "path", "speed": 8.0}
#: A VM that is removed for good is another story; a host that stays silent only costs time.
_LEFT_OUT: Final = frozenset({"vm-removed", "stall", "foreign-recovery-checkpoint"})
_FAULTS: Final = tuple(fault for fault in CATALOGUE if fault.name not in _LEFT_OUT)
_FOREIGN: Final = {
    "Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)": "product",
    "Bareos JobId 4711": "product",
    "safepoint nightly (0123456789abcdef)": "other-journal",
}
_LOOK_SECONDS: Final = 0.05
_START_SECONDS: Final = 120.0
_COMMAND_SECONDS: Final = 60.0
_DEADLINES: Final = ("--checkpoint-deadline", "20", "--merge-deadline", "20")


class SiteChaos:
    """Tells one story by its seed; how the threads of the machine run is not in the seed.

    Args:
        seed: Decides what happens, and when as far as that can be decided.
        steps: How many things happen.
    """

    def __init__(self, seed: int, steps: int = 8) -> None:
        self._random = random.Random(f"site/{seed}")  # noqa: S311 - a story to be told again
        self._steps = steps
        self.story = Story(seed)
        self._root = Path(tempfile.mkdtemp(prefix="safepoint-chaos-"))
        self._folder = LabFolder.at(self._root / "lab")
        self._lab = LabClient(self._folder.root)
        self._foreign: dict[str, str] = {}
        self._is_over = threading.Event()
        self._commands = 0
        method = "spawn" if os.name == "nt" else "forkserver"
        self._context: Any = multiprocessing.get_context(method)
        if os.name != "nt":
            self._context.set_forkserver_preload(["safepoint.cli.app", "safepoint_native.driver"])

    def run(self) -> Story:
        """Let everything happen, clean up as a person would, and return what was found."""
        start_lab(self._folder, dict(_STRUCTURE), _START_SECONDS)
        watcher = threading.Thread(target=self._watch, name="chaos-watch", daemon=True)
        watcher.start()
        try:
            for _ in range(self._steps):
                self._choice(self._deeds())()
            self._end()
        finally:
            self._is_over.set()
            watcher.join()
            with contextlib.suppress(SafepointError):
                end_lab(self._folder)
            shutil.rmtree(self._root, ignore_errors=True)
        return self.story

    # -- what happens -----------------------------------------------------------------------------

    def _deeds(self) -> list[Callable[[], None]]:
        return [
            self._a_killed_run,
            self._a_killed_run,
            self._two_runs,
            self._a_run_through_faults,
            self._a_run_through_faults,
            self._a_move_under_way,
            self._a_node_dies,
            self._the_lab_is_killed,
            self._another_product,
            self._a_sweep,
        ]

    def _a_killed_run(self) -> None:
        process = self._start("run", "everything", *_DEADLINES)
        process.join(self._random.uniform(0.1, 3.0))
        self._kill(process, "run")

    def _two_runs(self) -> None:
        both = [self._start("run", "everything", *_DEADLINES) for _ in range(2)]
        if self._random.random() < 0.5:
            both[0].join(self._random.uniform(0.1, 2.0))
            self._kill(both[0], "one of two runs")
        self.story.did("two runs at once")
        self._wait(*both)

    def _a_run_through_faults(self) -> None:
        for _ in range(self._random.randint(1, 3)):
            fault = self._choice(_FAULTS)
            skip = self._random.randint(0, 4)
            self.story.did("fault", fault.name)
            with contextlib.suppress(SafepointError):
                node = self._choice(("hv01", "hv02")) if fault.lasting else ""
                self._lab.arm_fault(fault.name, node=node, times=1, skip=skip)
        process = self._start("run", "everything", *_DEADLINES)
        process.join(self._random.uniform(1.0, 4.0))
        self._clear()
        if self._random.random() < 0.3:
            self._kill(process, "run through faults")
        self._wait(process)

    def _a_move_under_way(self) -> None:
        process = self._start("run", "everything", *_DEADLINES)
        for _ in range(3):
            process.join(self._random.uniform(0.05, 0.6))
            with contextlib.suppress(SafepointError):
                vm = self._choice(self._lab.vms())
                self.story.did("move", f"{vm.name} to {self._lab.migrate(vm.name)}")
        self._wait(process)

    def _a_node_dies(self) -> None:
        process = self._start("run", "everything", *_DEADLINES)
        process.join(self._random.uniform(0.1, 1.5))
        node = self._choice(("hv01", "hv02"))
        self.story.did("death of a node", node)
        self._lab.fail_node(node)
        process.join(self._random.uniform(0.1, 1.0))
        self._lab.restore_node(node)
        self._wait(process)

    def _the_lab_is_killed(self) -> None:
        process = self._start("run", "everything", *_DEADLINES)
        process.join(self._random.uniform(0.1, 2.0))
        pid = self._lab.status().pid
        os.kill(pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        self.story.did("kill", "the lab with all its hosts")
        while is_running(self._folder):
            time.sleep(_LOOK_SECONDS)
        start_lab(self._folder, {}, _START_SECONDS)
        self._wait(process)

    def _another_product(self) -> None:
        name = self._choice(sorted(_FOREIGN))
        vm = self._choice(self._lab.vms()).name
        before = {one.guid for one in self._lab.checkpoints()}
        self._lab.arm_fault("foreign-recovery-checkpoint", vm=vm, parameters={"name": name})
        made = [
            one for one in self._lab.checkpoints() if one.guid not in before and one.name == name
        ]
        self._foreign |= {one.guid: _FOREIGN[name] for one in made}
        self.story.did("checkpoint of another", f"{name} on {vm}")

    def _a_sweep(self) -> None:
        process = self._start("doctor", "--fix", *_DEADLINES)
        if self._random.random() < 0.5:
            process.join(self._random.uniform(0.1, 1.5))
            self._kill(process, "sweep")
        self._wait(process)

    # -- processes --------------------------------------------------------------------------------

    def _start(self, *words: str) -> Any:
        self._commands += 1
        said = self._root / f"said-{self._commands:03}.txt"
        home, estate = self._root / "home", self._folder.estate
        process = self._context.Process(
            target=_command, args=(str(home), str(said), ["--estate", str(estate), *words])
        )
        process.start()
        self.story.did(words[0], " ".join(words[1:]))
        return process

    def _kill(self, process: Any, what: str) -> None:
        if process.is_alive():
            process.kill()
            self.story.did("kill", what)
        process.join()

    def _wait(self, *processes: Any) -> None:
        for process in processes:
            process.join(_COMMAND_SECONDS)
            ended = not process.is_alive()
            self.story.check("commands end", holds=ended, detail="one had to be killed")
            if not ended:
                process.kill()
                process.join()

    def _clear(self) -> None:
        with contextlib.suppress(SafepointError):
            self._lab.clear_fault()
            for node in ("hv01", "hv02"):
                self._lab.restore_node(node)

    # -- what must hold ---------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look at the lab's truth again and again, until all is over."""
        while not self._is_over.wait(_LOOK_SECONDS):
            with contextlib.suppress(SafepointError):  # it is being killed or started
                self._check(self._lab.checkpoints())

    def _check(self, present: Sequence[CheckpointView]) -> None:
        ours = [one.vm for one in present if self._is_ours(one)]
        self.story.check("one of ours a VM", holds=len(ours) == len(set(ours)), detail=str(ours))

    def _is_ours(self, checkpoint: CheckpointView) -> bool:
        is_named = is_our_name(checkpoint.name) is not None
        return is_named and checkpoint.guid not in self._foreign

    def _end(self) -> None:
        self._clear()
        self._wait(self._start("doctor", "--fix", *_DEADLINES))
        self._lab.wait_merged()
        present = self._lab.checkpoints()
        gone = sorted(set(self._foreign) - {one.guid for one in present})
        self.story.check("others are untouched", holds=not gone, detail=str(gone))
        left = [f"{c.vm_name}: {c.name}" for c in present if c.guid not in self._foreign]
        self.story.check("nothing is left", holds=not left, detail=str(left))
        vms = self._lab.vms()
        on_layers = [
            vm.name for vm in vms for d in vm.disks if not vm.checkpoints and ".avhdx" in d.path
        ]
        self.story.check("all is merged", holds=not on_layers, detail=str(on_layers))
        self._expect("points verify", "points", "verify")
        self._expect("the audit log is whole", "audit", "verify")
        self._audit()
        self._look_for_secrets()

    def _expect(self, promise: str, *words: str) -> None:
        process = self._start(*words)
        self._wait(process)
        detail = f"exit {process.exitcode}: {self._said(self._commands)[-300:]}"
        self.story.check(promise, holds=process.exitcode == 0, detail=detail)

    def _audit(self) -> None:
        """The audit names the true owner of everything that is left."""
        self._wait(self._start("checkpoint", "audit", "-o", "json"))
        text = self._said(self._commands)
        try:
            found = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except ValueError:
            self.story.check("the audit answers", holds=False, detail=text[-300:])
            return
        owners = {
            one["checkpoint"]["id"].split("/")[1]: one["owner"]["kind"]
            for one in found["findings"]
            if one["checkpoint"]
        }
        for guid, owner in self._foreign.items():
            told = owners.get(guid.upper())
            self.story.check(
                "the audit names the owner", holds=told == owner, detail=f"{guid}: {told}"
            )

    def _look_for_secrets(self) -> None:
        secret = self._folder.password.read_text(encoding="utf-8").strip().encode()
        places = [*self._root.glob("said-*.txt"), *(self._root / "home").rglob("*")]
        told = [one.name for one in places if one.is_file() and secret in one.read_bytes()]
        self.story.check("no secret is said or kept", holds=not told, detail=str(told))

    def _said(self, number: int) -> str:
        path = self._root / f"said-{number:03}.txt"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _choice(self, among: Sequence[ChoiceT]) -> ChoiceT:
        return self._random.choice(among)


def _command(home: str, said: str, words: list[str]) -> None:
    """Be one command: what it says goes into a file, line by line."""
    os.environ["SAFEPOINT_HOME"] = home
    from safepoint.cli.app import main  # noqa: PLC0415 - preloaded where processes are forked

    with Path(said).open("w", encoding="utf-8", buffering=1) as file:
        stream: io.TextIOBase = file
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            code = main(words)
    os._exit(code)
