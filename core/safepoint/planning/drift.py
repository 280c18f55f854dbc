"""What somebody changed by hand in a product, told apart from what the documents changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from safepoint.models.attributes import Attributes, Value, same_value
from safepoint.models.plans import Action, Plan, PlannedChange
from safepoint.planning.guards import is_check

__all__ = ["DriftLine", "Side", "drift_of"]


class Side(StrEnum):
    """Who moved away from what was applied last."""

    PRODUCT = "product"
    """Somebody changed the product."""
    ESTATE = "estate"
    """The documents say something new."""
    BOTH = "both"
    UNKNOWN = "unknown"
    """safepoint never applied it from here, so nobody can tell."""


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One field that is not what the documents say."""

    connection: str
    address: str
    field: str
    """Empty when the object as a whole is missing or too much."""
    declared: Value
    observed: Value
    side: Side
    note: str = ""


Applied = Mapping[str, Mapping[str, Mapping[str, Any] | None]]


def drift_of(plan: Plan, applied: Applied) -> Iterator[DriftLine]:
    """Return every difference between documents and products.

    Args:
        plan: A fresh plan.
        applied: Per connection and address the attributes that were written last.
    """
    for change in plan.changes:
        last = applied.get(change.connection, {})
        is_known = change.address in last
        yield from _lines(change, last.get(change.address), is_known=is_known)


def _lines(
    change: PlannedChange, last: Mapping[str, Any] | None, *, is_known: bool
) -> Iterator[DriftLine]:
    place = {"connection": change.connection, "address": change.address}
    if change.action in {Action.CREATE, Action.RETIRE, Action.DELETE}:
        was_there = is_known and last is not None
        if change.action is Action.CREATE:
            side = Side.PRODUCT if was_there else Side.ESTATE
            note = "deleted in the product" if was_there else "declared, not applied yet"
        else:
            side, note = Side.ESTATE, "no document asks for it any more"
        yield DriftLine(**place, field="", declared=None, observed=None, side=side, note=note)
        return
    if change.after is not None and is_check(change.after):
        return  # a finding, not a drift
    before = Attributes(dict(last)) if last is not None else None
    for one in change.fields:
        side = _side(before, one.field, one.after, one.before) if is_known else Side.UNKNOWN
        note = change.reason if change.action is not Action.UPDATE else ""
        yield DriftLine(
            **place, field=one.field, declared=one.after, observed=one.before, side=side, note=note
        )


def _side(last: Attributes | None, field: str, declared: Value, observed: Value) -> Side:
    known = last.get(field) if last is not None else None
    by_product = not same_value(known, observed)
    by_estate = not same_value(known, declared)
    if by_product and by_estate:
        return Side.BOTH
    return Side.PRODUCT if by_product else Side.ESTATE
