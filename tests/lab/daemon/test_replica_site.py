"""A lab with a second and a third site: what its estate says, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import UsageError
from safepoint.estate import clusters_of, load_estate
from safepoint_lab.daemon import Lab, LabClient
from safepoint_lab.daemon.control import ControlServer
from safepoint_lab.world.replication.numbers import InitialCopy
from safepoint_lab.world.replication.records import Authorization, ReplicationSettings
from safepoint_lab.world.replication.servers import ServerChanges


@pytest.fixture
def lab(tmp_path: Path, small: dict[str, Any]) -> Iterator[Lab]:
    choices = small | {"vms": 1, "scenario": "replica"}
    with Lab.start(tmp_path / "lab", **choices) as running:
        yield running
        assert running.status().problems == ()


def test_the_other_sites_are_in_the_estate(lab: Lab) -> None:
    estate = load_estate([lab.estate])
    assert list(estate.clusters) == ["clu1", "clu-dr", "hvt01"]
    assert list(estate.jobs) == ["everything"]
    replica, group = estate.replica("second-site"), estate.replica_group("shop")
    assert clusters_of(replica) == ("clu1", "clu-dr", "hvt01")
    assert [member.vms for member in group.spec.members] == [("sql01",)]
    shares = [share.name for cluster in lab.world.clusters() for share in cluster.shares]
    assert len(shares) == len(set(shares)), "one smbd serves them all by their names"
    assert [node.name for node in lab.world.nodes("clu-dr")] == ["hvr01", "hvr02"]


def test_replicas_and_the_clock_over_the_control_port(lab: Lab) -> None:
    replication = lab.world.replication
    replication.modify_server(ServerChanges(enabled=True, authentication=1), node="hvr01")
    replication.add_entry(Authorization("*", "lab", r"\\fs-dr\replica1"), node="hvr01")
    vm = lab.world.vm_named("sql01")
    settings = ReplicationSettings("clu-dr-broker.lab.example.test", 80)
    network = InitialCopy.NETWORK
    assert lab.world.wait_job(replication.create(vm.guid, settings, node=vm.node))
    assert lab.world.wait_job(replication.start_replication(vm.guid, network, node=vm.node))
    control = ControlServer(lab)
    control.start()
    try:
        client = LabClient(lab.folder.root)
        before = lab.world.now()
        assert client.advance(600) == 2
        assert (lab.world.now() - before).total_seconds() >= 600
        views = {view.cluster: view for view in client.replicas("sql01")}
        assert {name: (view.state, view.sends, view.partner) for name, view in views.items()} == {
            "clu1": ("replicating", True, "clu-dr"),
            "clu-dr": ("replicating", False, "clu1"),
        }
        assert client.inspect("sql01@clu-dr").hostname == "sql01"
        shown = {view.site: view.thumbprint for view in client.certificates()}
        assert shown["clu-dr"] == lab.world.replication.thumbprint("hvr02")
        assert set(shown) == {"clu1", "clu-dr", "hvt01"}
        with pytest.raises(UsageError):
            client.advance(-5)
    finally:
        control.stop()
