"""The classes over the world with real disks: one checkpoint's life, seen only on the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lab.hyperv.conftest import (
    HostClient,
    embedded,
    prop,
    selector,
    settings_ref,
    text,
    texts,
    vm_ref,
)

from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.world.building import EstatePlan, build_estate
from safepoint_lab.world.world import World
from safepoint_lab.wsman import AccountBook

MIB = 1 << 20
SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
DISKS = "SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE 'Microsoft:{}%'"


@pytest.fixture
def client(tmp_path: Path, accounts: AccountBook) -> Iterator[HostClient]:
    world = World.open(tmp_path)
    plan = EstatePlan(nodes=1, vms=1, disk_bytes=16 * MIB, bulk_bytes=0)
    build_estate(world.registry, world.storage, plan, tmp_path / "shares")
    world.start()
    try:
        with HyperVWire(world, accounts).server("hv01") as server:
            made = HostClient(server.url)
            yield made
            made.session.close()
    finally:
        world.stop()


def until(look: Callable[[], bool]) -> None:
    """Look again and again, at most some seconds."""
    pause = threading.Event()
    for _ in range(500):
        if look():
            return
        pause.wait(0.02)
    pytest.fail("it did not happen")


def follow(client: HostClient, job: str) -> None:
    """Poll a job until it has ended well."""

    def over() -> bool:
        state = text(client.get_setting("Msvm_ConcreteJob", job), "JobState")
        assert state in {"2", "3", "4", "7"}
        return state == "7"

    until(over)


def test_a_checkpoint_comes_holds_and_goes(client: HostClient) -> None:
    machines = client.rows(
        "SELECT * FROM Msvm_ComputerSystem WHERE Description = 'Microsoft Virtual Machine'"
    )
    guid = text(machines[0], "Name")

    def files() -> list[str]:
        return [texts(row, "HostResource")[0] for row in client.rows(DISKS.format(guid))]

    bases = files()
    settings = embedded(
        "Msvm_VirtualSystemSnapshotSettingData", prop("ConsistencyLevel", "1", "uint8")
    )
    arguments = (
        f"<m:AffectedSystem>{vm_ref(guid)}</m:AffectedSystem>"
        f"<m:SnapshotSettings>{settings}</m:SnapshotSettings><m:SnapshotType>32768</m:SnapshotType>"
    )
    job = selector(client.call(SNAPSHOTS, "CreateSnapshot", arguments), "Job")
    follow(client, job)
    rows = client.rows(f'REFERENCES OF {{Msvm_ConcreteJob.InstanceID="{job}"}}')
    (made,) = [selector(r, "AffectedElement") for r in rows if text(r, "ElementEffects") == "5"]
    shown = client.get_setting("Msvm_VirtualSystemSettingData", made)
    assert text(shown, "VirtualSystemType") == "Microsoft:Hyper-V:Snapshot:Recovery"
    assert all(path.endswith(".avhdx") for path in files())
    checkpoint = made.removeprefix("Microsoft:")
    frozen = client.rows(DISKS.format(checkpoint))
    assert [texts(row, "HostResource")[0] for row in frozen] == bases

    arguments = f"<m:AffectedSnapshot>{settings_ref(checkpoint)}</m:AffectedSnapshot>"
    follow(client, selector(client.call(SNAPSHOTS, "DestroySnapshot", arguments), "Job"))
    until(lambda: files() == bases)
