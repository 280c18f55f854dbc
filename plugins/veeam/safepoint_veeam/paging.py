"""Listings in pages: complete, or an error.

Envelope of every list [S]: ``data`` and ``pagination`` (total, count, skip, limit). Filters
apply before skip and limit. Rows repeat or go missing when the set changes between pages; both
show and both raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from safepoint.errors import ProtocolError

__all__ = ["PAGE_SIZE", "Fetch", "pages"]

#: Rows asked for at once; clients use 500 to 2000 [C].
PAGE_SIZE: Final = 500

#: Fetch one page: skip, limit → the answer's JSON.
Fetch = Callable[[int, int], Any]


def pages(
    fetch: Fetch, *, operation: str, system: str, key: str = "id", limit: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """Yield every row once.

    Args:
        fetch: Reads one page.
        operation: For errors.
        system: For errors.
        key: The field that tells rows apart; empty for rows that have none.
        limit: Rows a page.

    Raises:
        ProtocolError: an envelope that does not fit itself, a total that changed, a repeated
            row, or an end before the total.
    """
    seen: set[object] = set()
    done, expected = 0, -1
    while done != expected:
        answer = fetch(done, limit)
        flaw = _flaw_of(answer, done, expected) or _repeated(answer["data"], key, seen)
        if flaw:
            msg = f"{system}: {operation} lists an incomplete or inconsistent result: {flaw}"
            hint = "The set changed while it was listed, or the server's paging is broken."
            raise ProtocolError(msg, hint=hint, operation=operation, system=system)
        expected = answer["pagination"]["total"]
        done += len(answer["data"])
        yield from answer["data"]


def _flaw_of(answer: Any, skip: int, expected: int) -> str:
    """Return what is wrong with a page's frame, empty when nothing is."""
    rows, frame = answer.get("data"), answer.get("pagination")
    if not isinstance(rows, list) or not isinstance(frame, dict):
        return "data or pagination is missing"
    if not all(isinstance(row, dict) for row in rows):
        return "a row is no object"
    total, count = frame.get("total"), len(rows)
    if not isinstance(total, int) or total < 0:
        return "there is no total"
    if expected not in {-1, total}:
        return f"the total went from {expected} to {total}"
    if frame.get("count", count) != count:
        return f"a page says {frame['count']} rows and has {count}"
    if frame.get("skip", skip) != skip:
        return f"asked from {skip}, answered from {frame['skip']}"
    if skip + count > total:
        return f"it holds {skip + count} rows and says {total}"
    return f"it ends at {skip} of {total}" if not count and skip < total else ""


def _repeated(rows: list[dict[str, Any]], key: str, seen: set[object]) -> str:
    for row in rows if key else ():
        ident = row.get(key)
        if not isinstance(ident, str) or ident in seen:
            return f"{key} {ident!r} is missing or comes twice"
        seen.add(ident)
    return ""
