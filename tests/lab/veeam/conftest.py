"""A small world with a simulated backup server in front of it, and words to talk to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.veeam import VeeamServer, VeeamSettings
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 60.0
WAIT_SECONDS = 20.0
V1 = "/api/v1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two VMs on two nodes, running; nothing may fail in the background."""
    folder = tmp_path / "world"
    made = World.open(folder, Timings(speed=SPEED))
    plan = EstatePlan(1, 2, 2, 1, 8 * MIB, bulk_bytes=MIB)
    build_estate(made.registry, made.storage, plan, folder / "shares")
    made.start()
    yield made
    made.stop()
    assert made.scheduler.failures == []


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> LabTls:
    made = LabTls(tmp_path_factory.mktemp("tls"))
    made.ensure(["vbr01.lab.example.test"])
    return made


class Client:
    """A plain REST client of one server; every answer may be checked by an oracle."""

    def __init__(self, server: VeeamServer, revision: str = "1.3-rev1") -> None:
        self.server = server
        self.revision = revision
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(server.ca)
        self.http.headers["x-api-version"] = revision
        self.oracle: Callable[..., None] | None = None

    def login(self) -> Any:
        settings = self.server.engine.settings
        token = self.token(
            grant_type="password", username=settings.username, password=settings.password
        ).json()
        self.http.headers["Authorization"] = f"Bearer {token['access_token']}"
        return token

    def token(self, **form: str) -> requests.Response:
        return self.http.post(f"{self.server.url}/api/oauth2/token", data=form, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        url = f"{self.server.url}{V1}{path}"
        answer = self.http.request(method, url, json=body, params=query, timeout=30)
        if self.oracle is not None:
            self.oracle(method, V1 + path, body, answer)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 201, **query: Any) -> Any:
        answer = self.call("POST", path, body, **query)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def finished(self, session: dict[str, Any]) -> Any:
        """Wait for a session and read it again."""
        self.server.engine.sessions.wait(session["id"], WAIT_SECONDS)
        return self.get(f"/sessions/{session['id']}")

    def credential(self) -> Any:
        body = {
            "type": "Standard",
            "username": "LAB\\svc",
            "password": "secret",
            "description": "fabric",
        }
        return self.post("/credentials", body)["id"]

    def register(self, kind: str, name: str, **more: Any) -> Any:
        """Register a server and return its finished session."""
        body = {
            "type": kind,
            "name": name,
            "description": "",
            "credentialsId": self.credential(),
            **more,
        }
        return self.finished(self.post("/backupInfrastructure/managedServers", body))

    def cluster(self) -> str:
        """Register the one cluster and return its name."""
        name = self.server.engine.world.clusters()[0].fqdn
        assert self.register("HvCluster", name)["result"]["result"] == "Success"
        return name

    def objects(self, name: str, kind: str) -> Any:
        leaf = {
            "type": "PredicateExpression",
            "property": "type",
            "operation": "Equals",
            "value": kind,
        }
        body = {"hierarchyType": "HostsAndVMs", "filter": leaf}
        return self.post(f"/inventory/{name}", body, 200)["data"]

    def job_body(self, includes: list[dict[str, Any]], **storage: Any) -> Any:
        repository = self.get("/backupInfrastructure/repositories")["data"][0]["id"]
        kept = {
            "backupRepositoryId": repository,
            "backupProxies": {"proxyType": "OnHost"},
            "retentionPolicy": {"type": "RestorePoints", "quantity": 7},
            **storage,
        }
        return {
            "type": "HyperVBackup",
            "name": "gold",
            "description": "",
            "virtualMachines": {"includes": includes},
            "storage": kept,
            "schedule": {"runAutomatically": False},
        }

    def job(self, *names: str, **storage: Any) -> Any:
        """Register the cluster and create a job over VMs by name (all when none is named)."""
        root = self.cluster()
        found = self.objects(root, "VirtualMachine")
        wanted = [item for item in found if not names or item["name"] in names]
        return self.post("/jobs", self.job_body(wanted, **storage))

    def run(self, job: dict[str, Any], *, full: bool = False) -> Any:
        body = {"performActiveFull": full}
        return self.finished(self.post(f"/jobs/{job['id']}/start", body))


@pytest.fixture
def serve(world: World, tls: LabTls, tmp_path: Path) -> Iterator[Callable[..., VeeamServer]]:
    """Start servers over the world; all are stopped, and none may have failed inside."""
    made: list[VeeamServer] = []

    def start(*, folder: str = "veeam", profile: str = "1.3-rev1", **settings: Any) -> VeeamServer:
        chosen = VeeamSettings(speed=SPEED, **settings)
        server = VeeamServer(world, tmp_path / folder, tls, profile=profile, settings=chosen)
        server.start()
        made.append(server)
        return server

    yield start
    for server in made:
        server.stop()
        assert server.engine.crew.failures == []


@pytest.fixture
def client(serve) -> Client:
    """A client that is logged in to a 1.3-rev1 server."""
    made = Client(serve())
    made.login()
    return made


@pytest.fixture
def client_of() -> type[Client]:
    return Client


@pytest.fixture
def openapi() -> Callable[[str], Any]:
    """The vendor's specification, read where SAFEPOINT_VEEAM_OPENAPI says; never shipped."""
    folder = os.environ.get("SAFEPOINT_VEEAM_OPENAPI", "")
    if not folder:
        pytest.skip("needs SAFEPOINT_VEEAM_OPENAPI=<folder with subset_hyperv_*.json>")

    def load(revision: str) -> Any:
        path = Path(folder) / f"subset_hyperv_{revision}.json"
        return json.loads(path.read_text("utf-8-sig"))

    return load
