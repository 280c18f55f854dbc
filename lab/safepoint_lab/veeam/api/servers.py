"""Managed servers, host discovery, connection certificates and (no) off-host proxies."""

from __future__ import annotations

from typing import Any

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.veeam.api.service import certificate_model
from safepoint_lab.veeam.api.sessions import session_model
from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, any_of, like, page, page_of
from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.records import Credential, Server
from safepoint_lab.veeam.shelf import Shelf

__all__ = ["ServerCalls", "server_model"]

_INFRA = f"{API}/backupInfrastructure"
_PATH = f"{_INFRA}/managedServers"
_SPECS = {"SCVMM": "SCVMMSpec", "HvCluster": "HvHostClusterSpec", "HvServer": "HvServerSpec"}
_MODELS = {"SCVMM": "SCVMMModel", "HvCluster": "HvHostClusterModel", "HvServer": "HvServerModel"}


def server_model(shelf: Shelf, item: Server) -> dict[str, Any]:
    """Return the model of a server by its type [S]."""
    body: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "type": item.type,
        "description": item.description,
        "status": "Available" if item.available else "Unavailable",
        "networkSettings": item.network,
    }
    if item.credentials_id or item.type != "HvServer":
        body["credentialsId"] = item.credentials_id
    parent = shelf.find(Server, item.parent) if item.parent else None
    if parent is not None:
        body |= {"parentHostId": parent.id, "parentHostName": parent.name}
    if item.type == "SCVMM":
        body["addAllServers"] = item.add_all
    if item.type == "HvServer":
        body |= _host_fields(item)
    else:
        body["childServers"] = [{"hvServerName": name} for name in item.children]
    return body


def _host_fields(item: Server) -> dict[str, Any]:
    parts = [{"componentName": name, "port": port} for name, port in item.components.items()]
    ranges = {name: value for name, value in item.network.items() if name != "components"}
    return {
        "credentialsStorageType": item.storage_type,
        "maxTaskCount": item.max_tasks,
        "networkSettings": {"components": parts, **ranges},
        "updatesState": "LastInstallFailed" if item.failed_component else "NotAvailable",
    }


class ServerCalls:
    """Handlers of managed servers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._listing = Listing[Server](
            lambda item, _: server_model(engine.shelf, item),
            lambda item: item.name.casefold(),
            {
                "nameFilter": lambda item, v: like(v[0], item.name),
                "typeFilter": lambda item, v: any_of(v, item.type),
                "serverStateFilter": lambda item, v: any_of(
                    v, "Any", "Available" if item.available else "Unavailable"
                ),
            },
            {
                "name": lambda item: item.name.casefold(),
                "type": lambda item: item.type,
                "description": lambda item: item.description.casefold(),
            },
        )

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one = f"{_PATH}/{{id}}"
        update = "UpdateHostComponentsSpec"
        scan = "ManagedServersSpec"
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("POST", _PATH, self.add, shape=_SPECS, hyperv=True),
            Operation(
                "POST",
                f"{_PATH}/hyperVHosts",
                self.discover,
                shape="HvHostDiscoverySpec",
                hyperv=True,
                reads=True,
            ),
            Operation(
                "POST",
                f"{_PATH}/rescan",
                self.rescan_all,
                shape=scan,
                hyperv=True,
                optional_body=True,
            ),
            Operation("POST", f"{_PATH}/updateComponents", self.update, shape=update, hyperv=True),
            Operation("GET", one, self.get),
            Operation("PUT", one, self.change, shape=_MODELS, hyperv=True),
            Operation("DELETE", one, self.remove, deletion=True),
            Operation("POST", f"{one}/rescan", self.rescan, hyperv=True),
            Operation("GET", f"{_INFRA}/proxies", self.empty),
            Operation("GET", f"{_INFRA}/proxies/states", self.empty),
            Operation(
                "POST",
                f"{API}/connectionCertificate",
                self.certificate,
                shape="HostConnectionSpec",
                reads=True,
            ),
        ]

    def list_all(self, call: Call) -> Answer:
        """List them; nested ones only when asked for [S]."""
        nested = call.flag("includeNestedHosts")
        return self._listing.answer(
            call, self._shelf.where(Server, lambda item: nested or not item.parent)
        )

    def add(self, call: Call) -> Answer:
        """Start adding one."""
        session = self._engine.registration.add(call.body, call.user)
        return Answer(201, session_model(session, call))

    def get(self, call: Call) -> Answer:
        """Return one."""
        return Answer(200, server_model(self._shelf, self._one(call)))

    def change(self, call: Call) -> Answer:
        """Start changing one."""
        server = self._one(call)
        if call.body["type"] != server.type:
            raise invalid(
                field="type", reason="The type of a server cannot change.", value=call.body["type"]
            )
        session = self._engine.registration.change(server, call.body, call.user)
        return Answer(201, session_model(session, call))

    def remove(self, call: Call) -> Answer:
        """Start removing one."""
        session = self._engine.registration.remove(self._one(call), call.user)
        return Answer(201, session_model(session, call))

    def rescan(self, call: Call) -> Answer:
        """Start a rescan of one."""
        session = self._engine.registration.rescan([self._one(call)], call.user)
        return Answer(201, session_model(session, call))

    def rescan_all(self, call: Call) -> Answer:
        """Start a rescan of some, or of all when none is named."""
        session = self._engine.registration.rescan(self._named(call), call.user)
        return Answer(201, session_model(session, call))

    def update(self, call: Call) -> Answer:
        """Start deploying what is missing."""
        session = self._engine.registration.update_components(self._named(call), call.user)
        return Answer(201, session_model(session, call))

    def discover(self, call: Call) -> Answer:
        """List the hosts of a cluster, or of an SCVMM that is registered already [S]."""
        body, fabric = call.body, self._engine.fabric
        names = []
        if "scvmmHostId" in body:
            server = self._shelf.find(Server, body["scvmmHostId"])
            if server is None or server.type != "SCVMM":
                raise invalid(
                    field="scvmmHostId",
                    reason="The SCVMM was not found.",
                    value=body["scvmmHostId"],
                )
            names = [node.hostname for node in fabric.nodes()]
        else:
            cluster = fabric.cluster(body.get("hvClusterName", ""))
            if cluster is None:
                raise invalid(field="hvClusterName", reason="The cluster was not found.")
            self._require_access(cluster.fqdn, body.get("credentialsId", ""))
            names = [node.hostname for node in fabric.nodes(cluster.name)]
        rows = [{"hvServerName": name} for name in names]
        return Answer(200, page(rows, len(rows), 0, 200))

    def certificate(self, call: Call) -> Answer:
        """Return the certificate of a host; Hyper-V hosts need none to be added [S]."""
        name = call.body["serverName"]
        fabric = self._engine.fabric
        known = fabric.node(name) or fabric.cluster(name) or fabric.is_scvmm(name)
        if not known:
            raise invalid(
                field="serverName", reason=f"Host {name} cannot be resolved.", value=name
            )
        model = certificate_model(self._engine)
        return Answer(201, {"fingerprint": model["thumbprint"], "certificate": model})

    def empty(self, call: Call) -> Answer:
        """List nothing: the lab's backup server has no off-host proxy."""
        skip, limit = page_of(call.one("skip"), call.one("limit"))
        return Answer(200, page([], 0, skip, limit))

    def _require_access(self, host: str, ident: str) -> None:
        credential = self._shelf.find(Credential, ident)
        if credential is None:
            raise invalid(
                field="credentialsId",
                reason=f"Credentials with ID {ident} were not found.",
                value=ident,
            )
        try:
            self._engine.fabric.require_access(host, credential)
        except FabricError as error:
            raise invalid(field="credentialsId", reason=str(error)) from error

    def _one(self, call: Call) -> Server:
        return self._shelf.get(Server, call.path["id"])

    def _named(self, call: Call) -> list[Server]:
        idents = call.body.get("ids")
        if not idents:
            return self._shelf.where(Server, lambda item: not item.parent)
        return [self._shelf.get(Server, ident) for ident in idents]
