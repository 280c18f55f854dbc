"""Putting the Virtual Server Agent on nodes: one job for all that lack it, then a look at each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError, OutcomeUnknownError
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.plans import Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint.models.systems import ClusterInfo
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.naming import Names
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.states import is_over, is_success
from safepoint_commvault.wire.objects import ClientNode
from safepoint_commvault.wire.work import Job

__all__ = ["Installing"]

_HINT: Final = (
    "Look at the job in the Command Center; reboot a node that waits for it, open the firewall, "
    "or install the agent there by hand. Then apply again: only what is missing is installed."
)


@dataclass(frozen=True, slots=True)
class Installing:
    """Pushes the agent and follows the job."""

    client: CommvaultClient
    names: Names
    observer: Observer

    def apply(self, change: Change, cluster: ClusterInfo) -> Resource | Ref | None:
        """Install what is missing and return the job to follow; nothing missing needs none.

        The product knows no operation keys: an installation that is under way is taken for ours.
        """
        machines = self.client.machines.access_nodes()
        missing = _missing(change.after, machines)
        if not missing:
            return self.observer.agents_of(cluster, machines)
        running = self._running()
        if running is None:
            running = self._install(missing)
        content = {"job": running, "nodes": missing}
        text = json.dumps(content, separators=(",", ":"))
        return Ref(kind="install", system=self.names.connection, id=text)

    def _running(self) -> str | None:
        # The word for such a job is inferred: no source names its type.
        jobs = self.client.jobs.listed(only_active=True)
        return next((job.id for job in jobs if "install" in job.kind.casefold()), None)

    def _install(self, missing: Sequence[str]) -> str:
        username, password = self.names.settings.installer
        if not username:
            msg = "no account to install the Virtual Server Agent with"
            raise ConflictError(msg, hint="Set `hypervUsername` or `installUsername`.")
        known = self.client.machines.all()
        targets = [_target(name, known) for name in missing]
        commserve = self.client.machines.comm_serve()
        started = self.client.machines.install_vsa(targets, username, password, commserve)
        if not started.jobs:
            msg = f"{self.client.system}: the installation was accepted and no job was named"
            raise OutcomeUnknownError(msg, operation="create-task", system=self.client.system)
        return started.jobs[0]

    def status(self, change: Ref) -> OperationStatus:
        """Look at the job; once it has ended, look at every node."""
        ident, nodes = _read(change)
        job = self.client.jobs.get(ident)
        if job is None:
            return OperationStatus(ref=change, state=OperationState.UNKNOWN)
        if not is_over(job.status):
            percent = job.percent or 0
            return OperationStatus(ref=change, state=OperationState.RUNNING, percent=percent)
        lacking = self._lacking(nodes)
        if lacking:
            return _failure(change, job, lacking)
        warning = "" if is_success(job.status) else f"install job {job.id}: {job.status}"
        return OperationStatus(
            ref=change,
            state=OperationState.SUCCEEDED,
            percent=100,
            warnings=(warning,) if warning else (),
        )

    def _lacking(self, nodes: Sequence[str]) -> list[str]:
        """Return the nodes that the product itself does not show with the agent."""
        machines = self.client.machines.access_nodes()
        lacking: list[str] = []
        for name in nodes:
            found = next((m for m in machines if m.is_called(name)), None)
            if found is None or not self.client.machines.has_vsa(found.id):
                lacking.append(name)
        return lacking


def _missing(wished: Resource | None, machines: Sequence[ClientNode]) -> list[str]:
    wanted = [name.partition(".")[2] for name in (wished.attributes if wished else ())]
    return [name for name in wanted if not any(m.is_called(name) for m in machines)]


def _target(name: str, known: Sequence[ClientNode]) -> ClientNode:
    found = next((machine for machine in known if machine.is_called(name)), None)
    return found or ClientNode(id="0", name=name)


def _read(change: Ref) -> tuple[str, list[str]]:
    try:
        content = json.loads(change.id)
        return str(content["job"]), [str(name) for name in content["nodes"]]
    except (ValueError, KeyError, TypeError):
        msg = f"{change} is no installation of this driver"
        raise InvalidRequestError(msg) from None


def _failure(change: Ref, job: Job, lacking: Sequence[str]) -> OperationStatus:
    reason = f": {job.reason}" if job.reason else ""
    names = ", ".join(lacking)
    return OperationStatus(
        ref=change,
        state=OperationState.FAILED,
        code=NotFoundError.code if not job.reason else "vendor-fault",
        message=f"no Virtual Server Agent on {names} after job {job.id} ({job.status}{reason})",
        hint=_HINT,
        native_code=job.reason_code,
        native_message=job.reason or "",
    )
