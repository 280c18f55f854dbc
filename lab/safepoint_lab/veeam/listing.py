"""Lists: filters first, then sorting, then skip and limit [S][C].

A `Listing` says for one endpoint which filters and columns it has; everything else in the query
is ignored, as names are case-sensitive and unknown ones have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from safepoint_lab.veeam.calls import Answer, Call
from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.wording import parse_time

__all__ = ["DEFAULT_LIMIT", "Listing", "after", "any_of", "before", "like", "page", "page_of"]

DEFAULT_LIMIT = 200
_LARGEST = 2**31 - 1

R = TypeVar("R")
Filter = Callable[[R, Sequence[str]], bool]


@dataclass(frozen=True)
class Listing(Generic[R]):
    """How records of one kind are listed.

    Attributes:
        render: Makes the JSON of one record for this call.
        filters: By query parameter: record and values to whether it stays.
        columns: By `orderColumn` value in lower case: what to sort by.
        default: What the list is sorted by when nothing is asked.
    """

    render: Callable[[R, Call], dict[str, Any]]
    default: Callable[[R], Any]
    filters: Mapping[str, Filter[R]] = field(default_factory=dict)
    columns: Mapping[str, Callable[[R], Any]] = field(default_factory=dict)

    def answer(self, call: Call, items: Sequence[R]) -> Answer:
        """Answer a listing of records."""
        for name, keep in self.filters.items():
            values = call.query.get(name)
            if values:
                items = [item for item in items if keep(item, values)]
        ordered = sorted(items, key=self._key(call), reverse=_descending(call))
        skip, limit = page_of(call.one("skip"), call.one("limit"))
        rows = [self.render(item, call) for item in ordered[skip : skip + limit]]
        return Answer(200, page(rows, len(ordered), skip, limit))

    def _key(self, call: Call) -> Callable[[R], Any]:
        column = call.one("orderColumn")
        if column is None:
            return self.default
        if column.casefold() not in self.columns:
            raise invalid(
                field="orderColumn", reason="'orderColumn' has an unknown value.", value=column
            )
        return self.columns[column.casefold()]


def page(rows: list[Any], total: int, skip: int, limit: int) -> dict[str, Any]:
    """Return the envelope of a list; `total` counts after filtering [S]."""
    pagination = {"total": total, "count": len(rows), "skip": skip, "limit": limit}
    return {"data": rows, "pagination": pagination}


def page_of(skip: object, limit: object) -> tuple[int, int]:
    """Return skip and limit; `ApiError` 400 unless skip is 0 or more and limit 1 or more."""
    return _number("skip", skip, 0, 0), _number("limit", limit, DEFAULT_LIMIT, 1)


def like(pattern: str, text: str) -> bool:
    """Match a name filter: ``*`` at the beginning, the end or both; in any case [S]."""
    wanted, shown = pattern.casefold(), text.casefold()
    core = wanted.strip("*")
    if wanted.startswith("*") and wanted.endswith("*"):
        return core in shown
    if wanted.startswith("*"):
        return shown.endswith(core)
    return shown.startswith(core) if wanted.endswith("*") else shown == core


def any_of(values: Sequence[str], *shown: str) -> bool:
    """Tell whether one of the values is meant, in any case."""
    wanted = {value.casefold() for value in values}
    return any(text.casefold() in wanted for text in shown)


def after(moment: datetime | None, values: Sequence[str]) -> bool:
    """Tell whether a time is at or after that of a filter."""
    limit = parse_time(values[0])
    return moment is not None and (limit is None or moment >= limit)


def before(moment: datetime | None, values: Sequence[str]) -> bool:
    """Tell whether a time is at or before that of a filter."""
    limit = parse_time(values[0])
    return moment is not None and (limit is None or moment <= limit)


def _descending(call: Call) -> bool:
    asked = call.one("orderAsc")
    return asked is not None and asked.casefold() == "false"


def _number(name: str, value: object, default: int, least: int) -> int:
    if value is None or value == "":
        return default
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if not least <= number <= _LARGEST:
        raise invalid(
            field=name, reason=f"'{name}' must be a number of at least {least}.", value=str(value)
        )
    return number
