"""Living nodes are asked at the same time, and none is skipped in silence."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier

import pytest
from pydantic import SecretStr

from safepoint.errors import UnreachableError
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint_native.cim import CimClient
from safepoint_native.hyperv.cluster import ClusterView, NodeState
from safepoint_native.nodes import Nodes
from safepoint_native.settings import NativeSettings

NAMES = ("hv03", "hv01", "hv02")


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    authority = tmp_path / "ca.pem"
    authority.touch()  # read only when something is sent
    settings = NativeSettings(username="LAB\\backup", password=SecretStr("secret"), ca=authority)
    addresses = tuple(NodeAddress(name=one, address=f"https://{one}.invalid") for one in NAMES)
    return Nodes(ClusterInfo(name="clu1", nodes=addresses), settings)


def test_nodes_are_asked_at_the_same_time_and_answer_in_order(nodes: Nodes) -> None:
    together = Barrier(len(NAMES), timeout=10)

    def ask(client: CimClient) -> str:
        together.wait()  # breaks where one is asked after the other
        return client.node

    assert nodes.on_living(None, ask) == list(NAMES)


def test_a_node_that_is_down_is_left_out_and_one_that_fails_ends_the_listing(nodes: Nodes) -> None:
    def ask(client: CimClient) -> str:
        if client.node == "hv02":
            raise UnreachableError("hv02 does not answer")
        return client.node

    down = ClusterView(name="clu1", nodes={"hv02": NodeState.DOWN}, owners={})

    assert nodes.on_living(down, ask) == ["hv03", "hv01"]
    with pytest.raises(UnreachableError, match="hv02"):
        nodes.on_living(None, ask)
