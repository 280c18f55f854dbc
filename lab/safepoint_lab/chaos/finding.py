"""What a chaotic story leaves to tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Story"]


@dataclass
class Story:
    """One seed: what was done and what was found."""

    seed: int
    steps: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Kills, faults, runs, moves … by name."""
    broken: list[str] = field(default_factory=list)

    def did(self, what: str, detail: str = "") -> None:
        """Note a step."""
        self.counts[what] += 1
        self.steps.append(f"{what} {detail}".strip())

    def check(self, promise: str, *, holds: bool, detail: str = "") -> None:
        """Note a broken promise, once, with the step at which it broke."""
        if holds:
            return
        at = self.steps[-1] if self.steps else "the beginning"
        line = f"{promise}: {detail} (after step {len(self.steps)}: {at})"
        if not any(known.startswith(f"{promise}:") for known in self.broken):
            self.broken.append(line)

    def text(self) -> str:
        """Return the story for people."""
        lines = [f"seed {self.seed}: {len(self.broken)} broken"]
        lines += [f"  BROKEN {line}" for line in self.broken]
        lines += [f"  {number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join(lines)
