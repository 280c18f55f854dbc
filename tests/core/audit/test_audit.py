"""What the audit says of checkpoints, chains and files, through a driver and from the picture."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from safepoint.audit import ClusterSource, OwnerKind, Verdict, judge
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.workloads import Activity
from safepoint_lab.reference import ReferenceDriver, StrayFile

VEEAM = "Veeam Recovery Checkpoint (0a1b2c3d.20260105200000)"
SHARE = r"\\fs01\vmstore1"


def test_an_estate_in_order_has_nothing_to_say(office) -> None:
    audit = office.audit()

    assert audit.findings == ()
    assert audit.unread == ()
    assert (audit.vms, audit.nodes, audit.checkpoints, audit.files) == (3, 1, 0, 3)


def test_a_running_job_of_a_product_explains_its_checkpoint(office) -> None:
    office.run_product("sql01", to_end=False)

    (found,) = office.audit().findings
    assert (found.verdict, found.rule) == (Verdict.IN_USE, "product-works")
    assert found.owner.kind is OwnerKind.PRODUCT
    assert found.owner.connection == "vbr"
    assert "job gold is running" in found.owner.evidence[0].text


def test_what_outlived_its_job_is_disowned_by_the_product_that_made_it(office) -> None:
    office.run_product("sql01", to_end=False)
    office.plant("sql01", VEEAM)
    office.world.drain()

    (found,) = office.audit().findings
    assert (found.verdict, found.rule) == (Verdict.LINGERING, "product-disowns")
    assert [one.source for one in found.owner.evidence] == ["name", "job"]
    assert "no job runs; the last run of gold ended succeeded" in found.owner.evidence[1].text
    assert found.is_cleanable


def test_a_nameless_one_is_known_by_the_job_that_ran_just_then(office) -> None:
    office.run_product("sql01", to_end=False)
    office.plant("sql01", None)
    office.world.drain()

    (found,) = office.audit().findings
    assert found.owner.name == "Veeam Backup & Replication"
    assert [one.source for one in found.owner.evidence] == ["job"]
    assert found.rule == "product-disowns"


def test_a_product_that_never_had_the_vm_disowns_nothing(office) -> None:
    office.run_product("web01")
    office.plant("sql01", VEEAM, days=3)

    (found,) = office.audit().findings
    assert found.rule == "product-left"
    assert not found.is_cleanable


def test_a_product_that_cannot_be_asked_disowns_nothing(office) -> None:
    office.run_product("sql01", to_end=False)
    office.plant("sql01", VEEAM)
    office.world.drain()
    office.unreachable.add("vbr")

    audit = office.audit()
    assert [one.rule for one in audit.findings] == ["others"]
    assert [one.where for one in audit.unread] == ["jobs of vbr"]


def test_a_job_that_does_not_say_its_vms_may_be_on_any(office, monkeypatch) -> None:
    office.run_product("web01", to_end=False)
    original = ReferenceDriver.runs

    def runs(self, query, /):
        for run in original(self, query):
            yield run.model_copy(update={"tasks": ()})

    monkeypatch.setattr(ReferenceDriver, "runs", runs)
    office.plant("sql01", VEEAM, days=3)

    (found,) = [one for one in office.audit().findings if one.vm == "sql01"]
    assert found.rule == "product-works"
    assert "does not say on which VMs" in found.owner.evidence[1].text


def test_ours_left_by_a_dead_process_is_proved_by_the_journal(office) -> None:
    office.leave_ours("sql01")
    row = office.store.checkpoints.open()[0]

    (found,) = office.audit().findings
    assert found.owner.kind is OwnerKind.OURS
    assert found.owner.evidence[0].source == "journal"
    assert row.is_ad_hoc
    assert found.verdict is Verdict.IN_USE
    assert found.rule == "ours-wanted"


def test_a_live_process_of_ours_is_working_on_it(office) -> None:
    office.leave_ours("sql01")
    key = f"vm {office.world.cluster}/{office.vms['sql01'].id}"
    office.store.leases.take(key, office.executor.id, purpose="test")

    (found,) = office.audit().findings
    assert found.rule == "ours-worked-on"


def test_a_tag_that_our_journal_does_not_know_is_another_safepoints(office) -> None:
    office.plant("sql01", "safepoint nightly (0123456789abcdef)", days=2)

    (found,) = office.audit().findings
    assert found.owner.kind is OwnerKind.OTHER_JOURNAL
    assert found.rule == "other-journal-left"
    assert not found.is_cleanable


@pytest.mark.parametrize(
    ("age", "rule"), [({"days": 2}, "others"), ({"days": 730}, "person-forgot")]
)
def test_a_persons_checkpoint_lingers_after_a_week(office, age: dict[str, int], rule: str) -> None:
    office.freeze("sql01", "before update", CheckpointKind.STANDARD, **age)

    (found,) = office.audit().findings
    assert (found.owner.kind, found.rule) == (OwnerKind.PERSON, rule)
    assert not found.is_cleanable


def test_a_recovery_point_of_a_replica_is_the_hypervisors(office) -> None:
    office.freeze("sql01", "sql01 - replica", CheckpointKind.REPLICA, days=90)

    (found,) = office.audit().findings
    assert (found.owner.kind, found.verdict) == (OwnerKind.HYPERVISOR, Verdict.STEADY_STATE)


def test_one_of_a_product_that_keeps_one_is_its_steady_state_and_two_are_not(office) -> None:
    office.plant("sql01", "BE_Snapshot_1 - (01/05/2026)", hours=30)
    assert office.rules() == {"sql01: BE_Snapshot_1 - (01/05/2026)": "product-keeps-it"}

    office.plant("sql01", "BE_Snapshot_2 - (01/05/2026)")
    assert set(office.rules().values()) == {"product-kept-several"}


def test_reclaimable_bytes_and_depth_are_told(office) -> None:
    first = office.plant("sql01", "Bareos JobId 1", days=2)
    office.plant("sql01", "Bareos JobId 2", days=1)
    office.world.storage.layer_bytes[first.layer] = 5 << 30

    one, two = office.audit().findings
    assert (one.reclaimable_bytes, two.reclaimable_bytes) == (5 << 30, 4096)
    assert one.chain_depth == two.chain_depth == 2
    assert one.share == SHARE
    assert one.node == "node1"


def test_a_merge_that_has_just_begun_is_pending(office) -> None:
    frozen = office.plant("sql01", "Bareos JobId 1")
    office.world.faults.slow("merge")
    office.world.thaw(office.vms["sql01"], frozen)
    base = office.vms["sql01"].file_of("disk0")
    office.world.storage.written_at[base] = office.world.clock.now()

    (found,) = office.audit().findings
    assert (found.verdict, found.rule) == (Verdict.MERGE_PENDING, "merging")
    assert found.files == (office.vms["sql01"].file_of("disk0", frozen.layer),)


def test_a_merge_whose_base_has_not_moved_for_hours_is_stalled(office) -> None:
    frozen = office.plant("sql01", "Bareos JobId 1")
    office.world.faults.slow("merge")
    office.world.thaw(office.vms["sql01"], frozen)
    base = office.vms["sql01"].file_of("disk0")
    office.world.storage.written_at[base] = office.world.clock.now() - timedelta(hours=5)

    (found,) = office.audit().findings
    assert (found.verdict, found.rule) == (Verdict.MERGE_FAILED, "merge-stalled")
    assert found.age_seconds is not None
    assert found.age_seconds >= 5 * 3600


def test_a_chain_that_nobody_merges_is_an_orphan(office) -> None:
    frozen = office.plant("sql01", "Bareos JobId 1")
    office.world.faults.slow("merge")
    office.world.thaw(office.vms["sql01"], frozen)
    office.vms["sql01"].activity = Activity.OTHER

    (found,) = office.audit().findings
    assert (found.verdict, found.rule) == (Verdict.MERGE_FAILED, "orphan-chain")


def test_a_test_vm_of_a_replica_has_nothing_to_merge(office) -> None:
    """It stands on files of its replica for as long as the test lasts, however long."""
    frozen = office.plant("sql01", "Bareos JobId 1")
    office.world.faults.slow("merge")
    office.world.thaw(office.vms["sql01"], frozen)
    clusters = [ClusterSource(office.world.cluster, "reference")]
    picture = office.gather().picture(clusters, [])
    (cluster,) = picture.clusters
    tests = tuple(w.model_copy(update={"is_test_copy": True}) for w in cluster.workloads)
    picture = replace(picture, clusters=(replace(cluster, workloads=tests),))

    later = office.world.clock.now() + timedelta(days=3)
    (found,) = judge(picture, office.patience, later).findings
    assert (found.rule, found.owner.kind) == ("replica-test", OwnerKind.HYPERVISOR)
    assert "replica cancel" in found.next_step


def test_a_layer_below_a_remaining_checkpoint_is_seen(office) -> None:
    """The file in use is explained; the one further down is not, and nothing else would tell."""
    first = office.plant("sql01", "Bareos JobId 1")
    office.plant("sql01", "Bareos JobId 2")
    office.world.faults.slow("merge")
    office.world.thaw(office.vms["sql01"], first)

    rules = [one.rule for one in office.audit().findings]
    assert rules == ["others", "merging"]


def test_a_vm_that_proved_merged_when_asked_alone_is_no_finding(office, monkeypatch) -> None:
    """Its checkpoint went between the listing of VMs and that of checkpoints."""
    frozen = office.plant("sql01", "Bareos JobId 1")
    original = ReferenceDriver.checkpoints

    def checkpoints(self, query, /):
        if frozen in office.vms["sql01"].frozen:
            office.world.thaw(office.vms["sql01"], frozen)
            office.world.drain()
        return original(self, query)

    monkeypatch.setattr(ReferenceDriver, "checkpoints", checkpoints)

    assert office.audit().findings == ()


def test_stray_files_are_found_and_young_ones_left_in_peace(office) -> None:
    now = office.world.clock.now()
    office.world.storage.stray += [
        StrayFile(
            rf"{SHARE}\old\disk0_1.avhdx", 4096, now - timedelta(days=9), problem="no parent"
        ),
        StrayFile(rf"{SHARE}\new\disk0_2.avhdx", 4096, now - timedelta(minutes=2)),
        StrayFile(rf"{SHARE}\old\disk0.vhdx.rct", 64, now - timedelta(days=9)),
        StrayFile(office.vms["sql01"].file_of("disk0") + ".mrt", 64, now - timedelta(days=9)),
        StrayFile(rf"{SHARE}\templates\w2022.vhdx", 1 << 30, now - timedelta(days=9)),
    ]

    rules = {one.name.rpartition("\\")[2]: one.rule for one in office.audit().findings}
    assert rules == {
        "disk0_1.avhdx": "stray-disk",
        "disk0_2.avhdx": "file-in-motion",
        "disk0.vhdx.rct": "stray-tracking",
    }


def test_a_share_that_is_away_makes_nothing_stray(office) -> None:
    office.world.storage.stray.append(StrayFile(rf"{SHARE}\old\disk0_1.avhdx"))
    office.world.storage.away.add(SHARE)

    audit = office.audit()
    assert audit.findings == ()
    assert [one.where for one in audit.unread] == [f"share {SHARE}"]


def test_a_broken_listing_is_told_as_unread_and_never_as_order(office) -> None:
    office.plant("sql01", "Bareos JobId 1", days=3)
    office.world.faults.break_listing("checkpoints", after=0)

    audit = office.audit()
    assert audit.findings == ()
    assert [one.where for one in audit.unread] == [f"cluster {office.world.cluster}"]


def test_growth_tells_when_the_share_is_full(office) -> None:
    frozen = office.plant("sql01", "Bareos JobId 1", days=2)
    office.world.storage.layer_bytes[frozen.layer] = 20 << 30
    office.world.storage.free_bytes[SHARE] = 25 << 30

    (share,) = office.audit().shares
    assert share.growth_bytes_per_day == pytest.approx(10 << 30, rel=0.01)
    assert share.days_left == pytest.approx(2.5, rel=0.01)
    (found,) = office.audit().findings
    assert found.risk.level == "high"
    assert found.risk.reason.startswith("the share is full in about ")
