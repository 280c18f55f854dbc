"""The lab as a server process of its own: start it detached, run it, end it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from filelock import FileLock, Timeout

from safepoint.errors import SafepointError, UnreachableError, UsageError
from safepoint_lab.daemon.client import LabClient
from safepoint_lab.daemon.config import LabConfig
from safepoint_lab.daemon.control import ControlServer
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.lab import Lab

__all__ = ["end_lab", "is_running", "run_lab", "start_lab"]

_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
_log = logging.getLogger(__name__)


def start_lab(folder: LabFolder, choices: dict[str, Any], timeout_seconds: float) -> LabClient:
    """Start the lab of a folder in the background and return when it is ready.

    Raises:
        UsageError: It runs already, or the choices do not fit.
        SafepointError: It could not start; the message is the server's.
    """
    LabConfig.choose(choices)
    folder.prepare()
    if is_running(folder):
        message = f"the lab in {folder.root} runs already"
        raise UsageError(message, hint="`safepoint lab status` shows it, `lab down` ends it.")
    folder.control.unlink(missing_ok=True)
    folder.failure.unlink(missing_ok=True)
    process = _spawn(folder, choices)
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if folder.control.exists():
            return LabClient(folder.root)
        if process.poll() is not None:
            raise _failure(folder)
        time.sleep(_POLL_SECONDS)
    process.terminate()
    message = f"the lab in {folder.root} was not ready after {timeout_seconds:g} s"
    raise UnreachableError(message, hint=f"See {folder.log}.")


def is_running(folder: LabFolder) -> bool:
    """Tell whether a process runs the lab of this folder."""
    if not folder.lock.exists():
        return False
    probe = FileLock(folder.lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    probe.release()
    return False


def end_lab(folder: LabFolder) -> bool:
    """Stop the lab and wait until it is gone; False when none ran.

    Raises:
        UnreachableError: It does not end.
    """
    if not is_running(folder):
        folder.control.unlink(missing_ok=True)
        return False
    LabClient(folder.root).stop()
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if not is_running(folder):
            return True
        time.sleep(_POLL_SECONDS)
    message = f"the lab in {folder.root} does not end"
    raise UnreachableError(message, hint=f"See {folder.log}; its process may be ended by hand.")


def run_lab(folder: LabFolder, choices: dict[str, Any]) -> int:
    """Run the lab in this process until somebody asks it to stop; return the exit code."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        lab = Lab.start(folder.root, **choices)
    except SafepointError as error:
        _log.exception("the lab could not start")
        told = {"message": error.message, "hint": error.hint}
        folder.failure.write_text(json.dumps(told), encoding="utf-8")
        return error.exit_code
    with lab:
        control = ControlServer(lab)
        signal.signal(signal.SIGTERM, lambda *_: control.stopped.set())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        control.start()
        _log.info("the lab is ready: %s", lab.estate)
        try:
            control.stopped.wait()
        finally:
            control.stop()
    _log.info("the lab has stopped")
    return 0


def _spawn(folder: LabFolder, choices: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the server so that it outlives this process and its terminal."""
    detached: dict[str, Any] = (
        {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
        if os.name == "nt"
        else {"start_new_session": True}
    )
    command = [sys.executable, "-m", "safepoint_lab.daemon", str(folder.root), json.dumps(choices)]
    with folder.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module, arguments of our own
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached
        )
    # Somebody has to take note of its end if this process lives longer than the lab.
    threading.Thread(target=process.wait, name="lab-ended", daemon=True).start()
    return process


def _failure(folder: LabFolder) -> SafepointError:
    try:
        told = json.loads(folder.failure.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = f"the lab in {folder.root} ended while it started"
        return UnreachableError(message, hint=f"See {folder.log}.")
    return UsageError(told["message"], hint=told["hint"])
