"""Activity control: servers, groups, entities and the whole CommCell [O][S]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from safepoint_lab.commvault.api.entities import done
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import PLAN, invalid, not_found
from safepoint_lab.commvault.records import Client, CommCell, Hypervisor, VmGroup
from safepoint_lab.commvault.vocabulary import Activity
from safepoint_lab.commvault.wording import seconds

__all__ = ["ActivityCalls"]

_WORDS = {"Backup": Activity.BACKUP, "Restore": Activity.RESTORE, "DataAging": Activity.AGING}
_SERVER, _SUBCLIENT = "3", "7"


class ActivityCalls:
    """Handlers that switch activities."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        found = []
        for word, activity in _WORDS.items():
            for action in ("Enable", "Disable"):
                tail = f"{word}/Action/{action}"
                enable = action == "Enable"
                server = self._switcher(self._server, activity, enable=enable)
                group = self._switcher(self._group, activity, enable=enable)
                found.append(Operation("PUT", f"V4/Server/{{id}}/{tail}", server))
                found.append(Operation("PUT", f"V4/Subclient/{{id}}/{tail}", group))
                whole = self._switcher(self._commcell, activity, enable=enable)
                found.append(Operation("PUT", f"V4/Commcell/{tail}", whole))
        for action in ("Enable", "Disable"):
            legacy = self._legacy(enable=action == "Enable")
            path = f"CommCell/ActivityControl/{{activityType}}/Action/{action}"
            found.append(Operation("POST", path, legacy, PLAN))
        found.append(Operation("GET", "V4/CommCell/ActivityControl", self.whole))
        entity = "V4/Entity/{entityType}/{id}/ActivityControl/{activityType}/Action"
        for action in ("Enable", "Disable"):
            handler = self._generic(enable=action == "Enable")
            found.append(Operation("PUT", f"{entity}/{action}", handler))
        return found

    def whole(self, _: Call) -> Answer:
        """Tell the switches of the whole system, as the SDK reads them [S]."""
        commcell = self._engine.activities.commcell
        found = [
            {
                "activityType": int(activity),
                "enabled": activity not in commcell.disabled,
                "reEnableTime": seconds(commcell.enable_at.get(activity)),
                "noSchedEnable": activity not in commcell.enable_at,
                "reenableTimeZone": "UTC",
            }
            for activity in Activity
        ]
        return Answer({"acObjects": found})

    def _switcher(
        self, find: Callable[[int], Any], activity: int, *, enable: bool
    ) -> Callable[[Call], Answer]:
        def handle(call: Call) -> Answer:
            ident = call.ident() if "id" in call.path else 0
            self._engine.activities.switch(find(ident), activity, enable=enable)
            return Answer(done())

        return handle

    def _legacy(self, *, enable: bool) -> Callable[[Call], Answer]:
        def handle(call: Call) -> Answer:
            activity = _known(call.ident("activityType"))
            self._engine.activities.switch(self._commcell(0), activity, enable=enable)
            return Answer({"errorCode": 0, "errorMessage": "", "error": {"errorCode": 0}})

        return handle

    def _generic(self, *, enable: bool) -> Callable[[Call], Answer]:
        def handle(call: Call) -> Answer:
            kinds = {_SERVER: self._server, _SUBCLIENT: self._group}
            find = kinds.get(call.path["entityType"])
            if find is None:
                raise invalid(field="entityType", reason="only 3 and 7 are supported here")
            activity = _known(call.ident("activityType"))
            self._engine.activities.switch(find(call.ident()), activity, enable=enable)
            return Answer(done())

        return handle

    def _commcell(self, _: int) -> CommCell:
        return self._engine.activities.commcell

    def _server(self, ident: int) -> Client | Hypervisor:
        shelf = self._engine.shelf
        found = shelf.find(Hypervisor, ident) or shelf.find(Client, ident)
        if found is None:
            raise not_found(what="Server", ident=ident)
        return found

    def _group(self, ident: int) -> VmGroup:
        return self._engine.shelf.get(VmGroup, ident)


def _known(activity: int) -> int:
    if activity not in list(Activity):
        raise invalid(field="activityType", reason=f"{activity} is not supported here")
    return activity
