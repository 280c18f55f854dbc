"""Server plans: the V2 lists that the SDK reads [S], and the V4 family [O]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safepoint_lab.commvault.api.entities import done, group_entity
from safepoint_lab.commvault.backup.extended import PERIODS
from safepoint_lab.commvault.bodies import flag, identity, inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.plans import POOL_NAME, PlanWish, changed
from safepoint_lab.commvault.problems import PLAN, invalid, missing, not_found
from safepoint_lab.commvault.records import Hypervisor, Plan
from safepoint_lab.commvault.vocabulary import SERVER_PLAN

__all__ = ["PlanCalls"]

_V2, _V4 = "V2/Plan", "V4/ServerPlan"
_DAY_MINUTES = 1440
_MINUTES = {"MINUTES": 1, "DAILY": _DAY_MINUTES, "WEEKLY": 7 * _DAY_MINUTES}
_CYCLES = "retainBackupDataForCycles"
_RULES = (
    "firstExtendedRetentionRule",
    "secondExtendedRetentionRule",
    "thirdExtendedRetentionRule",
)


class PlanCalls:
    """Handlers of plans."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._desk = engine.plans

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _V2, self.list_v2, PLAN),
            Operation("GET", f"{_V2}/Eligible", self.list_v2, PLAN),
            Operation("GET", f"{_V2}/{{id}}", self.get_v2, PLAN),
            Operation("PUT", f"{_V2}/{{id}}", self.change_v2, PLAN),
            Operation("GET", f"{_V2}/{{id}}/AssociatedEntities", self.entities, PLAN),
            Operation("DELETE", f"{_V2}/{{id}}", self.delete, PLAN),
            Operation("GET", "V4/Plan/Summary", self.summary),
            Operation("GET", "V4/Plan/Summary/{id}", self.summary_of),
            Operation("GET", "V4/PlanIds", self.idents),
            Operation("POST", _V4, self.create),
            Operation("GET", f"{_V4}/{{id}}", self.get),
            Operation("PUT", f"{_V4}/{{id}}", self.change),
            Operation("DELETE", f"{_V4}/{{id}}", self.delete),
            Operation("GET", f"{_V4}/{{id}}/RPO", self.rpo),
            Operation("GET", f"{_V4}/{{id}}/BackupDestinations", self.copies),
            Operation("PUT", f"{_V4}/{{id}}/BackupDestination/{{copyId}}", self.change_copy),
        ]

    def list_v2(self, _: Call) -> Answer:
        """List plans."""
        found = [
            {
                "plan": {"planId": item.id, "planName": item.name, "planGUID": item.guid},
                "rpoInMinutes": item.rpo_minutes,
                "numCopies": 1,
                "type": 2,
                "subtype": SERVER_PLAN,
                "description": item.description,
                "numAssocEntities": len(self._desk.users(item)),
            }
            for item in self._desk.all()
        ]
        return Answer({"plans": found})

    def get_v2(self, call: Call) -> Answer:
        """Describe a plan; the days of the one copy, and its cycles when it counts them."""
        item = self._find(call)
        rules: dict[str, Any] = {"retainBackupDataForDays": item.days}
        if item.cycles is not None:
            rules[_CYCLES] = item.cycles
        copy = {
            "StoragePolicyCopy": {"copyId": item.copy_id, "copyName": item.copy_name},
            "retentionRules": rules,
            "useGlobalPolicy": {"storagePolicyId": item.pool_id, "storagePolicyName": POOL_NAME},
            "isDefault": 1,
            "isSnapCopy": 0,
        }
        entity = {"planId": item.id, "planName": item.name, "planGUID": item.guid}
        body = {
            "summary": {
                "plan": entity,
                "slaInMinutes": item.rpo_minutes,
                "rpoInMinutes": item.rpo_minutes,
                "type": 2,
                "subtype": SERVER_PLAN,
                "description": item.description,
            },
            "storage": {"copy": [copy]},
            "operationWindow": {"ruleId": 0},
            "fullOperationWindow": {"ruleId": 0},
        }
        return Answer({"plan": body})

    def change_v2(self, call: Call) -> Answer:
        """Change retention in days and cycles; the body mirrors what is read [?]."""
        copies = rows(inside(call.body, "plan.storage") or inside(call.body, "storage"), "copy")
        if not copies:
            raise missing(field="storage.copy")
        rules = inside(copies[0], "retentionRules")
        days = integer(rules, "retainBackupDataForDays") or None
        cycles = integer(rules, _CYCLES) if _CYCLES in rules else None
        self._desk.change(self._find(call), PlanWish(days=days, cycles=cycles))
        return Answer({"error": {"errorCode": 0}})

    def entities(self, call: Call) -> Answer:
        """List what a plan is associated with [S]."""
        shelf = self._engine.shelf
        found = [
            group_entity(hypervisor, group)
            for group in self._desk.users(self._find(call))
            if (hypervisor := shelf.find(Hypervisor, group.hypervisor_id)) is not None
        ]
        return Answer({"entities": found})

    def summary(self, _: Call) -> Answer:
        """List plans."""
        found = [self._summary(item) for item in self._desk.all()]
        return Answer({"plans": found, "plansCount": len(found)})

    def summary_of(self, call: Call) -> Answer:
        """Sum one plan up."""
        return Answer(self._summary(self._find(call)))

    def idents(self, _: Call) -> Answer:
        """List ids and names."""
        return Answer({"idsInfo": [_entity(item) for item in self._desk.all()]})

    def create(self, call: Call) -> Answer:
        """Make a plan; the answer lists errors of components, none is code 0."""
        body = dict(call.body)
        body["rpo"] = changed({}, inside(body, "rpo"))
        wish = self._wish(body, text(body, "planName"), need_copy=True)
        made = self._desk.add(wish)
        return Answer({"plan": _entity(made), "errors": []})

    def get(self, call: Call) -> Answer:
        """Describe a plan."""
        item = self._find(call)
        body = {
            "plan": _entity(item),
            "backupDestinations": [_copy(item)],
            "rpo": item.rpo,
            "settings": {},
            "associatedEntities": {"count": len(self._desk.users(item))},
        }
        return Answer(body)

    def change(self, call: Call) -> Answer:
        """Change name, description, schedule."""
        item = self._find(call)
        body = dict(call.body)
        if "rpo" in body:
            body["rpo"] = changed(item.rpo, inside(body, "rpo"))
        self._desk.change(item, self._wish(body, text(body, "newName"), need_copy=False))
        return Answer(done())

    def delete(self, call: Call) -> Answer:
        """Delete a plan; the SDK's way to delete reads ``errorCode`` within ``error`` [?]."""
        self._desk.remove(self._find(call))
        return Answer({**done(), "error": {"errorCode": 0}})

    def rpo(self, call: Call) -> Answer:
        """Return the schedule."""
        return Answer(self._find(call).rpo)

    def copies(self, call: Call) -> Answer:
        """List the copies of a plan: one."""
        return Answer({"destinations": [_copy(self._find(call))]})

    def change_copy(self, call: Call) -> Answer:
        """Change name and retention of the copy."""
        item = self._find(call)
        if call.ident("copyId") != item.copy_id:
            raise not_found(what="Backup destination", ident=call.path["copyId"])
        self._desk.change(item, _copy_wish(PlanWish(), call.body))
        return Answer(done())

    def _find(self, call: Call) -> Plan:
        return self._engine.shelf.get(Plan, call.ident())

    def _summary(self, item: Plan) -> dict[str, Any]:
        return {
            "plan": _entity(item),
            "planType": "Server",
            "RPO": item.rpo_minutes,
            "numberOfCopies": 1,
            "associatedEntities": len(self._desk.users(item)),
            "status": "PLAN_COMPLETED",
            "description": item.description,
        }

    def _wish(self, body: Mapping[str, Any], name: str, *, need_copy: bool) -> PlanWish:
        copies = rows(body, "backupDestinations")
        if need_copy and not copies:
            raise missing(field="backupDestinations")
        rpo = dict(inside(body, "rpo")) if "rpo" in body else None
        base = PlanWish(
            name=name or None,
            description=text(body, "description") if "description" in body else None,
            rpo=rpo,
            rpo_minutes=None if rpo is None else _rpo_minutes(rpo),
        )
        return _copy_wish(base, copies[0] if copies else {})


def _copy_wish(base: PlanWish, copy: Mapping[str, Any]) -> PlanWish:
    """Return a wish with what a body says of the one copy."""
    pool = inside(copy, "storagePool")
    days = integer(copy, "retentionPeriodDays") or None
    rule = text(copy, "retentionRuleType").upper() or "RETENTION_PERIOD"
    if rule != "RETENTION_PERIOD":
        raise invalid(field="retentionRuleType", reason=f"'{rule}' is not supported here")
    if not flag(copy, "overrideRetentionSettings", default=True):
        days = None
    return replace(
        base,
        copy_name=text(copy, "newName") or text(copy, "backupDestinationName") or None,
        pool=identity(pool, "id", "name") if pool else None,
        days=days,
        days_only=days is not None,
        extended=_extended(copy) if "useExtendedRetentionRules" in copy else None,
    )


def _entity(item: Plan) -> dict[str, Any]:
    return {"id": item.id, "name": item.name}


def _copy(item: Plan) -> dict[str, Any]:
    return {
        "id": item.copy_id,
        "backupDestinationName": item.copy_name,
        "planBackupDestination": {"id": item.copy_id, "name": item.copy_name},
        "storagePool": {"id": item.pool_id, "name": POOL_NAME},
        "storageType": "DISK",
        "overrideRetentionSettings": True,
        "retentionRuleType": "RETENTION_PERIOD",
        "retentionPeriodDays": item.days,
        "useExtendedRetentionRules": bool(item.extended),
        "extendedRetentionRules": item.extended,
        "backupStartTime": -1,
        "isDefault": True,
    }


def _extended(copy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that keep fulls for longer; wrong ones are refused [O]."""
    if not flag(copy, "useExtendedRetentionRules"):
        return {}
    given = inside(copy, "extendedRetentionRules")
    found = {name: dict(inside(given, name)) for name in _RULES if name in given}
    for rule in found.values():
        kind = text(rule, "type", required=True).upper()
        if kind not in PERIODS:
            raise invalid(field="type", reason=f"'{kind}' is unknown")
        if not flag(rule, "isInfiniteRetention") and integer(rule, "retentionPeriodDays") < 1:
            raise missing(field="retentionPeriodDays")
    return found


def _rpo_minutes(rpo: Mapping[str, Any]) -> int:
    """Return the shortest distance of the schedules; wrong ones are refused."""
    found = []
    for item in rows(inside(rpo, "backupFrequency"), "schedules"):
        pattern = inside(item, "schedulePattern")
        word = text(pattern, "scheduleFrequencyType", required=True).upper()
        known = (*_MINUTES, "MONTHLY", "YEARLY", "AUTOMATIC")
        if word not in known:
            raise invalid(field="scheduleFrequencyType", reason=f"'{word}' is unknown")
        if word in _MINUTES:
            found.append(_MINUTES[word] * max(1, integer(pattern, "frequency", 1)))
    return min(found, default=_DAY_MINUTES)
