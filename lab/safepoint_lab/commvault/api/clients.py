"""Clients, their agents and access nodes; the legacy way to register a hypervisor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from safepoint_lab.commvault.api.entities import activity_options, client_entity
from safepoint_lab.commvault.bodies import decoded, flag, identity, inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.infrastructure import HypervisorWish
from safepoint_lab.commvault.problems import ENTITIES, ENTITY, Problem, invalid, not_found
from safepoint_lab.commvault.records import Client, Hypervisor
from safepoint_lab.commvault.vocabulary import AGENTS, HYPERV, VIRTUAL_SERVER, Activity

__all__ = ["ClientCalls", "account_of", "member_servers"]

_PSEUDO_CLIENT = 12


def member_servers(associated: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """Return the access nodes of a legacy body by id and name; groups are not simulated."""
    found = []
    for item in rows(associated, "memberServers"):
        client = inside(item, "client")
        if text(client, "clientName") or integer(client, "clientId"):
            found.append(identity(client, "clientId", "clientName"))
    return tuple(found)


def account_of(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return account and password of a legacy body, None when it has none."""
    if not text(body, "userName"):
        return None, None
    return text(body, "userName"), decoded(body, "password")


class ClientCalls:
    """Handlers of clients."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clients = engine.clients
        self._hypervisors = engine.hypervisors

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "Client", self.list_all),
            Operation("POST", "Client", self.create, ENTITY),
            Operation("GET", "Client/{id}", self.get, ENTITIES),
            Operation("POST", "Client/{id}", self.change, ENTITIES),
            Operation("DELETE", "Client/{id}", self.delete, ENTITIES),
            Operation("GET", "Client/{id}/CheckReadiness", self.readiness),
            Operation("DELETE", "Client/{id}/Retire", self.retire),
            Operation("PUT", "V4/Client/{id}/Retire", self.retire),
            Operation("GET", "GetId", self.get_id),
            Operation("GET", "VSAClientAndClientGroupList", self.access_nodes),
            Operation("GET", "Agent", self.agents),
            Operation("GET", "V4/AccessNodes", self.access_nodes_v4),
            Operation("GET", "V4/Servers", self.servers),
        ]

    def list_all(self, call: Call) -> Answer:
        """List clients: machines, with `hiddenclients` those too, or hypervisors only."""
        if call.query.get("pseudoclienttype", "").casefold() == "vspseudo":
            found = [
                {"VSInstanceType": HYPERV, "client": client_entity(item)}
                for item in self._hypervisors.all()
            ]
            return Answer({"VSPseudoClientsList": found})
        items: list[Client | Hypervisor] = [*self._clients.machines(), *self._hypervisors.all()]
        if call.flag("hiddenclients"):
            machines = self._engine.shelf.where(Client, lambda client: bool(client.vm))
            items = [*items, *machines]
        listed = [{"client": {"clientEntity": client_entity(item)}} for item in items]
        return Answer({"clientProperties": listed})

    def get(self, call: Call) -> Answer:
        """Describe one client."""
        return Answer({"clientProperties": [self._properties(self._find(call.ident()))]})

    def create(self, call: Call) -> Answer:
        """Register a hypervisor (the only client that is created by this call here)."""
        info = inside(call.body, "clientInfo")
        kind = text(info, "clientType")
        if kind not in (str(_PSEUDO_CLIENT), "VIRTUAL_SERVER_CLIENT"):
            raise invalid(field="clientInfo.clientType", reason=f"'{kind}' is not supported here")
        properties = inside(info, "virtualServerClientProperties.virtualServerInstanceInfo")
        vendor = integer(properties, "vsInstanceType")
        if vendor != HYPERV:
            raise invalid(field="vsInstanceType", reason=f"{vendor} is not supported here")
        server = inside(properties, "hyperV")
        user, password = account_of(inside(server, "credentials"))
        wish = HypervisorWish(
            name=text(inside(call.body, "entity"), "clientName"),
            server_name=text(server, "serverName"),
            user_name=user,
            password=password,
            access_nodes=member_servers(inside(properties, "associatedClients")),
        )
        made = self._hypervisors.add(wish)
        entity = {"clientId": made.id, "clientName": made.name, "_type_": 3}
        return Answer({"response": {"errorCode": 0, "entity": entity}})

    def change(self, call: Call) -> Answer:
        """Switch activities of a client, or describe it [S]."""
        item = self._find(call.ident())
        described = inside(call.body, "clientProperties.client")
        if "clientDescription" in described:
            item.description = text(described, "clientDescription")
            self._engine.shelf.save(item)
        control = inside(call.body, "clientProperties.clientProps.clientActivityControl")
        for option in rows(control, "activityControlOptions"):
            activity = integer(option, "activityType")
            if activity not in list(Activity):
                raise invalid(field="activityType", reason=f"{activity} is unknown")
            desk = self._engine.activities
            if flag(option, "enableAfterADelay"):
                desk.enable_later(item, activity, _time_of(inside(option, "dateTime")))
            else:
                desk.switch(item, activity, enable=flag(option, "enableActivityType"))
        return Answer({"response": [{"errorCode": 0}]})

    def delete(self, call: Call) -> Answer:
        """Delete a hypervisor or a machine."""
        item = self._find(call.ident())
        if isinstance(item, Hypervisor):
            self._hypervisors.remove(item)
        else:
            self._clients.retire(item)
        return Answer({"response": [{"errorCode": 0}]})

    def readiness(self, call: Call) -> Answer:
        """Tell whether a machine answers; the texts are simulated [?]."""
        client = self._clients.get(call.ident())
        ready = self._clients.is_ready(client)
        word = "Ready." if ready else "Not Ready. The network path was not found (simulated text)"
        status = {"status": 0 if ready else 1, "reason": word, "clientName": client.name}
        return Answer({"summary": word, "clientReadinessStatus": [status]})

    def retire(self, call: Call) -> Answer:
        """Uninstall the software of a machine."""
        self._clients.retire(self._clients.get(call.ident()))
        return Answer({"errorCode": 0, "errorMessage": ""})

    def get_id(self, call: Call) -> Answer:
        """Return the id of a client by name; 404 with a body when there is none [D]."""
        name = call.query.get("clientname", "")
        item = self._engine.shelf.named(Hypervisor, name) or self._clients.machine(name)
        if item is None:
            raise not_found(what="Client", ident=name)
        return Answer({"clientId": item.id, "clientName": item.name})

    def access_nodes(self, _: Call) -> Answer:
        """List the machines that can be access nodes; groups are not simulated."""
        found = [client_entity(item) for item in self._clients.access_nodes()]
        return Answer({"clients": found, "clientGroups": []})

    def agents(self, call: Call) -> Answer:
        """List the agents of a client."""
        item = self._find(call.number("clientId"))
        agents = [VIRTUAL_SERVER] if isinstance(item, Hypervisor) else item.agents
        wanted = call.number("applicationId")
        found = [
            {
                "idaEntity": {
                    "clientId": item.id,
                    "clientName": item.name,
                    "applicationId": agent,
                    "appName": AGENTS[agent],
                    "_type_": 4,
                },
                "idaActivityControl": activity_options(item),
                "AgentProperties": {"isInstalled": True},
            }
            for agent in agents
            if wanted in (0, agent)
        ]
        return Answer({"agentProperties": found})

    def access_nodes_v4(self, _: Call) -> Answer:
        """List access nodes; the key is misspelt in the specification [O]."""
        found = [
            {
                "id": item.id,
                "name": item.name,
                "displayName": item.name,
                "hostName": item.host_name,
                "GUID": item.guid,
                "type": 3,
            }
            for item in self._clients.access_nodes()
        ]
        return Answer({"accesNodes": found})

    def servers(self, _: Call) -> Answer:
        """List machines."""
        found = [self._server(item) for item in self._clients.machines()]
        return Answer({"servers": found, "totalServers": len(found)})

    def _server(self, item: Client) -> dict[str, Any]:
        agents = [{"id": agent, "name": AGENTS[agent]} for agent in item.agents]
        return {
            "id": item.id,
            "name": item.name,
            "displayName": item.name,
            "hostName": item.host_name,
            "agents": agents,
            "configured": True,
            "version": f"11.{self._engine.settings.release}.0",
            "OS": "Windows Server 2022 Datacenter",
            "updateState": "REBOOT_PENDING" if item.waiting else "UP_TO_DATE",
            "networkReadiness": "ONLINE" if self._clients.is_ready(item) else "OFFLINE",
        }

    def _find(self, ident: int) -> Client | Hypervisor:
        found = self._engine.shelf.find(Hypervisor, ident) or self._engine.shelf.find(
            Client, ident
        )
        if found is None:
            message = f"Client [{ident}] does not exist (simulated text)"
            raise Problem(message, status=404)
        return found

    def _properties(self, item: Client | Hypervisor) -> dict[str, Any]:
        backup = Activity.BACKUP not in item.disabled
        restore = Activity.RESTORE not in item.disabled
        agents = [] if isinstance(item, Hypervisor) else item.agents
        system = {"ProcessorType": "WinX64", "OSName": "Windows Server 2022 Datacenter"}
        found: dict[str, Any] = {
            "client": {
                "clientEntity": client_entity(item),
                "clientDescription": item.description,
                "cvdPort": 8400,
                "versionInfo": {"version": f"11.{self._engine.settings.release}.0"},
                "osInfo": {"Type": "Windows", "SubType": "Server", "OsDisplayInfo": system},
                "TimeZone": {"TimeZoneName": "(UTC) Coordinated Universal Time"},
                "idaList": [
                    {"idaEntity": {"applicationId": agent, "appName": AGENTS[agent]}}
                    for agent in agents
                ],
            },
            "clientProps": {
                "EnableSnapBackups": False,
                "activityControl": {
                    "EnableDataManagement": backup,
                    "EnableDataRecovery": restore,
                    "EnableOnlineContentIndex": True,
                },
                "clientActivityControl": activity_options(item),
            },
        }
        if isinstance(item, Hypervisor):
            found["pseudoClientInfo"] = {
                "clientType": _PSEUDO_CLIENT,
                "virtualServerClientProperties": {
                    "virtualServerInstanceInfo": {"vsInstanceType": HYPERV}
                },
            }
        return found


def _time_of(value: Mapping[str, Any]) -> datetime:
    """Return the time of a timed switch; it is taken as UTC, the lab's only zone."""
    if integer(value, "time"):
        return datetime.fromtimestamp(integer(value, "time"), UTC)
    try:
        return datetime.fromisoformat(text(value, "timeValue")).replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(field="dateTime.timeValue", reason="it is no time") from error
