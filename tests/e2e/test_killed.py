"""kill -9 at every step: afterwards nothing is left and every restore point is sound.

The steps are those of the lifecycle table, each before and after its journal entry, and every
call of the driver that changes something, before and after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from safepoint.lifecycle import CheckpointEvent

KILL_AT = Path(__file__).with_name("kill_at.py")

#: Events of an undisturbed run, in order; the others belong to mishaps.
EVENTS = [
    CheckpointEvent.ASK,
    CheckpointEvent.SEEN,
    CheckpointEvent.COPY,
    CheckpointEvent.RELEASE,
    CheckpointEvent.DELETED,
    CheckpointEvent.MERGED,
]
CALLS = [
    "create_checkpoint",
    "rename_checkpoint",
    "copy",
    "verify_copy",
    "seal",
    "delete_checkpoint",
]
POINTS = [
    f"{place}:{moment}"
    for place in (
        "journal.intend",
        *(f"journal.{event}" for event in EVENTS),
        *(f"driver.{call}" for call in CALLS),
        "points.record",
        "runs.finish",
    )
    for moment in ("before", "after")
]


def killed(site, point: str, *words: str) -> None:
    """Run a command that dies at the point."""
    done = subprocess.run(
        [sys.executable, str(KILL_AT), point, "--", "--estate", str(site.lab.estate), *words],
        env={**os.environ, "SAFEPOINT_HOME": str(site.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("number", range(len(POINTS)), ids=POINTS)
def test_nothing_is_left_after_a_kill(site, number: int) -> None:
    """The doctor, or the next run, brings everything to its end."""
    vm = ("file01", "sql01", "web01")[number % 3]
    foreign = site.lab.operations.checkpoints()
    killed(site, POINTS[number], "run", "everything", "--vm", vm)

    if number % 2:
        said = site.safepoint("run", "everything", "--vm", vm)
    else:
        said = site.safepoint("doctor", "--fix")

    assert said.code == 0, said.out + said.err
    site.assert_clean()
    assert site.lab.operations.checkpoints() == foreign
    assert site.safepoint("points", "verify").code == 0
    assert site.safepoint("doctor").code == 0
    runs = site.safepoint("runs", "list", "-o", "json").json["items"]
    assert {run["state"] for run in runs} <= {"interrupted", "succeeded"}
    assert all(task["is_released"] is not False for run in runs for task in run["tasks"])


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("point", ["driver.create_checkpoint:after", "journal.seen:before"])
def test_a_killed_ad_hoc_checkpoint_is_not_kept(site, point: str) -> None:
    """Nobody was told that it exists, so nobody would delete it."""
    killed(site, point, "checkpoint", "create", "web01", "--name", "never-told")

    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_every_row_of_an_undisturbed_run_is_walked() -> None:
    """A new step of the table needs its point here."""
    assert len(POINTS) == 30
