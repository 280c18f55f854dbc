"""Filter trees and sorting of the inventory calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["keep", "sort"]


def keep(expression: dict[str, Any] | None, item: dict[str, Any]) -> bool:
    """Tell whether an object passes a filter tree; none lets everything pass."""
    if expression is None:
        return True
    if expression["type"] == "PredicateExpression":
        return _predicate(expression, item)
    results = [keep(part, item) for part in expression["items"]]
    if expression["operation"] == "And":
        return all(results)
    return any(results) if expression["operation"] == "Or" else not any(results)


def sort(rows: list[dict[str, Any]], sorting: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the objects in the order asked for, by name when nothing is."""
    wanted = sorting or {"property": "name"}
    return sorted(
        rows,
        key=lambda item: str(item.get(wanted["property"], "")).casefold(),
        reverse=wanted.get("direction") == "Descending",
    )


def _predicate(expression: dict[str, Any], item: dict[str, Any]) -> bool:
    shown = str(item.get(expression["property"], "")).casefold()
    wanted = expression["value"].casefold()
    tests: dict[str, Callable[[], bool]] = {
        "In": lambda: shown in [part.strip() for part in wanted.split(",")],
        "Contains": lambda: wanted in shown,
        "Equals": lambda: shown == wanted,
        "NotEquals": lambda: shown != wanted,
        "LessThan": lambda: shown < wanted,
        "LessThanOrEqual": lambda: shown <= wanted,
        "GreaterThan": lambda: shown > wanted,
        "GreaterThanOrEqual": lambda: shown >= wanted,
        "StartsWith": lambda: shown.startswith(wanted),
        "EndsWith": lambda: shown.endswith(wanted),
    }
    return tests[expression["operation"]]()
