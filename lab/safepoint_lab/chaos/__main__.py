"""``python -m safepoint_lab.chaos``: many seeds, one line of sums, every broken promise in full."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.memory import MemoryChaos
from safepoint_lab.chaos.site import SiteChaos


def main() -> int:
    """Run the seeds asked for; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--engine",
        choices=("memory", "lab"),
        default="memory",
        help="a world in memory, or real processes on a lab",
    )
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--steps", type=int, default=14, help="how much happens in each")
    chosen = parser.parse_args()
    began = time.monotonic()
    counts: Counter[str] = Counter()
    kinds: set[str] = set()
    bad: list[Story] = []
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        kind = MemoryChaos if chosen.engine == "memory" else SiteChaos
        story = kind(seed, chosen.steps).run()
        counts += story.counts
        kinds |= story.kinds
        kills, took = story.counts["kill"], time.monotonic() - began
        line = f"seed {seed}: {len(story.steps)} steps, {kills} kills, {took:.0f} s so far"
        print(line, flush=True)  # noqa: T201 - a program of its own
        if story.broken:
            bad.append(story)
            print(story.text(), flush=True)  # noqa: T201 - as above
    sums = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    if kinds:
        print(f"faults of the catalogue: {', '.join(sorted(kinds))}")  # noqa: T201 - as above
    took = time.monotonic() - began
    print(f"{chosen.seeds} seeds in {took:.0f} s: {sums}; {len(bad)} with a broken promise")  # noqa: T201 - as above
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
