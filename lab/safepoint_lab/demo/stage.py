"""What every act of the demo is played on, and how acts are added.

An act is a file of its own, `act_<what>.py`, with one `Act`. `acts.py` names them in their order.
The lab carries the products that they name; each act tells only what it has seen, and returns the
facts under its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from safepoint.errors import RunFailedError
from safepoint_lab.daemon import LabClient
from safepoint_lab.demo.shell import Shell

__all__ = ["Act", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A running lab, the command line on its estate, and somebody who listens."""

    lab: LabClient
    shell: Shell
    say: Callable[[str], None]

    def act(self, title: str) -> None:
        """Begin an act."""
        self.say("")
        self.say(f"== {title}")

    def must(self, truth: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion in words
        """Stop the demo unless something is as it has to be.

        Raises:
            RunFailedError: it is not.
        """
        if not truth:
            msg = f"the demo stops: {otherwise}"
            raise RunFailedError(msg, hint="Run it with --keep and look at what is left.")

    def switched(self, name: str, old: str, new: str) -> Shell:
        """Return the command line on a copy of the estate in which the job says `new` for `old`."""
        estate = self.shell.estate
        head, kind, job = estate.read_text(encoding="utf-8").rpartition("kind: ProtectionJob")
        self.must(old in job, f"the job does not say {old}")
        copy = estate.with_name(f"estate-{name}.yaml")
        copy.write_text(head + kind + job.replace(old, new), encoding="utf-8")
        return Shell(self.shell.home, copy)


@dataclass(frozen=True)
class Act:
    """One act beyond the story of Hyper-V itself."""

    name: str
    """The key of its facts."""
    product: str
    """The simulated product it needs; empty for none."""
    play: Callable[[Stage], dict[str, Any]]
    """Plays it and returns its facts."""
