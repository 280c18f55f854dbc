"""Health by Microsoft's thresholds, and what else status says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.core.replicas.sides import GIB, NOW, side

from safepoint.models.diagnostics import Severity
from safepoint.models.replicas import (
    ReplicaMode,
    ReplicaServerState,
    ReplicaState,
    ReplicaStatistics,
    ReplicaStorage,
)
from safepoint.models.workloads import PowerState
from safepoint.replicas.looking import Pair, pairs_of
from safepoint.replicas.status import gather
from safepoint.replicas.verdicts import VERDICTS, judge_pair, judge_server


def pair(replica: dict[str, object] | None = None, **primary: object) -> Pair:
    sides = [side(ReplicaMode.PRIMARY, **primary), side(ReplicaMode.REPLICA, **(replica or {}))]
    (found,) = pairs_of(sides)
    return found


def codes(one: Pair, **more: bool) -> list[str]:
    found = list(judge_pair(one, NOW, is_complete=True, **more))
    assert all(VERDICTS[each.code].severity is each.severity for each in found)
    return [each.code for each in found]


def test_a_healthy_pair_has_no_verdict() -> None:
    assert codes(pair()) == []


@pytest.mark.parametrize(
    ("missed", "expected"),
    [(24, []), (25, ["replica-cycles-missed"]), (50, ["replica-cycles-missed"])],
)
def test_a_fifth_of_the_cycles_is_the_line(missed: int, expected: list[str]) -> None:
    figures = ReplicaStatistics(cycles_succeeded=100, cycles_missed=missed)
    assert codes(pair(statistics=figures)) == expected


@pytest.mark.parametrize(("minutes", "expected"), [(60, []), (61, ["replica-out-of-sync"])])
def test_an_hour_without_transfer_is_out_of_sync(minutes: int, expected: list[str]) -> None:
    assert codes(pair(last_replicated_at=NOW - timedelta(minutes=minutes))) == expected


@pytest.mark.parametrize(("gib", "expected"), [(5, []), (6, ["replica-log-large"])])
def test_half_of_the_disks_is_the_most_for_a_log(gib: int, expected: list[str]) -> None:
    figures = ReplicaStatistics(cycles_succeeded=100, pending_bytes=gib * GIB)
    assert codes(pair(statistics=figures)) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ReplicaState.PAUSED, "replica-paused"),
        (ReplicaState.CRITICAL, "replica-critical"),
        (ReplicaState.RESYNC_REQUIRED, "replica-resync-required"),
        (ReplicaState.INITIAL, "replica-first-copy-due"),
        (ReplicaState.PREPARED, "replica-prepared"),
    ],
)
def test_each_bad_state_has_one_verdict(state: ReplicaState, expected: str) -> None:
    assert codes(pair(state=state)) == [expected]


def test_a_paused_log_says_when_it_is_half_of_the_disks() -> None:
    figures = ReplicaStatistics(cycles_succeeded=100, pending_bytes=GIB)
    paused = pair(
        state=ReplicaState.PAUSED,
        last_replicated_at=NOW - timedelta(hours=1),
        statistics=figures,
    )
    (found,) = judge_pair(paused, NOW, is_complete=True)
    assert found.summary == (
        "sql01: replication is paused: log 1.0 GiB, 1.0 GiB an hour, "
        "half of the disks in 240 minutes"
    )


def test_a_failover_that_waits_and_two_that_run_are_said() -> None:
    failed_over: dict[str, object] = {
        "state": ReplicaState.FAILED_OVER,
        "power": PowerState.RUNNING,
    }
    assert codes(pair(failed_over)) == ["replica-two-run", "replica-failover-open"]


def test_one_side_alone_is_a_finding_only_when_all_could_be_read() -> None:
    (alone,) = pairs_of([side(ReplicaMode.PRIMARY)])
    assert codes(alone) == ["replica-one-sided"]
    assert list(judge_pair(alone, NOW, is_complete=False)) == []


def test_a_server_without_room_is_said() -> None:
    server = ReplicaServerState(
        cluster="dr",
        name="dr",
        can_receive=True,
        storages=(ReplicaStorage(path="D:", free_bytes=GIB),),
    )
    assert [one.code for one in judge_server(server, 11 * GIB)] == ["replica-server-full"]
    assert list(judge_server(server, 9 * GIB)) == []


def test_status_names_the_system_that_could_not_be_read(site) -> None:
    site.world.replication.down.add("dr1")
    process = site.process()
    found = gather("x", process.hypervisor, ("ref1", "dr1"), site.world.clock.now())
    assert [one.code for one in found.findings] == ["replica-system-unread"]
    assert found.is_bad
    (only,) = found.pairs
    assert only.pair.replica is None


def test_status_counts_points_and_servers(site) -> None:
    site.world.replication.send(site.relation)
    process = site.process()
    found = gather(
        "x",
        process.hypervisor,
        ("ref1", "dr1"),
        site.world.clock.now(),
        ways=frozenset({("dr1", "ref1")}),
    )
    (one,) = found.pairs
    assert one.points == 2
    assert one.lag_seconds is not None
    server = next(s for s in found.servers if s.server.cluster == "dr1")
    assert (server.replicas, server.sources) == (1, ("ref1",))
    assert [f.code for f in found.findings] == ["replica-reversed"]
    assert all(f.severity is Severity.INFO for f in found.findings)
    assert not found.is_bad


def test_a_finding_about_the_third_copy_says_so_and_how_to_name_it() -> None:
    sides = [
        side(ReplicaMode.PRIMARY, state=ReplicaState.RESYNC_REQUIRED),
        side(ReplicaMode.EXTENDED, state=ReplicaState.RESYNC_REQUIRED),
    ]
    (third,) = pairs_of(sides)
    finding = next(f for f in judge_pair(third, NOW, is_complete=True) if "resync" in f.code)
    assert finding.summary.startswith("sql01 (third copy): both sides")
    assert "`safepoint replica resync VM --third`" in finding.hint
    assert finding.field == "sql01"
