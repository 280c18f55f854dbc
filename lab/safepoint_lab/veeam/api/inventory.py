"""Browsing servers and what is on them: lists by POST, answered with 200 [S]."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.infrastructure.expressions import keep, sort
from safepoint_lab.veeam.listing import page, page_of
from safepoint_lab.veeam.problems import not_found
from safepoint_lab.veeam.profiles import REV2

__all__ = ["InventoryCalls"]

_SHAPE = "InventoryBrowserFilters"


class InventoryCalls:
    """Handlers of the inventory browser."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        path = f"{API}/inventory"
        return [
            Operation("POST", path, self.roots, shape=_SHAPE, reads=True, optional_body=True),
            Operation(
                "POST",
                f"{path}/{{hostname}}",
                self.below,
                shape=_SHAPE,
                reads=True,
                optional_body=True,
            ),
        ]

    def roots(self, call: Call) -> Answer:
        """List the servers."""
        return self._answer(call, self._engine.inventory.roots())

    def below(self, call: Call) -> Answer:
        """List what is on a server; `resetCache` is gone from 1.3-rev2 [S]."""
        inventory, name = self._engine.inventory, call.path["hostname"]
        server = inventory.server(name)
        if server is None:
            message = "Server"
            raise not_found(message, name)
        if call.flag("resetCache") and call.revision != REV2:
            inventory.refresh(server)
        return self._answer(call, inventory.below(server, call.body.get("hierarchyType", "")))

    def _answer(self, call: Call, rows: list[dict[str, Any]]) -> Answer:
        body = call.body
        wanted = body.get("pagination", {})
        skip, limit = page_of(wanted.get("skip"), wanted.get("limit"))
        kept = sort([row for row in rows if keep(body.get("filter"), row)], body.get("sorting"))
        answer = page(kept[skip : skip + limit], len(kept), skip, limit)
        if "hierarchyType" in body:
            answer["hierarchyType"] = body["hierarchyType"]
        return Answer(200, answer)
