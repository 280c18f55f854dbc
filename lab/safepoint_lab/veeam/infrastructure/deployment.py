"""What registration installs on a node: four components, one after the other."""

from __future__ import annotations

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.work import Crew
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.records import Credential, Server, Session
from safepoint_lab.veeam.sessions import SessionDesk
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.faults import FaultBook

__all__ = ["COMPONENTS", "Deployment"]

COMPONENTS = {
    "InstallerSvc": 6160,
    "TransportSvc": 6162,
    "HvIntegration": 6163,
    "GuestInteractionProxy": 6190,
}
"""What lands on each Hyper-V node, with default ports [D]."""


class Deployment:
    """Deploys components on nodes, with progress and log in a session."""

    def __init__(
        self,
        fabric: VeeamFabric,
        sessions: SessionDesk,
        faults: FaultBook,
        settings: VeeamSettings,
        crew: Crew,
    ) -> None:
        self._fabric = fabric
        self._sessions = sessions
        self._faults = faults
        self._settings = settings
        self._crew = crew

    def deploy_all(
        self, session: Session, hosts: list[Server], credential: Credential | None
    ) -> list[str]:
        """Deploy on every host; return what failed, one sentence a host. Fills the records."""
        problems = []
        for number, host in enumerate(hosts):
            share = (10 + 80 * number // len(hosts), 10 + 80 * (number + 1) // len(hosts))
            try:
                self._deploy(session, host, credential, share)
            except FabricError as error:
                host.available = False
                problems.append(str(error))
                self._sessions.log(session, f"Failed to process host {host.name}", status="Failed")
                self._sessions.log(session, str(error), status="Failed")
        return problems

    def _deploy(
        self,
        session: Session,
        host: Server,
        credential: Credential | None,
        share: tuple[int, int],
    ) -> None:
        node = self._fabric.node(host.name)
        if node is None:
            message = f"Host {host.name} cannot be resolved (simulated text)"
            raise FabricError(message)
        self._fabric.require_up(node)
        self._fabric.require_access(host.name, credential)
        ports = {
            item["componentName"]: item["port"] for item in host.network.get("components", ())
        }
        first, last = share
        for number, (name, default) in enumerate(COMPONENTS.items(), 1):
            self._crew.pause(self._settings.component_seconds / self._settings.speed)
            self._meet_fault(host, node.name, name)
            host.components[name] = ports.get(name, default)
            self._sessions.log(session, f"Installing component {name} on {host.name}")
            self._sessions.work(session, first + (last - first) * number // len(COMPONENTS))
        host.available, host.failed_component = True, ""

    def _meet_fault(self, host: Server, node: str, component: str) -> None:
        struck = "veeam-component-fails-on-node"
        if component in host.components:
            return
        for armed in self._faults.armed():
            wanted = {**armed.fault.parameters, **armed.parameters}.get("component")
            if armed.fault.name == struck and wanted == component:
                if self._faults.take(struck, node=node) is None:
                    continue
                host.failed_component = component
                message = f"Failed to install component {component} on {host.name}"
                raise FabricError(message)

    def meet_failure(self) -> None:
        """Raise `FabricError` when a registration shall fail."""
        if self._faults.take("veeam-infrastructure-fails") is not None:
            message = "Failed to save the infrastructure item (simulated text)"
            raise FabricError(message)
