"""What each product made of the same job, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from safepoint.cli.output import Column

__all__ = ["COLUMNS", "side_by_side"]

COLUMNS: Final = (
    Column("product", "product"),
    Column("objects", "objects made"),
    Column("protected", "VMs"),
    Column("held", "held"),
    Column("released", "released and merged"),
    Column("restored", "restore compared"),
)
_TITLES: Final = {"veeam": "Veeam", "commvault": "Commvault"}


def side_by_side(facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for Hyper-V itself and for each product that had an act."""
    tasks = facts["run"]["tasks"]
    held = max(float(task["held_seconds"] or 0) for task in tasks)
    yield {
        "product": "Hyper-V itself",
        "objects": "none",
        "protected": len(tasks),
        "held": _at_most(held),
        "released": sum(task["is_released"] is True for task in tasks),
        "restored": "every byte",
    }
    for name, title in _TITLES.items():
        if name in facts:
            act = facts[name]
            yield {
                "product": title,
                "objects": len(act["made"]),
                "protected": act["protected"],
                "held": _at_most(act["held_seconds"]),
                "released": act["released"],
                "restored": "every byte",
            }


def _at_most(seconds: float | None) -> str:
    """Say the longest hold; what a product's own list did not let us see is not told."""
    return "not seen" if seconds is None else f"at most {seconds:.1f} s"
