"""A small world with a simulated CommServe in front of it, and words to talk to it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from safepoint_lab.commvault import CommvaultServer, CommvaultSettings
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.world.building import MIB, EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 100.0
WAIT_SECONDS = 20.0
PASSWORD = base64.b64encode(b"secret").decode()


@contextmanager
def small_world(folder: Path, *, running: bool = True, nodes: int = 2) -> Iterator[World]:
    """Two VMs on some nodes; nothing may fail in the background."""
    made = World.open(folder, Timings(speed=SPEED))
    plan = EstatePlan(1, nodes, 2, 1, 8 * MIB, bulk_bytes=MIB)
    build_estate(made.registry, made.storage, plan, folder / "shares")
    if running:
        made.start()
    try:
        yield made
    finally:
        made.stop()
    assert made.scheduler.failures == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of its own, running."""
    with small_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(scope="module")
def quiet_world(tmp_path_factory) -> Iterator[World]:
    """A world that stands still, one for all tests of a module that do not act on it."""
    with small_world(tmp_path_factory.mktemp("quiet") / "world", running=False) as made:
        yield made


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> LabTls:
    made = LabTls(tmp_path_factory.mktemp("tls"))
    made.ensure(["commserve01.lab.example.test"])
    return made


class Client:
    """A plain client of one server."""

    def __init__(self, server: CommvaultServer, prefix: str = "commandcenter/api") -> None:
        self.server = server
        self.engine = server.engine
        self.base = f"{server.url}/{prefix}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(server.ca)
        self.http.headers["Accept"] = "application/json"

    def login(self, password: str = "") -> Any:
        settings = self.engine.settings
        secret = (password or settings.password).encode()
        body = {
            "mode": 4,
            "username": settings.username,
            "password": base64.b64encode(secret).decode(),
        }
        answer = self.call("POST", "Login", body).json()
        if "token" in answer:
            self.http.headers["Authtoken"] = answer["token"]
        return answer

    def call(
        self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any
    ) -> requests.Response:
        url = f"{self.base}/{path}"
        return self.http.request(method, url, json=body, params=query, headers=headers, timeout=30)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.call("POST", path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, answer: dict[str, Any]) -> Any:
        """Wait for the job of an answer; return its summary."""
        ident = answer["jobId"] if "jobId" in answer else answer["jobIds"][0]
        self.engine.jobs.wait(int(ident), WAIT_SECONDS)
        return self.summary(ident)

    def summary(self, ident: Any) -> Any:
        return self.get(f"Job/{ident}")["jobs"][0]["jobSummary"]

    def vm_status(self, ident: Any) -> dict[str, Any]:
        """The rows of a job's VMs by name."""
        detail = self.post("JobDetails", {"jobId": int(ident), "showAttempt": True})
        rows = detail["job"]["jobDetail"]["clientStatusInfo"]["vmStatus"]
        return {row["vmName"]: row for row in rows}

    def nodes(self) -> list[str]:
        return [node.hostname for node in self.engine.world.nodes()]

    def install(self, *hosts: str, reboot: bool = False) -> Any:
        """Push the VSA; return the summary of the finished job."""
        entities = [
            {"clientId": 0, "clientName": host.split(".")[0], "hostName": host}
            for host in hosts or self.nodes()
        ]
        body = {
            "rebootClient": reboot,
            "entities": entities,
            "packages": [{"packageId": 713, "packageName": "Virtual Server"}],
            "clientAuthForJob": {"userName": "LAB\\svc", "password": PASSWORD},
        }
        return self.done(self.post("InstallClient", body))

    def hypervisor_body(self, *nodes: str) -> Any:
        names = nodes or [item["name"] for item in self.get("V4/AccessNodes")["accesNodes"]]
        return {
            "name": "HVC",
            "hypervisorType": "Hyper-V",
            "serverName": self.engine.world.clusters()[0].fqdn,
            "userName": "LAB\\svc",
            "password": PASSWORD,
            "accessNodes": [{"id": 0, "name": name} for name in names],
        }

    def hypervisor(self, *nodes: str) -> int:
        """Install on every node, register the cluster; return the hypervisor's id."""
        self.install()
        made = self.post("V4/Hypervisor", self.hypervisor_body(*nodes))
        assert made["response"]["errorCode"] == 0
        return int(made["response"]["hypervisorId"])

    def group(self, *names: str, hypervisor: int = 0, **more: Any) -> int:
        """Make a group of VMs by name (all when none is named); return its id."""
        rules = [{"type": "VM_NAME", "condition": "EQUALS", "name": name} for name in names] or [
            {"type": "VM_NAME", "condition": "CONTAINS", "name": "0"}
        ]
        body = {
            "name": "gold",
            "Hypervisor": {"id": hypervisor or self.hypervisor()},
            "plan": {"name": "Server Plan"},
            "content": {"ruleGroups": [{"matchRule": "ANY", "rules": rules}]},
            **more,
        }
        return int(self.post("V4/VmGroup", body)["subclientId"])

    def backup(self, group: int, level: str = "FULL") -> Any:
        """Back a group up; return the summary of the finished job."""
        return self.done(self.post(f"V4/VmGroup/{group}/backup", backupLevel=level))


@pytest.fixture
def serve(world: World, tls: LabTls, tmp_path: Path) -> Iterator[Callable[..., CommvaultServer]]:
    """Start servers over the world; all are stopped, and none may have failed inside."""
    made: list[CommvaultServer] = []

    def start(*, folder: str = "commvault", **settings: Any) -> CommvaultServer:
        chosen = CommvaultSettings(speed=SPEED, **settings)
        server = CommvaultServer(world, tmp_path / folder, tls, settings=chosen)
        server.start()
        made.append(server)
        return server

    yield start
    for server in made:
        server.stop()
        assert server.engine.crew.failures == []


@pytest.fixture
def client(serve) -> Client:
    """A client that is logged in."""
    made = Client(serve())
    made.login()
    return made


@pytest.fixture
def client_of() -> type[Client]:
    return Client
