"""Pushing software to nodes: one job a request, an outcome a node."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial

from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.infrastructure.clients import ClientDesk
from safepoint_lab.commvault.jobs import JobDesk, Stopped
from safepoint_lab.commvault.problems import invalid, missing
from safepoint_lab.commvault.records import Job
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.commvault.vocabulary import PACKAGES, Status
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.work import Crew
from safepoint_lab.world.enums import NodeState
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import Node

__all__ = ["InstallWish", "Installer"]

_FAILED_CODE = "68:42"
_PHASE = "Install"


@dataclass(frozen=True, slots=True)
class InstallWish:
    """What shall be installed where: host names with the client names asked for."""

    hosts: tuple[tuple[str, str], ...]
    packages: tuple[int, ...]
    user_name: str
    password: str = field(repr=False)
    reboot: bool = False


class Installer:
    """Starts install jobs."""

    def __init__(
        self,
        clients: ClientDesk,
        fabric: CommvaultFabric,
        jobs: JobDesk,
        faults: FaultBook,
        settings: CommvaultSettings,
        crew: Crew,
    ) -> None:
        self._clients = clients
        self._fabric = fabric
        self._jobs = jobs
        self._faults = faults
        self._settings = settings
        self._crew = crew

    def start(self, wish: InstallWish, user: str) -> Job:
        """Start an install; `Problem` for one without hosts or with unknown packages [?]."""
        if not wish.hosts:
            raise missing(field="clientDetails")
        if not wish.packages:
            raise missing(field="componentInfo")
        for package in wish.packages:
            if package not in PACKAGES:
                raise invalid(field="ComponentId", reason=f"package {package} is unknown")
        spec = {name: value for name, value in asdict(wish).items() if name != "password"}
        job = self._jobs.open("Install", user, spec, client_id=2, client_name=self._settings.name)
        self._crew.begin(partial(self._run, job, wish))
        return job

    def _run(self, job: Job, wish: InstallWish) -> None:
        failed, waiting = [], []
        try:
            self._jobs.hold(job)
            for number, (name, host) in enumerate(wish.hosts):
                self._jobs.wishes.check(job.id)
                self._jobs.step(job, _PHASE, number * 100 // len(wish.hosts))
                try:
                    waits = self._install(name, host, wish)
                except FabricError as error:
                    failed.append(str(error))
                    self._jobs.log(job, str(error), severity=9)
                    continue
                text = "a reboot is required" if waits else "installed"
                self._jobs.log(job, f"[{host}] {text} (simulated text)")
                if waits:
                    waiting.append(f"[{host}] {text}")
        except Stopped:
            self._jobs.close(job, Status.KILLED)
            return
        self._finish(job, len(wish.hosts), failed, waiting)

    def _finish(self, job: Job, hosts: int, failed: list[str], waiting: list[str]) -> None:
        reason = "; ".join([*failed, *waiting])
        if len(failed) == hosts:
            self._jobs.close(job, Status.FAILED, reason, _FAILED_CODE)
        elif failed:
            self._jobs.close(job, Status.ERRORS, reason, _FAILED_CODE)
        else:
            self._jobs.close(job, Status.WARNINGS if waiting else Status.COMPLETED, reason)

    def _install(self, name: str, host: str, wish: InstallWish) -> bool:
        """Install on one host; return whether it waits for a reboot."""
        node = self._reachable(host)
        known = self._clients.machine(node.hostname)
        if known is not None and all(package in known.packages for package in wish.packages):
            return bool(known.waiting)
        if not self._fabric.accepts(wish.user_name, wish.password):
            message = f"[{host}] the account was not accepted (simulated text)"
            raise FabricError(message)
        seconds = self._settings.install_seconds / self._settings.speed
        self._crew.pause(seconds * len(wish.packages))
        if self._struck("commvault-install-fails-on-node", node):
            message = f"[{host}] the installation failed (simulated text)"
            raise FabricError(message)
        reboot = self._struck("commvault-install-needs-reboot", node)
        self._clients.install(name, node, list(wish.packages), reboot=reboot)
        if reboot and wish.reboot:
            self._fabric.world.fail_node(node.name)
            self._fabric.world.restore_node(node.name)
            return False
        return reboot

    def _reachable(self, host: str) -> Node:
        node = self._fabric.node(host)
        if node is None:
            message = f"[{host}] the name cannot be resolved (simulated text)"
            raise FabricError(message)
        if node.state is NodeState.DOWN or self._struck("commvault-node-unreachable", node):
            message = f"[{host}] the network path was not found (simulated text)"
            raise FabricError(message)
        return node

    def _struck(self, name: str, node: Node) -> bool:
        return self._faults.take(name, node=node.name) is not None
