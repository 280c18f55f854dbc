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
    kinds: set[str] = field(default_factory=set)
    """Which faults of the catalogue were armed."""
    broken: list[str] = field(default_factory=list)
    remarks: dict[int, list[str]] = field(default_factory=dict)
    """What commands said at their ends, by the number of steps before."""

    def did(self, what: str, detail: str = "") -> None:
        """Note a step."""
        self.counts[what] += 1
        self.steps.append(f"{what} {detail}".strip())

    def count(self, what: str, number: int = 1) -> None:
        """Count what is no step."""
        self.counts[what] += number

    def remark(self, text: str) -> None:
        """Note what may help whoever looks into the story."""
        self.remarks.setdefault(len(self.steps), []).append(text)

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
        for number, step in enumerate(self.steps, 1):
            lines.append(f"  {number}. {step}")
            lines += [f"       {remark}" for remark in self.remarks.get(number, ())]
        return "\n".join(lines)
