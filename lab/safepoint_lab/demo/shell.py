"""Running safepoint as a person would: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safepoint.errors import RunFailedError

__all__ = ["Shell"]


@dataclass(frozen=True)
class Shell:
    """The command line on one estate, with a journal apart from the user's own."""

    home: Path
    estate: Path

    def safepoint(self, *words: str, allowed: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a command and return the document it printed.

        Raises:
            RunFailedError: it ended with a code that the story does not expect.
        """
        done = subprocess.run(  # noqa: S603 - our own command, without a shell
            self._command(*words),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in allowed:
            raise _unexpected(words, done.returncode, done.stderr)
        document: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return document

    def killed(self, *words: str, when: Callable[[str], bool]) -> str:
        """Run a command and kill its process, without any warning, at the first line that fits.

        Returns the line. What it watches is the command's own progress on stderr.

        Raises:
            RunFailedError: it ended before such a line came.
        """
        process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
            self._command(*words),
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        seen = []
        with process, process.stderr as lines:
            for line in lines:
                seen.append(line)
                if when(line):
                    process.kill()
                    return line.strip()
        raise _unexpected(words, process.returncode, "".join(seen))

    def _command(self, *words: str) -> list[str]:
        front = ["-m", "safepoint", "--estate", str(self.estate), "-o", "json"]
        return [sys.executable, *front, *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SAFEPOINT_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}


def _unexpected(words: tuple[str, ...], code: int, said: str) -> RunFailedError:
    last = said.strip().splitlines()[-1] if said.strip() else "nothing was said"
    msg = f"`safepoint {' '.join(words)}` ended with code {code}: {last}"
    return RunFailedError(msg, hint="Run the demo with --keep and look at what is left.")
