"""The CommServe, machines with the Virtual Server Agent, stored credentials, hypervisors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import SecretStr

from safepoint.errors import NotFoundError
from safepoint_commvault.caller import encoded
from safepoint_commvault.client.group import Group
from safepoint_commvault.wire.base import as_list
from safepoint_commvault.wire.objects import (
    Activity,
    ClientNode,
    CommServe,
    Credential,
    Hypervisor,
    HypervisorRow,
    IdName,
    Started,
    StoragePool,
)
from safepoint_commvault.wire.work import VSA_APPLICATION

__all__ = ["VSA_PACKAGE", "Credentials", "Hypervisors", "Machines", "Storage"]

#: The Virtual Server Agent as a package for Windows [S].
VSA_PACKAGE: Final = 713
_INSTALL: Final = 4026
_ACCOUNT: Final = "WINDOWSACCOUNT"
_HYPERV: Final = "Hyper-V"


class Machines(Group):
    """Clients of the CommServe, and the software on them."""

    def comm_serve(self) -> CommServe:
        """Who answers."""
        return CommServe.read(self._caller.call("comm-serve"))

    def activities(self) -> list[Activity]:
        """List the switches of the whole CommCell [S]."""
        return self._rows(Activity, self._caller.call("activities"), "acObjects")

    def all(self) -> list[ClientNode]:
        """List every client."""
        rows = as_list(self._caller.call("clients").get("clientProperties"))
        places = [_inner(row, "client", "clientEntity") for row in rows]
        return [ClientNode.read(place) for place in places]

    def access_nodes(self) -> list[ClientNode]:
        """List the machines that can move data of VMs; groups of them are left out."""
        return self._rows(ClientNode, self._caller.call("access-nodes"), "clients")

    def has_vsa(self, ident: str) -> bool:
        """Tell whether the Virtual Server Agent is among the agents of a client."""
        answer = self._caller.call("agents", query={"clientId": ident})
        rows = as_list(answer.get("agentProperties"))
        places = [_inner(row, "idaEntity") for row in rows]
        return any(place.get("applicationId") == VSA_APPLICATION for place in places)

    def install_vsa(
        self, nodes: Sequence[ClientNode], username: str, password: SecretStr, commserve: CommServe
    ) -> Started:
        """Push the agent to Windows hosts by one job; hosts with id 0 are new to the CommServe.

        Unlike the vendor's SDK, never with a reboot: the hosts run VMs [X].
        """
        details = {
            "reuseADCredentials": False,
            "installOSType": 0,
            "discoveryType": 0,
            "installerOption": _installer(commserve),
            "clientDetails": [_target(node, commserve) for node in nodes],
            "clientAuthForJob": {"userName": username, "password": encoded(password)},
        }
        options = {
            "adminOpts": {
                "clientInstallOption": details,
                "updateOption": {"rebootClient": False},
            }
        }
        task = {
            "associations": [{"commCellId": commserve.comm_cell_id}],
            "task": {"taskType": 1, "initiatedFrom": 1, "taskFlags": {"disabled": False}},
            "subTasks": [
                {"subTask": {"subTaskType": 1, "operationType": _INSTALL}, "options": options}
            ],
        }
        return Started.read(self._caller.call("create-task", body={"taskInfo": task}))

    def describe(self, ident: str, name: str, description: str) -> None:
        """Write the description of a client, a hypervisor's own among them [S]."""
        body = {
            "association": {"entity": [{"clientName": name}]},
            "clientProperties": {"client": {"clientDescription": description}},
        }
        self._caller.call("modify-client", body=body, id=ident)

    def description(self, ident: str) -> str:
        """Read the description of a client."""
        answer = self._caller.call("client", id=ident)
        for row in as_list(answer.get("clientProperties")):
            return str(_inner(row, "client").get("clientDescription") or "")
        return ""


def _inner(row: object, *path: str) -> dict[str, Any]:
    for part in path:
        row = row.get(part) if isinstance(row, dict) else None
    return row if isinstance(row, dict) else {}


def _target(node: ClientNode, commserve: CommServe) -> dict[str, Any]:
    name = node.host_name or node.name
    entity = {"clientId": int(node.id), "clientName": name, "commCellName": commserve.name}
    return {"clientEntity": entity}


def _installer(commserve: CommServe) -> dict[str, Any]:
    composition = {
        "activateClient": True,
        "overrideSoftwareCache": False,
        "packageDeliveryOption": 0,
        "components": {
            "commonInfo": {"globalFilters": 2, "storagePolicyToUse": {"storagePolicyName": ""}},
            "fileSystem": {"configureForLaptopBackups": False},
            "componentInfo": [{"osType": "Windows", "ComponentId": VSA_PACKAGE}],
        },
        "clientInfo": {"clientGroups": [], "client": {}, "clientProps": {}},
    }
    return {
        "requestType": 0,
        "Operationtype": 0,
        "CommServeHostName": commserve.host_name,
        "RemoteClient": False,
        "installFlags": {
            "allowMultipleInstances": False,
            "killBrowserProcesses": False,
            "ignoreJobsRunning": False,
            "forceReboot": False,
            "overrideClientInfo": True,
            "addToFirewallExclusion": True,
            "disableOSFirewall": False,
        },
        "clientComposition": [composition],
    }


class Credentials(Group):
    """Stored accounts (V4)."""

    def all(self) -> list[Credential]:
        """List them by name; passwords never come back."""
        rows = self._caller.call("credentials")
        return self._rows(Credential, rows, "credentialManager")

    def get(self, name: str) -> Credential:
        """Read one, with its user."""
        return Credential.read(self._caller.call("credential", credential=name))

    def create(self, name: str, user: str, password: SecretStr, description: str) -> str:
        """Store a Windows account and return its id."""
        body = {
            "accountType": _ACCOUNT,
            "name": name,
            "userAccount": user,
            "password": encoded(password),
            "description": description,
        }
        answer = self._caller.call("create-credential", body=body)
        return self._created("create-credential", answer, "id")

    def modify(
        self, name: str, new_name: str, user: str, password: SecretStr, description: str
    ) -> None:
        """Replace name, user, password and description."""
        body = {
            "newName": new_name,
            "userAccount": user,
            "newPassword": encoded(password),
            "description": description,
        }
        self._caller.call("modify-credential", body=body, credential=name)

    def delete(self, name: str) -> None:
        """Delete; refused while something uses it."""
        self._caller.call("delete-credential", credential=name)


class Hypervisors(Group):
    """Registered hypervisors (V4). The first access node coordinates [D]."""

    def all(self) -> list[HypervisorRow]:
        """List every hypervisor of every vendor."""
        return self._rows(HypervisorRow, self._caller.call("hypervisors"), "Hypervisors")

    def get(self, ident: str) -> Hypervisor:
        """Read one with its access nodes, in their order."""
        return Hypervisor.read(self._caller.call("hypervisor", id=ident))

    def create(
        self, name: str, server: str, credential: IdName, access_nodes: Sequence[ClientNode]
    ) -> str:
        """Register a cluster or host and return its id.

        Access nodes that the product does not accept are dropped in silence [X]: read it back.
        """
        body = {
            "name": name,
            "hypervisorType": _HYPERV,
            "serverName": server,
            "skipCredentialValidation": False,
            "credentials": {"id": int(credential.id or 0), "name": credential.name},
            "accessNodes": _nodes(access_nodes),
        }
        answer = self._caller.call("create-hypervisor", body=body)
        return self._created("create-hypervisor", answer, "response.hypervisorId", "hypervisorId")

    def modify(self, ident: str, fields: dict[str, Any]) -> None:
        """Change what is named, such as `serverName` or `activityControl`."""
        body = {"hypervisorType": _HYPERV, **fields}
        self._caller.call("modify-hypervisor", body=body, id=ident)

    def set_access_nodes(self, ident: str, nodes: Sequence[ClientNode]) -> None:
        """Replace the list of access nodes; same warning as for `create`."""
        # The schema says accessNode, the sample beside it accessNodes; the schema is sent [O].
        self.modify(ident, {"accessNode": _nodes(nodes)})

    def delete(self, ident: str) -> None:
        """Remove it; agents stay installed on the nodes."""
        self._caller.call("delete-hypervisor", id=ident)


def _nodes(nodes: Sequence[ClientNode]) -> list[dict[str, Any]]:
    return [{"id": int(node.id), "name": node.name} for node in nodes]


class Storage(Group):
    """Where plans keep copies."""

    def pool(self, name: str) -> StoragePool:
        """Find a storage pool by name [S].

        Raises:
            NotFoundError: there is none of that name; the message lists those there are.
        """
        answer = self._caller.call("storage-pools")
        places = [
            _inner(row, "storagePoolEntity") for row in as_list(answer.get("storagePoolList"))
        ]
        rows = [StoragePool.read(place) for place in places]
        for row in rows:
            if row.name.casefold() == name.casefold():
                return row
        known = ", ".join(row.name for row in rows) or "none"
        msg = f"{self._caller.transport.system}: no storage pool {name!r}"
        raise NotFoundError(msg, hint=f"There are: {known}.")
