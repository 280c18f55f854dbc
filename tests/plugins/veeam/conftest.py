"""A world of three small VMs, and simulated backup servers over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.veeam import VeeamServer, VeeamSettings
from safepoint_lab.veeam.records import (
    Backup,
    BackupObject,
    Credential,
    Job,
    Mount,
    PendingDeletion,
    RestorePoint,
    Server,
    Session,
    Task,
)
from safepoint_lab.world.building import EstatePlan, build_estate
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

SPEED = 40.0
FABRIC = ("LAB\\svc-hv", "fabric-secret")
REST = ("svc-veeam", "rest-secret")
RECORDS = (
    Backup,
    BackupObject,
    Credential,
    Job,
    Mount,
    PendingDeletion,
    RestorePoint,
    Server,
    Session,
    Task,
)


class Product:
    """One simulated server with what tests need to know of it."""

    fabric = FABRIC
    rest = REST

    def __init__(self, server: VeeamServer, world: World) -> None:
        self.server = server
        self.world = world

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings of a connection, secrets resolved."""
        given = {
            "url": self.server.url,
            "username": REST[0],
            "password": REST[1],
            "ca": str(self.server.ca),
            "fabric": {"username": FABRIC[0], "password": FABRIC[1]},
            "clusterNames": {c.name: c.fqdn for c in self.world.clusters()},
            "repository": "Repo A",
        }
        return given | more

    def empty(self) -> None:
        """Forget everything but the repositories."""
        engine = self.server.engine
        self.server.faults.clear()
        for session in engine.shelf.all(Session):
            if session.state != "Stopped":
                engine.runner.stop_session(session, graceful=False)
                engine.sessions.wait(session.id, 20.0)
        for mount in engine.shelf.all(Mount):
            if mount.vm and (vm := engine.fabric.vm(mount.vm)) is not None:
                from safepoint_lab.veeam.restore.entire import remove_vm

                remove_vm(engine.instant._shop, vm)
        for kind in RECORDS:
            engine.shelf.remove(*engine.shelf.all(kind))
        for vm in self.world.vms():
            assert self.world.wait_merged(vm.guid, 20.0)


@pytest.fixture(scope="module")
def farm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Start servers by profile over one world; both live as long as the module's tests.

    A module that needs another world says so in `FARM`.
    """
    folder = tmp_path_factory.mktemp("farm")
    tls = LabTls(folder / "tls")
    tls.ensure(())
    world = World.open(folder / "world", Timings(speed=SPEED))
    shape = {"clusters": 1, "nodes": 2, "vms": 3} | getattr(request.module, "FARM", {})
    plan = EstatePlan(disk_bytes=4 << 20, bulk_bytes=1 << 20, **shape)
    build_estate(world.registry, world.storage, plan, folder / "shares")
    world.start()
    made: dict[str, Product] = {}

    def serve(profile: str = "1.3-rev1") -> Product:
        if profile not in made:
            settings = VeeamSettings(
                username=REST[0],
                password=REST[1],
                fabric_username=FABRIC[0],
                fabric_password=FABRIC[1],
                speed=SPEED,
            )
            server = VeeamServer(world, folder / profile, tls, profile=profile, settings=settings)
            server.start()
            made[profile] = Product(server, world)
        return made[profile]

    yield SimpleNamespace(serve=serve, world=world, folder=folder)
    for product in made.values():
        product.server.stop()
        assert product.server.engine.crew.failures == []
    world.close()


@pytest.fixture
def product(farm: Any) -> Iterator[Product]:
    """An empty server of 1.3-rev1."""
    found: Product = farm.serve()
    yield found
    found.empty()


@pytest.fixture
def serve(farm: Any) -> Iterator[Callable[..., Product]]:
    """Empty servers by profile."""
    used: list[Product] = []

    def start(profile: str = "1.3-rev1") -> Product:
        found: Product = farm.serve(profile)
        used.append(found)
        return found

    yield start
    for one in used:
        one.empty()
