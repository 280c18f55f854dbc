"""Labs in processes of their own, killed at a moment that a seed chooses."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def run_and_kill(script: str, folder: Path, seed: int, *, deeds: int) -> None:
    """Let a lab work, then kill it.

    The script gets folder and seed, and writes a line ``deed`` before each of its deeds and a line
    ``step`` after each write of its guest. It is killed during one of its first deeds: after some
    more steps, so that the deed may have come anywhere.
    """
    rng = random.Random(seed)
    words = [sys.executable, "-c", script, str(folder), str(seed)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        _pass_lines(lab.stdout, "deed\n", rng.randint(1, deeds))
        _pass_lines(lab.stdout, "step\n", rng.randint(1, 60))
        lab.send_signal(signal.SIGKILL)
    assert lab.returncode == -signal.SIGKILL


def _pass_lines(lines: Iterable[str], wanted: str, count: int) -> None:
    for line in lines:
        count -= line == wanted
        if count == 0:
            return
    message = f"the lab ended by itself before it wrote {count} more lines {wanted!r}"
    raise AssertionError(message)
