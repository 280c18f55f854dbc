"""What every group of calls shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from safepoint_veeam.caller import Caller, Query
from safepoint_veeam.paging import PAGE_SIZE, pages
from safepoint_veeam.wire.base import WireModel

__all__ = ["Group"]

ModelT = TypeVar("ModelT", bound=WireModel)


class Group:
    """Calls of one part of the API. Errors: those of `Caller.call`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _list(
        self,
        model: type[ModelT],
        name: str,
        query: Query | None = None,
        *,
        unique: str = "id",
        **parts: str,
    ) -> Iterator[ModelT]:
        """List completely or raise; see `paging`. `unique` is the field that tells rows apart."""

        def fetch(skip: int, limit: int) -> object:
            asked = {**(query or {}), "skip": str(skip), "limit": str(limit)}
            return self._caller.call(name, query=asked, **parts)

        system = self._caller.transport.system
        for row in pages(fetch, operation=name, system=system, key=unique, limit=PAGE_SIZE):
            yield model.read(row)
