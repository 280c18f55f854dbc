"""Commands of safepoint as processes of their own, which can be killed at any moment."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
from pathlib import Path
from typing import Any, Final

from safepoint_lab.chaos.clock import Hands, set_clock
from safepoint_lab.chaos.finding import Story

__all__ = ["Command", "Staff"]

_COMMAND_SECONDS: Final = 90.0
#: An error that nobody meant, and a plugin that breaks a rule of the boundary.
_DEFECTS: Final = frozenset({1, 4})
_LAST_LINES: Final = 3
_LAST_LETTERS: Final = 400
#: What commands would each import for themselves; loaded once, where processes are forked.
_LOADED: Final = (
    "safepoint.cli.app",
    *(
        f"safepoint.cli.cmd_{name}"
        for name in (
            "apply",
            "audit",
            "checkpoint",
            "checkpoint_audit",
            "doctor",
            "points",
            "replica",
            "restore",
            "run",
        )
    ),
    *(f"safepoint_{name}.driver" for name in ("native", "veeam", "commvault")),
    *(f"safepoint_{name}.plugin" for name in ("native", "veeam", "commvault", "lab")),
)


class Command:
    """A command that runs, or has run, as a process of its own."""

    def __init__(self, process: Any, said: Path, clock: Hands) -> None:
        self._process = process
        self._path = said
        self.clock = clock
        """The clock of its machine."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return bool(self._process.is_alive())

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        code: int | None = self._process.exitcode
        return code

    @property
    def said(self) -> str:
        """What it has said so far."""
        path = self._path
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid)

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, that long at most."""
        self._process.join(seconds)

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join()


class Staff:
    """Starts commands, waits for them, kills them, and keeps what they said.

    Args:
        story: Where it is told.
        root: Where the home of safepoint is, and what was said.
        estate: The estate file.
    """

    def __init__(self, story: Story, root: Path, estate: Path) -> None:
        self._story = story
        self._root = root
        self._estate = estate
        self._number = 0
        self.home = root / "home"
        method = "spawn" if os.name == "nt" else "forkserver"
        self._context: Any = multiprocessing.get_context(method)
        if os.name != "nt":
            self._context.set_forkserver_preload(list(_LOADED))

    def start(self, *words: str, called: str = "", clock_is_off_seconds: float = 0.0) -> Command:
        """Start a command, on a machine whose clock may be wrong.

        Args:
            words: The command line, without the estate.
            called: What the story calls it; its first two words when left out.
            clock_is_off_seconds: How wrong the clock is.
        """
        self._number += 1
        said = self._root / f"said-{self._number:03}.txt"
        line = ["--estate", str(self._estate), *words]
        hands = said.with_suffix(".clock")
        clock = Hands(hands)
        if clock_is_off_seconds:
            clock.move(clock_is_off_seconds)
        arguments = (str(self.home), str(said), line, str(hands))
        process = self._context.Process(target=_command, args=arguments)
        process.start()
        self._story.did(called or " ".join(words[:2]))
        return Command(process, said, clock)

    def kill(self, command: Command, what: str) -> None:
        """Kill a command with SIGKILL, unless it has ended."""
        if command.is_alive:
            command.kill()
            self._story.did("kill", what)

    def wait(self, *commands: Command) -> None:
        """Wait until commands have ended; that they do is a promise."""
        for command in commands:
            command.join(_COMMAND_SECONDS)
            ended = not command.is_alive
            detail = f"one had to be killed: {command.said[-300:]}"
            self._story.check("commands end", holds=ended, detail=detail)
            if not ended:
                command.kill()
            is_known = command.exit_code not in _DEFECTS
            detail = f"exit {command.exit_code}: {command.said[-_LAST_LETTERS:]}"
            self._story.check("errors are of the tree", holds=is_known, detail=detail)
            if command.exit_code:
                last = " | ".join(command.said.strip().splitlines()[-_LAST_LINES:])
                self._story.remark(f"exit {command.exit_code}: {last[-_LAST_LETTERS:]}")

    def do(self, *words: str, called: str = "") -> Command:
        """Start a command, wait for its end and return it."""
        command = self.start(*words, called=called)
        self.wait(command)
        return command

    def places(self) -> list[Path]:
        """Return every file that a secret could be in."""
        both = [*self._root.glob("said-*.txt"), *self.home.rglob("*")]
        return [one for one in both if one.is_file()]


def _command(home: str, said: str, words: list[str], clock: str) -> None:
    """Be one command: what it says goes into a file, line by line."""
    os.environ["SAFEPOINT_HOME"] = home
    from safepoint.cli import session  # noqa: PLC0415 - preloaded where processes are forked
    from safepoint.cli.app import main  # noqa: PLC0415 - as above

    set_clock(session, Hands(Path(clock)))
    with Path(said).open("w", encoding="utf-8", buffering=1) as file:
        stream: io.TextIOBase = file
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            code = main(words)
    os._exit(code)
