"""What every group of calls shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from safepoint.errors import OutcomeUnknownError
from safepoint_commvault.caller import Caller
from safepoint_commvault.wire.base import WireModel, as_list

__all__ = ["Group"]

ModelT = TypeVar("ModelT", bound=WireModel)


class Group:
    """Calls of one part of the web service. Errors: those of `Caller.call`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _rows(self, model: type[ModelT], answer: Mapping[str, Any], *keys: str) -> list[ModelT]:
        """Read a list under the first of these keys that is there; none of them means empty.

        The product leaves an empty list out, so a missing key cannot be told from no rows.
        """
        for key in keys:
            if key in answer:
                return [model.read(row) for row in as_list(answer[key])]
        return []

    def _created(self, operation: str, answer: Mapping[str, Any], *paths: str) -> str:
        """Return the id of what was created, from the first path that holds one.

        Raises:
            OutcomeUnknownError: nothing says what it is called, nor that it was not created.
        """
        for path in paths:
            place: Any = answer
            for part in path.split("."):
                place = place.get(part) if isinstance(place, Mapping) else None
            if place not in {None, ""} and not isinstance(place, Mapping):
                return str(place)
        system = self._caller.transport.system
        msg = f"{system}: the answer to {operation} names no object"
        raise OutcomeUnknownError(msg, operation=operation, system=system)
