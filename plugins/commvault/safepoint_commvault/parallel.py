"""Several questions at once: the product answers one object at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["in_parallel"]

_AT_ONCE: Final = 8

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_parallel(look: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
    """Look at several things at once, in their order; the first failure is raised."""
    if len(items) < 2:
        return [look(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(items))) as pool:
        return list(pool.map(look, items))
