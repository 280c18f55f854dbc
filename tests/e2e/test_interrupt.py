"""Ctrl-C and `runs cancel`: the run stops cleanly, says so, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from safepoint_lab.daemon import Lab

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child is of POSIX")

#: `python -m safepoint`, with a copy that goes on until it is told to stop.
ENDLESS_COPY = """
import runpy, threading
from safepoint_native import copier
real = copier.copy_disk
def copy(chain, target, *, on_progress, should_stop):
    while not should_stop():
        threading.Event().wait(0.01)
    return real(chain, target, on_progress=on_progress, should_stop=should_stop)
copier.copy_disk = copy
runpy.run_module("safepoint", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


class Running:
    """A run in another process, read line by line; it is killed if it takes too long."""

    def __init__(self, site) -> None:
        estate = ("-e", str(site.lab.estate))
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS_COPY, *estate, "run", "everything", "--vm", "sql01"],
            env={**os.environ, "SAFEPOINT_HOME": str(site.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._guard = threading.Timer(60, self._process.kill)
        self._guard.start()
        self.said: list[str] = []

    def wait_for(self, words: str) -> None:
        """Read until a line contains the words."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
            if words in line:
                return
        pytest.fail(f"never said {words!r}: {''.join(self.said)}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read the rest and return the exit code."""
        assert self._process.stderr is not None
        self.said += list(self._process.stderr)
        self._process.stderr.close()
        code = self._process.wait()
        self._guard.cancel()
        self._guard.join()
        assert "Traceback" not in "".join(self.said)
        return code


def assert_cancelled(site, running: Running) -> None:
    """Nothing is left, and the journal says what happened."""
    assert running.end() == 130, running.said
    site.assert_clean()
    (run,) = site.safepoint("runs", "list", "-o", "json").json["items"]
    assert run["state"] == "cancelled"
    assert run["tasks"][0]["error"]["code"] == "run-cancelled"
    assert site.safepoint("points", "list", "-o", "json").json["items"] == []
    assert site.safepoint("doctor").code == 0


def test_ctrl_c_while_copying(site) -> None:
    """The first press releases the checkpoint and ends with 130."""
    running = Running(site)
    running.wait_for("sql01: copying")
    running.interrupt()
    running.wait_for("cancelling: open checkpoints are being released")
    assert_cancelled(site, running)


def test_a_second_press_says_why_it_takes_time(site) -> None:
    """While the merge lasts, another press only explains."""
    site.lab.operations.arm_fault("merge-stalls", vm="sql01")
    running = Running(site)
    running.wait_for("sql01: copying")
    running.interrupt()
    running.wait_for("sql01: merging")
    running.interrupt()
    running.wait_for("still releasing; once more leaves them to `safepoint doctor --fix`")
    site.lab.operations.clear_fault()
    assert_cancelled(site, running)


def test_a_third_press_leaves_the_rest_to_the_doctor(site) -> None:
    """The person is taken at their word; the journal knows what is left."""
    site.lab.operations.arm_fault("merge-stalls", vm="sql01")
    running = Running(site)
    running.wait_for("sql01: copying")
    running.interrupt()
    running.wait_for("sql01: merging")
    running.interrupt()
    running.wait_for("still releasing")
    running.interrupt()
    site.lab.operations.clear_fault()
    assert running.end() == 130, running.said
    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()


def test_another_process_cancels_the_run(site) -> None:
    """`runs cancel` reaches a run of whichever process."""
    running = Running(site)
    running.wait_for("sql01: copying")
    (run,) = site.safepoint("runs", "list", "-o", "json").json["items"]

    asked = site.safepoint("runs", "cancel", run["id"])

    assert asked.code == 0
    assert "asked to stop" in asked.err
    assert_cancelled(site, running)
    late = site.safepoint("runs", "cancel", run["id"])
    assert late.code == 0
    assert "has ended already: cancelled" in late.err
