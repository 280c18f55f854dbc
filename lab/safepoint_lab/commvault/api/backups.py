"""Starting backups: of a group, of a VM, of everything of a plan."""

from __future__ import annotations

from safepoint_lab.commvault.api.job_models import started
from safepoint_lab.commvault.backup import BackupWish
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import TASK, Problem, not_found
from safepoint_lab.commvault.records import Plan, VmGroup
from safepoint_lab.commvault.vocabulary import Activity

__all__ = ["BackupCalls"]


class BackupCalls:
    """Handlers that start backups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        machine = "V4/VirtualMachines/{guid}/backup"
        return [
            Operation("POST", "Subclient/{id}/action/backup", self.group, TASK),
            Operation("POST", "V4/VmGroup/{id}/backup", self.group_v4),
            Operation("POST", machine, self.machine),
            Operation("POST", "v2/vsa/vm/{guid}/backup", self.machine, TASK),
            Operation("POST", "V4/ServerPlan/{id}/Backup/Run", self.plan),
        ]

    def group(self, call: Call) -> Answer:
        """Back a subclient up; with a synthetic full an increment may go before or after."""
        incremental = ""
        if call.flag("runIncrementalBackup"):
            word = call.query.get("incrementallevel", "before_synth").casefold()
            incremental = "after" if word == "after_synth" else "before"
        level = call.query.get("backuplevel", "incremental")
        return self._start(call, call.ident(), BackupWish(level, incremental=incremental))

    def group_v4(self, call: Call) -> Answer:
        """Back a VM group up; incremental unless it says otherwise [O]."""
        wish = BackupWish(call.query.get("backuplevel") or "INCREMENTAL")
        return self._start(call, call.ident(), wish)

    def machine(self, call: Call) -> Answer:
        """Back one VM up, in the first enabled group that has it [?]."""
        guid = call.path["guid"].upper()
        wish = BackupWish(call.query.get("backuplevel") or "INCREMENTAL", vms=(guid,))
        groups = sorted(self._engine.groups.all(), key=lambda item: (item.is_default, item.id))
        for group in groups:
            if Activity.BACKUP in group.disabled:
                continue
            if any(vm.guid == guid for vm in self._engine.resolver.group(group)):
                return self._start(call, group.id, wish)
        message = f"Virtual machine [{guid}] is in no VM group (simulated text)"
        raise Problem(message, status=404)

    def plan(self, call: Call) -> Answer:
        """Back up every group of a plan."""
        plan = self._engine.shelf.get(Plan, call.ident())
        wish = BackupWish(call.query.get("backuplevel") or "INCREMENTAL")
        users = self._engine.plans.users(plan)
        if not users:
            raise not_found(what="Entity of plan", ident=plan.name)
        jobs = [self._engine.backups.start(group, wish, call.user) for group in users]
        return started(*jobs)

    def _start(self, call: Call, ident: int, wish: BackupWish) -> Answer:
        group = self._engine.shelf.get(VmGroup, ident)
        return started(self._engine.backups.start(group, wish, call.user))
