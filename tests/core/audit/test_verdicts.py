"""The table of verdicts: total, without dead rows, and the first row that fits decides."""

from __future__ import annotations

import itertools

import pytest

from safepoint.audit.owners import NAMES, product_of
from safepoint.audit.report import Verdict
from safepoint.audit.risks import Room, risk_of
from safepoint.audit.verdicts import VERDICTS, Fact, verdict_of

F = Fact
SUBJECTS = (F.CHECKPOINT, F.CHAIN, F.FILE)


def test_every_combination_of_facts_has_a_verdict() -> None:
    others = [fact for fact in Fact if fact not in SUBJECTS]
    for subject in SUBJECTS:
        for size in range(4):
            for facts in itertools.combinations(others, size):
                assert verdict_of(frozenset({subject, *facts}))


def test_every_row_can_decide() -> None:
    """A row that an earlier one always hides would be a dead letter."""
    for rule in VERDICTS:
        assert verdict_of(rule.needs) is rule, rule.id


def test_rows_have_names_of_their_own() -> None:
    assert len({rule.id for rule in VERDICTS}) == len(VERDICTS)


def test_no_step_tells_to_delete_or_merge_files_that_are_in_use() -> None:
    for rule in VERDICTS:
        filled = rule.next_step.format(vm="VM", name="NAME", product="PRODUCT", cluster="CLU")
        assert "{" not in filled
        if F.CHAIN in rule.needs and rule.verdict is Verdict.MERGE_FAILED:
            assert "Never merge or delete" in filled


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({F.CHECKPOINT, F.OURS, F.WORKED_ON, F.OLD}, Verdict.IN_USE),
        ({F.CHECKPOINT, F.OURS, F.WANTED, F.OLD}, Verdict.IN_USE),
        ({F.CHECKPOINT, F.OURS, F.WANTED, F.EXPIRED}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.OURS}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.JOB_RUNNING, F.OLD}, Verdict.IN_USE),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.JOB_ENDED}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT}, Verdict.FOREIGN),
        ({F.CHECKPOINT, F.BACKUP, F.OLD}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.KEEPS_ONE}, Verdict.STEADY_STATE),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.KEEPS_ONE, F.OLD}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.BACKUP, F.PRODUCT, F.KEEPS_ONE, F.SEVERAL}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.REPLICA, F.OLD}, Verdict.STEADY_STATE),
        ({F.CHECKPOINT, F.PERSON}, Verdict.FOREIGN),
        ({F.CHECKPOINT, F.PERSON, F.OLD}, Verdict.LINGERING),
        ({F.CHECKPOINT, F.BACKUP, F.OTHER_JOURNAL}, Verdict.FOREIGN),
        ({F.CHECKPOINT, F.BACKUP, F.OTHER_JOURNAL, F.OLD}, Verdict.LINGERING),
        ({F.CHAIN, F.MERGING}, Verdict.MERGE_PENDING),
        ({F.CHAIN, F.MERGING, F.STILL}, Verdict.MERGE_FAILED),
        ({F.CHAIN}, Verdict.MERGE_PENDING),
        ({F.CHAIN, F.TEST_COPY}, Verdict.STEADY_STATE),
        ({F.CHAIN, F.TEST_COPY, F.STILL}, Verdict.STEADY_STATE),
        ({F.CHAIN, F.STILL}, Verdict.MERGE_FAILED),
        ({F.FILE}, Verdict.FOREIGN),
        ({F.FILE, F.OLD}, Verdict.LINGERING),
    ],
)
def test_verdicts(facts: set[Fact], verdict: Verdict) -> None:
    assert verdict_of(frozenset(facts)).verdict is verdict


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)", "Veeam Backup & Replication"),
        (
            "Veeam Recovery Checkpoint-(5f3a0b3e-6c1d-4e0e-9c55-3c2b7a6d1e01)",
            "Veeam Backup & Replication",
        ),
        ("BE_Snapshot_7f3a1 - (01/11/2026)", "Backup Exec"),
        ("Bareos JobId 4711", "Bareos"),
        ("before Veeam Recovery Checkpoint (0a1b.2026)", None),
        ("sql01 - (01/10/2026 - 22:00:04)", None),
        ("", None),
    ],
)
def test_names_are_hints_at_products(name: str, product: str | None) -> None:
    found = product_of(name)
    assert (found.product if found else None) == product


def test_every_name_says_where_it_is_known_from() -> None:
    assert all(rule.source for rule in NAMES)


@pytest.mark.parametrize(
    ("room", "level"),
    [
        (Room(None), "unknown"),
        (Room(1 << 40), "low"),
        (Room(1 << 40, reclaimable_bytes=1 << 41), "critical"),
        (Room(1 << 20), "critical"),
        (Room(1 << 40, days_left=0.4), "critical"),
        (Room(1 << 40, days_left=5.0), "high"),
        (Room(1 << 40, days_left=20.0), "medium"),
        (Room(1 << 40, chain_depth=12), "high"),
        (Room(1 << 40, chain_depth=3), "medium"),
        (Room(None, chain_depth=3), "medium"),
    ],
)
def test_risk_is_room_against_growth(room: Room, level: str) -> None:
    found = risk_of(room)
    assert found.level == level
    assert found.reason or level == "low"
