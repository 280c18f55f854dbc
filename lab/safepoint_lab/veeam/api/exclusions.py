"""VMs that every job skips."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing
from safepoint_lab.veeam.records import Exclusion, new_id

__all__ = ["ExclusionCalls"]

_PATH = f"{API}/globalExclusions/vm"


def _model(item: Exclusion, _: Call) -> dict[str, Any]:
    return {"id": item.id, "inventoryObject": item.object, "note": item.note}


_LISTING = Listing[Exclusion](_model, lambda item: item.created_at)


class ExclusionCalls:
    """Handlers of global exclusions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one = f"{_PATH}/{{id}}"
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("POST", _PATH, self.add, shape="GlobalVMExclusionSpec", hyperv=True),
            Operation("GET", one, self.get),
            Operation("DELETE", one, self.remove, deletion=True),
        ]

    def list_all(self, call: Call) -> Answer:
        """List them."""
        return _LISTING.answer(call, self._shelf.all(Exclusion))

    def add(self, call: Call) -> Answer:
        """Exclude a VM."""
        note = call.body.get("note", "")
        item = Exclusion(new_id(), call.body["vmObject"], note, self._engine.now())
        self._shelf.save(item)
        return Answer(201, _model(item, call))

    def get(self, call: Call) -> Answer:
        """Return one."""
        return Answer(200, _model(self._shelf.get(Exclusion, call.path["id"]), call))

    def remove(self, call: Call) -> Answer:
        """Let a VM be processed again."""
        self._shelf.remove(self._shelf.get(Exclusion, call.path["id"]))
        return Answer(204)
