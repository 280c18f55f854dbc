"""Monday morning: what a weekend of several backup products leaves to whoever comes in first."""

from __future__ import annotations

from datetime import timedelta

from safepoint_lab.scenes.scene import Expectation, Plant, Scene, Sort, StrayPlant

__all__ = ["MONDAY_MORNING"]

_MIB = 1 << 20

MONDAY_MORNING = Scene(
    structure={"clusters": 2, "nodes": 2, "vms": 12, "disk_bytes": 16 * _MIB},
    plants=(
        Plant(
            "sql01",
            Sort.BACKUP,
            timedelta(days=2, hours=9),
            Expectation("lingering", "product-left", "Veeam Backup & Replication"),
            name="Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)",
        ),
        Plant(
            "file01",
            Sort.BACKUP,
            timedelta(days=3),
            Expectation("lingering", "product-left", "Bareos"),
            name="Bareos JobId 4711",
        ),
        Plant(
            "mail01",
            Sort.BACKUP,
            timedelta(days=2),
            Expectation("lingering", "product-left", "a backup product that cannot be told"),
            name="{vm} - (01/10/2026 - 22:00:04)",
        ),
        Plant(
            "dev01",
            Sort.BACKUP,
            timedelta(days=2, hours=1),
            Expectation("lingering", "other-journal-left", "a safepoint with another journal"),
            name="safepoint nightly (0123456789abcdef)",
        ),
        Plant(
            "sql02",
            Sort.STALLED_MERGE,
            timedelta(hours=31),
            Expectation("merge-failed", "merge-stalled", "a backup product that cannot be told"),
        ),
        Plant(
            "file02",
            Sort.ORPHAN_CHAIN,
            timedelta(days=40),
            Expectation("merge-failed", "orphan-chain", "a backup product that cannot be told"),
        ),
        Plant(
            "web01",
            Sort.BACKUP,
            timedelta(hours=33),
            Expectation("steady-state", "product-keeps-it", "Backup Exec", risk="critical"),
            name="BE_Snapshot_7f3a1 - (01/11/2026)",
        ),
        Plant(
            "app01",
            Sort.STANDARD,
            timedelta(days=730),
            Expectation("lingering", "person-forgot", "somebody, by hand", risk="critical"),
            name="before update, Karl",
        ),
        Plant(
            "erp01",
            Sort.BACKUP,
            timedelta(days=1, hours=10),
            Expectation(
                "lingering", "product-left", "Veeam Backup & Replication", risk="critical"
            ),
            name="Veeam Recovery Checkpoint (4e5f6a7b.20260111220001)",
        ),
    ),
    strays=(
        StrayPlant(
            r"\\fs01\vmstore1\test-restore",
            "disk0_0B5D1C52-AutoRecovery.avhdx",
            timedelta(days=200),
            Expectation("lingering", "stray-disk", "unknown"),
        ),
        StrayPlant(
            r"\\fs01\vmstore1\sql01",
            "disk7.vhdx.rct",
            timedelta(days=90),
            Expectation("lingering", "stray-tracking", "unknown"),
        ),
        # Beside its disk: the normal state of a disk whose changes are tracked.
        StrayPlant(r"\\fs01\vmstore1\mail01", "disk0.vhdx.mrt", timedelta(days=90), None),
    ),
    full_share=r"\\fs02\vmstore2",
    full_free_bytes=1 * _MIB,
)
