"""Field by field: what differs between two resources in normal form."""

from __future__ import annotations

from safepoint.models.attributes import Attributes, same_value
from safepoint.models.plans import FieldChange
from safepoint.models.resources import Resource

__all__ = ["diff"]

_NOTHING = Attributes()


def diff(before: Resource | None, after: Resource | None) -> tuple[FieldChange, ...]:
    """Return the fields that differ, sorted by name; fields that are only written never do."""
    old = before.attributes if before is not None else _NOTHING
    new = after.attributes if after is not None else _NOTHING
    hidden = {*(before.write_only if before else ()), *(after.write_only if after else ())}
    return tuple(
        FieldChange(field=name, before=old.get(name), after=new.get(name))
        for name in sorted({*old, *new} - hidden)
        if not same_value(old.get(name), new.get(name))
    )
