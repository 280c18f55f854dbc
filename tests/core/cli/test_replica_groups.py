"""A group on the command line: all of it is looked at before the first VM moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safepoint.cli.app import main
from safepoint.cli.places import state_dir
from safepoint.errors import VendorFaultError
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaState, ReplicaStep
from safepoint.models.workloads import PowerState
from safepoint.runs.recover import lease_key
from safepoint.store import ReplicaDeeds, Store
from safepoint_lab.reference import World
from safepoint_lab.reference.replication import Copy, Relation

_DOCUMENTS = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: reference, settings: {}}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: ref1}
spec: {hypervisor: hosts, nodes: [{name: node1, address: node1.example}]}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: dr1}
spec: {hypervisor: hosts, nodes: [{name: node9, address: node9.example}]}
---
apiVersion: safepoint/v1
kind: Replica
metadata: {name: dr}
spec:
  connection: hosts
  cluster: ref1
  include: [{name: alpha}, {name: beta}]
  target: {cluster: dr1, storage: 'D:\\Replica'}
---
apiVersion: safepoint/v1
kind: ReplicaGroup
metadata: {name: shop}
spec:
  members:
    - {replica: dr, vms: [alpha], startOrder: 1}
    - {replica: dr, vms: [beta], startOrder: 2}
"""

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["replica", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def pairs(world: World) -> dict[str, Relation]:
    """Two replicated machines; nothing is in the estate but their documents."""
    Path("estate.yaml").write_text(_DOCUMENTS, "utf-8")
    machines = {one.name: one for one in world.machines.values()}
    return {name: world.replication.relate(machines[name].id, "dr1") for name in ("alpha", "beta")}


@pytest.fixture
def beta_fails(world: World, pairs: dict[str, Relation]) -> Iterator[pytest.MonkeyPatch]:
    """The second VM's host refuses every step, until this is undone."""
    accept = world.replication.accept

    def refuse(step: ReplicaStep, relation: Relation, copy: Copy, point: str) -> object:
        if relation is pairs["beta"]:
            msg = "the broker is offline"
            raise VendorFaultError(msg, operation="start", system=copy.system)
        return accept(step, relation, copy, point)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.replication, "accept", refuse)
        yield patch


def places(pairs: dict[str, Relation]) -> dict[str, str]:
    """Return where each machine runs."""
    return {
        name: next(c.system for c in pair.copies.values() if c.power is PowerState.RUNNING)
        for name, pair in pairs.items()
    }


PLANNED = ("failover", "--planned", "--group", "shop", "--yes", "shop")


def test_one_vm_that_would_be_refused_refuses_the_group(
    world: World, pairs: dict[str, Relation], say: Say
) -> None:
    world.replication.set_states(pairs["beta"], ReplicaState.PAUSED)

    code, out, err = say(*PLANNED)

    assert (code, out) == (7, "")
    assert "nothing was begun, because 1 of 2 VMs would be refused: beta: it does not rep" in err
    assert world.writes == []
    assert places(pairs) == {"alpha": "ref1", "beta": "ref1"}


def test_a_vm_that_another_process_works_on_refuses_the_group(
    world: World, pairs: dict[str, Relation], say: Say
) -> None:
    beta = Ref(kind="workload", system="ref1", id=pairs["beta"].machine)
    with Store(state_dir(), clock=world.clock.now) as store:
        other = store.executors.enter()
        store.leases.take(lease_key(beta), other.id, purpose="run")
        code, _out, err = say(*PLANNED)
    assert code == 7
    assert "is being worked on by process" in err
    assert world.writes == []


def test_a_group_that_stopped_half_way_goes_on_and_never_back(
    pairs: dict[str, Relation], say: Say, beta_fails: pytest.MonkeyPatch
) -> None:
    code, _out, err = say(*PLANNED)
    beta_fails.undo()
    assert (code, "the broker is offline" in err) == (3, True)
    assert places(pairs) == {"alpha": "dr1", "beta": "ref1"}

    code, _out, err = say(*PLANNED)
    assert (code, "alpha on dr1, beta on ref1" in err) == (7, True)
    assert places(pairs) == {"alpha": "dr1", "beta": "ref1"}

    code, out, _err = say(*PLANNED, "--to", "dr1", "-o", "json")
    outcomes = {row["vm"]: row["outcome"] for row in json.loads(out)["items"]}
    assert (code, outcomes) == (0, {"alpha": "was so already", "beta": "done"})
    assert places(pairs) == {"alpha": "dr1", "beta": "dr1"}

    code, _out, err = say(*PLANNED, "--to", "dr1")
    assert code == 0
    assert places(pairs) == {"alpha": "dr1", "beta": "dr1"}
    code, _out, err = say(*PLANNED)
    assert places(pairs) == {"alpha": "ref1", "beta": "ref1"}


def test_a_half_done_group_can_be_taken_back(
    pairs: dict[str, Relation], say: Say, beta_fails: pytest.MonkeyPatch
) -> None:
    code, _out, _err = say(*PLANNED, "--no-reverse")
    beta_fails.undo()
    assert code == 3

    code, out, err = say("cancel", "--group", "shop", "--yes", "shop", "-o", "json")

    assert code == 0, err
    outcomes = {row["vm"]: row["outcome"] for row in json.loads(out)["items"]}
    assert outcomes == {"alpha": "done", "beta": "was so already"}
    assert places(pairs) == {"alpha": "ref1", "beta": "ref1"}


def test_where_it_shall_run_is_a_place_with_a_copy(pairs: dict[str, Relation], say: Say) -> None:
    code, _out, err = say("failover", "alpha", "--planned", "--to", "mars", "--yes", "alpha")
    assert (code, "alpha has no copy on 'mars'" in err) == (2, True)
    code, _out, err = say("failover", "alpha", "--planned", "--to", "ref1", "--yes", "alpha")
    assert (code, "it runs there already" in err) == (7, True)
    code, _out, err = say("failover", "alpha", "--to-point", "latest", "--to", "dr1")
    assert (code, "--to goes with --planned" in err) == (2, True)
    assert places(pairs)["alpha"] == "ref1"


def test_a_status_without_replicas_says_who_asks_for_some(
    world: World, pairs: dict[str, Relation], say: Say
) -> None:
    world.replication.relations.clear()
    said = "".join(map(str, say("status")[1:]))
    assert "nothing is replicated; `safepoint plan` shows what dr asks for" in said


def test_the_status_of_an_unknown_vm_is_an_error(pairs: dict[str, Relation], say: Say) -> None:
    code, out, err = say("status", "alhpa")
    assert (code, out) == (2, "")
    assert "no replica of a VM 'alhpa' is seen" in err
    assert "alpha" in say("status", "ALPHA")[1]


def test_a_day_without_a_zone_is_shown_as_a_whole_time(
    pairs: dict[str, Relation], say: Say
) -> None:
    code, _out, err = say("failover", "alpha", "--to-point", "2026-01-31", "--yes", "alpha")
    assert code == 2
    assert "Write 2026-01-31T00:00:00+01:00, or 2026-01-31T00:00:00Z for UTC." in err


def test_a_status_as_json_has_the_log(pairs: dict[str, Relation], say: Say) -> None:
    shown = json.loads(say("status", "alpha", "-o", "json")[1])
    (pair,) = shown["pairs"]
    assert pair["log"] == {
        "waiting_bytes": None,
        "growth_bytes_per_hour": None,
        "growth_from": None,
        "half_of_disks_bytes": 1 << 19,
        "half_in_seconds": None,
    }


def test_a_replica_that_keeps_points_and_has_none_yet_says_so(
    pairs: dict[str, Relation], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs["alpha"].copies["dr1"].points.clear()
    assert "only the newest state is kept" in "".join(map(str, say("points", "alpha")))
    monkeypatch.setattr(pairs["alpha"], "recovery_points", 5)
    assert "there is no recovery point yet" in "".join(map(str, say("points", "alpha")))


def test_reversing_a_group_goes_on_with_those_that_are_not_reversed(
    world: World, pairs: dict[str, Relation], say: Say
) -> None:
    assert say(*PLANNED, "--no-reverse")[0] == 0
    assert say("reverse", "alpha", "--yes", "alpha")[0] == 0

    code, out, err = say("reverse", "--group", "shop", "--yes", "shop", "-o", "json")

    assert code == 0, err
    outcomes = {row["vm"]: row["outcome"] for row in json.loads(out)["items"]}
    assert outcomes == {"alpha": "was so already", "beta": "done"}
    assert places(pairs) == {"alpha": "dr1", "beta": "dr1"}


def test_a_planned_failover_that_was_refused_half_way_can_be_taken_back(
    world: World, pairs: dict[str, Relation], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = world.replication.accept

    def refuse(step: ReplicaStep, relation: Relation, copy: Copy, point: str) -> object:
        if step is ReplicaStep.PREPARE:
            msg = "the last change cannot be sent"
            raise VendorFaultError(msg, operation="start", system=copy.system)
        return accept(step, relation, copy, point)

    monkeypatch.setattr(world.replication, "accept", refuse)
    code, _out, err = say("failover", "alpha", "--planned", "--yes", "alpha")
    assert code != 0
    assert "alpha: stopped; done is: shut-down. Give the same command again, or" in err
    assert pairs["alpha"].copies["ref1"].power is PowerState.OFF

    code, _out, err = say("cancel", "alpha")
    assert code == 0, err
    assert places(pairs)["alpha"] == "ref1"


class Dead(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("begun", [("failover", "--planned", "--no-reverse"), ("test-failover",)])
def test_taking_back_goes_on_where_its_process_died(
    begun: tuple[str, ...],
    world: World,
    pairs: dict[str, Relation],
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All was taken back, and nobody wrote it down: the same command does, and blocks nothing."""
    more = ("--yes", "alpha") if begun[0] == "failover" else ()
    assert say(*begun, "alpha", *more)[0] == 0

    def die(*_rest: object, **_more: object) -> None:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(ReplicaDeeds, "end", die)
        with pytest.raises(Dead):
            say("cancel", "alpha", "--yes", "alpha")

    code, _out, err = say("cancel", "alpha", "--yes", "alpha")

    assert code == 0, err
    with Store(state_dir()) as store:
        assert store.replica_deeds.open() == ()
    assert say("pause", "alpha")[0] == 0
    assert places(pairs)["alpha"] == "ref1"
