"""Adding, changing, rescanning and removing managed servers; each is a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.work import Crew
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.infrastructure.deployment import COMPONENTS, Deployment
from safepoint_lab.veeam.infrastructure.family import Family
from safepoint_lab.veeam.infrastructure.inventory import Inventory
from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.records import Credential, Job, Server, Session, new_id
from safepoint_lab.veeam.sessions import SessionDesk
from safepoint_lab.veeam.shelf import Shelf

__all__ = ["Registration"]

_SAVING = "Infrastructure Item Saving"
_RANGE = {"portRangeStart": 2500, "portRangeEnd": 3300, "serverSide": False}
_DEFAULT_PORTS = {
    "components": [{"componentName": name, "port": port} for name, port in COMPONENTS.items()],
    **_RANGE,
}


class Registration:
    """The life of managed servers."""

    def __init__(
        self,
        shelf: Shelf,
        sessions: SessionDesk,
        fabric: VeeamFabric,
        deployment: Deployment,
        inventory: Inventory,
        crew: Crew,
    ) -> None:
        self._shelf = shelf
        self._sessions = sessions
        self._fabric = fabric
        self._deployment = deployment
        self._inventory = inventory
        self._crew = crew
        self._family = Family(shelf, fabric)

    def add(self, spec: dict[str, Any], user: str) -> Session:
        """Start adding a server.

        Raises:
            ApiError: 400 for unknown credentials or a name that is registered already [X].
        """
        self._require_credential(spec.get("credentialsId"), spec)
        for server in self._shelf.all(Server):
            if server.name.casefold() == spec["name"].casefold():
                raise invalid(field="name", reason=f"Server {spec['name']} is registered already.")
        server = Server(
            id=new_id(),
            name=spec["name"],
            type=spec["type"],
            description=spec["description"],
            created_at=self._fabric.world.now(),
        )
        self._take_over(server, spec)
        wanted = [item["hvServerName"] for item in spec.get("hvServers", ())]
        server.add_all = spec.get("addAllServers", True) if not wanted else False
        server.children = wanted
        return self._begin("Infrastructure", _SAVING, user, partial(self._add, server))

    def change(self, server: Server, model: dict[str, Any], user: str) -> Session:
        """Start changing a server by its full model."""
        if model["id"] != server.id:
            raise invalid(
                field="id", reason="'Id' is not the id of this server.", value=model["id"]
            )
        self._require_credential(model.get("credentialsId"), model)
        return self._begin("Infrastructure", _SAVING, user, partial(self._change, server, model))

    def remove(self, server: Server, user: str) -> Session:
        """Start removing a server; fails while a job uses it [X]."""
        kind = "InfrastructureItemDeletion"
        return self._begin(kind, "Infrastructure Item Deletion", user, partial(self._drop, server))

    def rescan(self, servers: list[Server], user: str) -> Session:
        """Start looking at servers again: new nodes, missing components, inventory."""
        work = partial(self._rescan, servers)
        return self._begin("VolumesDiscover", "Host Discovery", user, work)

    def update_components(self, servers: list[Server], user: str) -> Session:
        """Start deploying what is missing on servers."""
        work = partial(self._rescan, servers)
        return self._begin("HostComponentsUpdate", "Host Components Update", user, work)

    def family(self, server: Server) -> list[Server]:
        """Return a server and everything nested in it."""
        return self._family.members(server)

    def _begin(self, kind: str, name: str, user: str, work: Callable[[Session], None]) -> Session:
        session = self._sessions.open(kind, name, user)
        self._crew.begin(partial(self._guarded, session, work))
        return session

    def _guarded(self, session: Session, work: Callable[[Session], None]) -> None:
        self._sessions.work(session, 0)
        try:
            work(session)
        except FabricError as error:
            self._sessions.log(session, str(error), status="Failed")
            self._sessions.close(session, "Failed", str(error))

    def _add(self, server: Server, session: Session) -> None:
        self._deployment.meet_failure()
        self._family.require_known(server)
        credential = self._shelf.find(Credential, server.credentials_id)
        self._fabric.require_access(server.name, credential)
        self._sessions.log(session, f"Connecting to {server.name}")
        members = self._family.expand(server)
        self._settle(session, server, members, new=True)

    def _change(self, server: Server, model: dict[str, Any], session: Session) -> None:
        self._take_over(server, model)
        server.description = model["description"]
        if "childServers" in model:
            server.children = [item["hvServerName"] for item in model["childServers"]]
            server.add_all = model.get("addAllServers", False)
        before = self._family.members(server)
        members = self._family.expand(server)
        kept = {item.id for item in members}
        self._settle(session, server, members, new=False)
        self._shelf.remove(*(item for item in before if item.id not in kept))

    def _rescan(self, servers: list[Server], session: Session) -> None:
        for server in servers:
            if self._shelf.find(Server, server.id) is not None:
                self._deploy(session, server, self._family.expand(server))
        self._finish(session, servers)

    def _settle(
        self, session: Session, server: Server, members: list[Server], *, new: bool
    ) -> None:
        """Deploy on every host of a server and keep what came of it."""
        problems = self._deploy(session, server, members, keep=not new)
        hosts = [item for item in members if item.type == "HvServer"]
        if new and hosts and len(problems) == len(hosts):
            raise FabricError(problems[0])
        self._shelf.save(*members)
        self._finish(session, [server], problems)

    def _deploy(
        self, session: Session, server: Server, members: list[Server], *, keep: bool = True
    ) -> list[str]:
        credential = self._shelf.find(Credential, server.credentials_id)
        hosts = [item for item in members if item.type == "HvServer"]
        problems = self._deployment.deploy_all(session, hosts, credential)
        if keep:
            self._shelf.save(*members)
        return problems

    def _finish(
        self, session: Session, servers: list[Server], problems: list[str] | None = None
    ) -> None:
        broken = problems or []
        for server in servers:
            self._inventory.refresh(server)
        if broken:
            self._sessions.close(session, "Warning", "; ".join(broken))
        else:
            self._sessions.close(session, "Success")

    def _drop(self, server: Server, session: Session) -> None:
        members = self._family.members(server)
        idents = {item.id for item in members}
        for job in self._shelf.all(Job):
            objects = job.body["virtualMachines"]["includes"]
            names = {item.name.casefold() for item in members}
            if any(
                item["objectId"] in idents or item["hostName"].casefold() in names
                for item in objects
            ):
                message = f"Server {server.name} is in use by job {job.name} (simulated text)"
                raise FabricError(message)
        self._shelf.remove(*members)
        self._sessions.close(session, "Success")

    def _take_over(self, server: Server, spec: dict[str, Any]) -> None:
        """Take settings from a specification or model."""
        server.credentials_id = spec.get("credentialsId", "")
        server.storage_type = spec.get("credentialsStorageType", "Permanent")
        server.max_tasks = spec.get("maxTaskCount", server.max_tasks)
        default = _RANGE if server.type == "HvCluster" else _DEFAULT_PORTS
        server.network = spec.get("networkSettings") or server.network or dict(default)

    def _require_credential(self, ident: str | None, spec: dict[str, Any]) -> None:
        permanent = spec.get("credentialsStorageType", "Permanent") == "Permanent"
        if ident is None and permanent:
            raise invalid(field="credentialsId", reason="'Credentials Id' must not be empty.")
        if ident is not None and self._shelf.find(Credential, ident) is None:
            raise invalid(
                field="credentialsId",
                reason=f"Credentials with ID {ident} were not found.",
                value=ident,
            )
