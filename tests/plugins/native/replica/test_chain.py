"""Primary, secondary and third copy, from documents to a drill, on simulated hosts.

The tests of this file follow one another's state only where they say so: each sets up what it
needs by applying documents.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safepoint.models.plans import Action, PlanScope
from safepoint.models.replicas import ReplicaMode, ReplicaState
from safepoint.replicas.looking import pairs_of
from safepoint.replicas.status import gather
from safepoint_native.hyperv.adapters import list_wires

CLUSTERS = ("clu1", "clu-dr", "hvt01")
CHAIN = r"""
apiVersion: safepoint/v1
kind: Replica
metadata: {name: all-dr}
spec:
  connection: hosts
  cluster: clu1
  include: [{name: sql01}]
  target:
    cluster: clu-dr
    server: clu-dr-broker.lab.example.test
    storage: '\\fs-dr\replica1'
  reverse:
    cluster: clu1
    server: clu1-broker.lab.example.test
    storage: '\\fs01\vmstore1'
  frequency: 5m
  recoveryPoints: {additionalHours: 4, applicationConsistentEveryHours: 2}
  networks: [{adapter: 'network *', connectTo: lab-switch, testWith: lab-test-switch}]
  extended:
    target: {cluster: hvt01, server: hvt01.lab.example.test, storage: '\\fs-third\replica2'}
    frequency: 15m
    networks: [{testWith: lab-test-switch}]
"""


@pytest.fixture(scope="module")
def chain(lab):
    """The lab with the whole chain applied."""
    lab.text = CHAIN
    plan = lab.bench().plan(PlanScope(accept=("replica-without-backup",)))
    actions = {change.address: change.action for change in plan.writes}
    assert actions["replica-server/clu-dr"] is Action.UPDATE, "nobody's own: not adopted"
    assert [f.code for f in plan.findings if "adopt" in f.code] == []
    lab.report = lab.bench().apply(plan)
    assert lab.report.error is None, lab.report.error
    return lab


def test_servers_come_before_relationships_and_the_third_copy_last(chain) -> None:
    addresses = [step.change.address for step in chain.report.steps]
    assert addresses.index("replica-server/clu-dr") < addresses.index("replica/clu1/sql01")
    assert addresses.index("replica/clu1/sql01") < addresses.index("replica-network/clu1/sql01")
    assert addresses.index("replica/clu1/sql01") < addresses.index("replica-third/clu1/sql01")
    third = addresses.index("replica-third/clu1/sql01")
    assert third < addresses.index("replica-third-network/clu1/sql01")


def test_what_was_applied_plans_empty(chain) -> None:
    plan = chain.bench().plan(PlanScope())
    assert [(c.address, c.action, c.fields) for c in plan.writes] == []


def test_all_three_places_show_their_part(chain) -> None:
    found = chain.look()
    assert found.unread == {}
    first, third = pairs_of(found.sides)
    assert first.primary
    assert first.replica
    assert third.primary
    assert third.replica
    assert (first.primary.ref.system, first.replica.ref.system) == ("clu1", "clu-dr")
    assert (third.primary.ref.system, third.replica.ref.system) == ("clu-dr", "hvt01")
    assert third.replica.mode is ReplicaMode.EXTENDED
    assert first.primary.state is ReplicaState.REPLICATING
    assert first.primary.frequency_seconds == 300
    assert {s.cluster: s.can_receive for s in found.servers} == {
        "clu1": True,
        "clu-dr": True,
        "hvt01": True,
    }


def test_a_status_has_sizes_and_costs_few_requests(chain) -> None:
    before = chain.driver.request_count
    found = gather("hosts", chain.wrapped, CLUSTERS, datetime.now(UTC))
    used = chain.driver.request_count - before

    assert all(pair.pair.primary and pair.pair.primary.disk_bytes for pair in found.pairs)
    sizes = {s.ref.system: s.disk_bytes or 0 for pair in found.pairs for s in pair.pair.sides}
    assert sizes["clu-dr"] > sizes["hvt01"], (
        "a recovery point of clu-dr is more than its newest state"
    )
    assert all(pair.pair.primary.statistics for pair in found.pairs if pair.pair.primary)
    # Five nodes with some ten queries each, and one request a relationship for its figures.
    assert used <= 5 * 14 + len(found.pairs), used


def test_importing_what_was_applied_plans_empty(chain) -> None:
    imported = chain.bench().import_from("hosts", owner="default")
    (document,) = [one for one in imported.documents if one.kind == "Replica"]
    assert document.spec.extended is not None
    assert document.spec.recovery_points.additional_hours == 4
    (network,) = document.spec.networks
    assert (network.adapter, network.connect_to) == ("Network Adapter", "lab-switch")
    assert network.test_with == "lab-test-switch"
    (of_third,) = document.spec.extended.networks
    assert (of_third.connect_to, of_third.test_with) == (None, "lab-test-switch")


def test_importing_takes_no_notice_of_what_the_estate_says_already(chain) -> None:
    """Under another name, and with a third copy elsewhere that is not there yet."""
    chain.text = CHAIN.replace("all-dr", "by-hand").replace("frequency: 5m", "frequency: 15m")
    imported = chain.bench().import_from("hosts", owner="default")
    assert [one.name for one in imported.documents if one.kind == "Replica"] == ["clu1-to-clu-dr"]
    chain.text = CHAIN


def test_a_change_by_hand_is_drift_and_apply_puts_it_back(chain) -> None:
    chain.text = CHAIN.replace("additionalHours: 4", "additionalHours: 6")
    plan = chain.bench().plan(PlanScope())
    (change,) = plan.writes
    assert (change.address, change.action) == ("replica/clu1/sql01", Action.UPDATE)
    assert [f.field for f in change.fields] == ["additional_hours"]
    chain.bench().apply(plan)
    chain.text = CHAIN
    _plan, lines = chain.bench().drift(PlanScope())
    assert [(line.field, line.observed) for line in lines] == [("additional_hours", 6)]
    chain.bench().apply(chain.bench().plan(PlanScope()))
    assert chain.bench().plan(PlanScope()).writes == ()


def wires(chain, name: str) -> list[tuple[str, str]]:
    """Return where the adapters of a VM go, as its node shows it to the plugin."""
    vm = chain.world.vm_named(name)
    client = chain.driver._nodes[vm.cluster].client(vm.node)
    return [(w.switch, w.test_switch) for w in list_wires(client, [vm.guid])[vm.guid.upper()]]


def test_adapters_of_both_copies_go_where_the_document_says(chain) -> None:
    assert wires(chain, "sql01@clu-dr") == [("lab-switch", "lab-test-switch")]
    assert wires(chain, "sql01@hvt01") == [("", "lab-test-switch")]
    assert wires(chain, "sql01") == [("lab-switch", "")], "the primary is not touched"

    chain.text = CHAIN.replace("connectTo: lab-switch, ", "")
    chain.text = chain.text.replace("[{testWith", "[{connectTo: lab-switch, testWith")
    _plan, lines = chain.bench().drift(PlanScope())
    assert [(line.address, line.field, line.observed) for line in lines] == [
        ("replica-network/clu1/sql01", "connect_to", ("lab-switch",)),
        ("replica-third-network/clu1/sql01", "connect_to", ("",)),
    ]
    assert chain.bench().apply(chain.bench().plan(PlanScope())).error is None
    assert wires(chain, "sql01@clu-dr") == [("", "lab-test-switch")]
    assert wires(chain, "sql01@hvt01") == [("lab-switch", "lab-test-switch")]

    chain.text = CHAIN.replace("lab-switch", "no-such-switch")
    error = chain.bench().apply(chain.bench().plan(PlanScope())).error
    assert error is not None
    assert "has no virtual switch 'no-such-switch'" in error.message
    assert error.hint == "It has: lab-switch, lab-test-switch."

    chain.text = CHAIN
    assert chain.bench().apply(chain.bench().plan(PlanScope())).error is None
    assert chain.bench().plan(PlanScope()).writes == ()


def test_without_networks_in_the_document_nobody_touches_an_adapter(chain) -> None:
    lines = [line for line in CHAIN.splitlines() if "networks" not in line]
    chain.text = "\n".join(lines)
    assert chain.bench().plan(PlanScope()).writes == ()
    chain.text = CHAIN


def test_points_and_bytes_travel_along_the_chain(chain) -> None:
    chain.wait_replicating("sql01")
    assert {side.state for side in chain.look().sides} == {ReplicaState.REPLICATING}
    chain.world.guest("sql01").write_file("CHAIN.TXT", b"all the way")
    chain.world.advance(timedelta(minutes=31))
    assert chain.world.guest("sql01@hvt01").read_file("CHAIN.TXT") == b"all the way"
