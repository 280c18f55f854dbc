"""Replica documents: what they may say, and what is refused with a reason."""

from __future__ import annotations

import pytest

from safepoint.estate import check_text
from safepoint.models.replica_documents import ReplicaFrequency

HEAD = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: native}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: prod}
spec: {hypervisor: hosts, nodes: [{name: hv01, address: hv01.example}]}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: dr}
spec: {hypervisor: hosts, nodes: [{name: hv11, address: hv11.example}]}
---
"""
REPLICA = """\
apiVersion: safepoint/v1
kind: Replica
metadata: {name: sql-dr}
spec:
  connection: hosts
  cluster: prod
  include: [{name: 'sql*'}]
  target: {cluster: dr, storage: 'D:\\Replica'}
"""
GROUP = """\
---
apiVersion: safepoint/v1
kind: ReplicaGroup
metadata: {name: shop}
spec:
  members:
    - {replica: sql-dr, vms: ['sql01'], startOrder: 1, wait: 30s}
    - {replica: sql-dr, startOrder: 2}
"""


def test_a_short_document_has_the_defaults_of_the_hypervisor() -> None:
    estate = check_text(HEAD + REPLICA + GROUP).estate

    spec = estate.replica("sql-dr").spec
    assert spec.frequency is ReplicaFrequency.MINUTES_5
    assert spec.compression
    assert spec.recovery_points.additional_hours == 0
    assert estate.replica_group("shop").spec.members[0].start_order == 1


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ("frequency: 10m", "wrong-choice", "spec.frequency"),
        ("recoveryPoints: {additionalHours: 25}", "out-of-range", "additionalHours"),
        ("recoveryPoints: {applicationConsistentEveryHours: 4}", "replica-points", "spec"),
        (
            "recoveryPoints: {additionalHours: 4, applicationConsistentEveryHours: 13}",
            "out-of-range",
            "applicationConsistentEveryHours",
        ),
        ("authentication: {method: certificate}", "replica-login", "spec.authentication"),
        ("authentication: {thumbprint: xx}", "thumbprint", "thumbprint"),
        ("initial: {method: media}", "initial-folder", "spec.initial"),
        ("initial: {folder: 'E:\\Media'}", "initial-folder", "spec.initial"),
        ("initial: {at: '22:00'}", "initial-time", "spec.initial"),
        ("resync: {window: {start: '22:00', end: '04:00'}}", "resync-window", "spec.resync"),
        ("resync: {automatic: true, window: {start: '01:00', end: '01:00'}}", "window", "window"),
        ("frequenzy: 5m", "unknown-field", "frequenzy"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(line: str, code: str, field: str) -> None:
    checked = check_text(HEAD + REPLICA + f"  {line}\n")

    (finding,) = checked.findings
    assert finding.code == code
    assert field in finding.field
    assert finding.line > 0


def test_a_replica_server_is_named_and_never_numbered() -> None:
    text = (HEAD + REPLICA).replace(
        "target: {cluster: dr,", "target: {server: 10.0.0.7, cluster: dr,"
    )

    (finding,) = check_text(text).findings
    assert finding.code == "replica-server"
    assert "not an address" in finding.summary


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("target: {cluster: dr,", "target: {cluster: rd,", "spec.target.cluster"),
        ("{replica: sql-dr, startOrder: 2}", "{replica: sql-rd}", "spec.members[1].replica"),
    ],
)
def test_references_inside_parts_and_lists_lead_somewhere(old: str, new: str, field: str) -> None:
    text = (HEAD + REPLICA + GROUP).replace(old, new)

    (finding,) = check_text(text).findings
    assert (finding.code, finding.field) == ("dangling-reference", field)
    assert "did you mean" in finding.hint
