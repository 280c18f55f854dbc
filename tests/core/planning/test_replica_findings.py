"""What a plan says about replicas before anything is set up: refusals with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from safepoint.estate import check_text
from safepoint.models.diagnostics import Severity
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState, Workload
from safepoint.planning.desired import select_all
from safepoint.planning.findings import CATALOGUE
from safepoint.planning.wishes_replicas import check_replicas

ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec: {driver: native}
---
apiVersion: safepoint/v1
kind: Connection
metadata: {name: product}
spec: {driver: acme}
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
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: third}
spec: {hypervisor: hosts, nodes: [{name: hv21, address: hv21.example}]}
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: nightly}
spec: {connection: product, cluster: prod, policy: gold, include: [{all: true}]}
---
apiVersion: safepoint/v1
kind: Replica
metadata: {name: sql-dr}
spec:
  connection: hosts
  cluster: prod
  include: [{name: 'sql*'}]
  frequency: 5m
  target: {cluster: dr, storage: 'D:\\Replica'}
  extended: {target: {cluster: third, storage: 'D:\\Replica'}, frequency: 15m}
"""


def vm(name: str, cluster: str, ident: str, **more: str) -> Workload:
    return Workload(
        ref=Ref(kind="workload", system=cluster, id=ident),
        name=name,
        cluster=cluster,
        node="hv01",
        power=PowerState.RUNNING,
        **more,
    )


SQL = vm("sql01", "prod", "A1")
WEB = vm("web01", "prod", "A2")


def codes(
    text: str = ESTATE,
    *,
    unable: Mapping[str, str] | None = None,
    prod: Sequence[Workload] = (SQL, WEB),
    dr: Sequence[Workload] = (),
    third: Sequence[Workload] = (),
) -> list[str]:
    checked = check_text(text)
    assert checked.findings == ()
    estate = checked.estate
    selected = select_all(estate, {"prod": prod, "dr": dr, "third": third})
    found = list(check_replicas(estate, estate.replicas.values(), selected, unable or {}))
    assert all(CATALOGUE[one.code].severity is one.severity for one in found)
    return [one.code for one in found]


def test_a_sound_replica_has_no_finding() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("frequency: 15m", "frequency: 30s", "replica-extended-frequency"),
        (
            "frequency: 15m}",
            (
                "frequency: 15m, recoveryPoints: "
                "{additionalHours: 2, applicationConsistentEveryHours: 1}}"
            ),
            "replica-extended-points",
        ),
        ("frequency: 5m\n", "frequency: 15m\n", None),
        ("target: {cluster: dr,", "target: {cluster: prod,", "replica-same-host"),
        ("address: hv11.example", "address: hv01.example", "replica-same-host"),
        ("include: [{name: 'sql*'}]", "include: [{name: 'ora*'}]", "job-selects-no-vm"),
        ("include: [{name: 'sql*'}]", "include: [{name: sql01}, {name: sql02}]", "vm-absent"),
        ("include: [{all: true}]", "include: [{name: web01}]", "replica-without-backup"),
        (
            "nodes: [{name: hv11, address: hv11.example}]",
            "nodes: [{name: hv11, address: hv11.example}, {name: hv12, address: hv12.example}]",
            "replica-server-unnamed",
        ),
    ],
)
def test_what_hyper_v_would_refuse_is_refused_with_its_own_id(
    old: str, new: str, code: str | None
) -> None:
    assert old in ESTATE
    found = codes(ESTATE.replace(old, new))
    assert found == ([code] if code else [])


def test_an_extended_leg_is_never_faster_than_the_first() -> None:
    text = ESTATE.replace("frequency: 5m\n", "frequency: 15m\n").replace("15m}", "5m}")
    assert codes(text) == ["replica-extended-frequency"]


def test_certificates_are_needed_on_every_receiving_side() -> None:
    thumb = "AB" * 20
    text = ESTATE.replace(
        "  frequency: 5m\n",
        f"  frequency: 5m\n  authentication: {{method: certificate, thumbprint: '{thumb}'}}\n",
    )
    assert codes(text) == ["replica-certificate-missing", "replica-certificate-missing"]


def test_a_vm_with_the_same_id_that_is_no_replica_is_in_the_way() -> None:
    twin = vm("sql01", "dr", "A1")
    assert codes(dr=[twin]) == ["replica-id-collision"]
    assert codes(dr=[twin.model_copy(update={"replication": "replica"})]) == []
    seeded = ESTATE.replace("  frequency: 5m\n", "  initial: {method: existing}\n")
    off = twin.model_copy(update={"power": PowerState.OFF})
    assert codes(seeded, dr=[off]) == []


def test_a_first_copy_from_an_existing_vm_needs_one_that_is_off() -> None:
    seeded = ESTATE.replace("  frequency: 5m\n", "  initial: {method: existing}\n")
    twin = vm("sql01", "dr", "A1")
    assert codes(seeded) == ["replica-no-existing-copy"]
    assert codes(seeded, dr=[twin]) == ["replica-no-existing-copy"]
    assert codes(seeded, dr=[twin.model_copy(update={"replication": "primary"})]) == []
    off = twin.model_copy(update={"power": PowerState.OFF})
    left = vm("sql01", "third", "A1")
    assert codes(seeded, dr=[off], third=[left]) == ["replica-id-collision"]


def test_a_product_must_not_have_primary_and_replica_in_its_scope() -> None:
    job = """\
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: there}
spec: {connection: product, cluster: dr, policy: gold, include: [{all: true}]}
"""
    replica = vm("sql01", "dr", "A1", replication="replica")
    assert codes(ESTATE + job, dr=[replica]) == ["replica-scope-collision"]
    only_there = (ESTATE + job).replace("include: [{all: true}]", "include: [{name: web01}]", 1)
    assert codes(only_there, dr=[replica]) == ["replica-is-backed-up"]


def test_a_vm_has_one_first_leg() -> None:
    first = ESTATE[ESTATE.index("apiVersion: safepoint/v1\nkind: Replica") :]
    second = first.replace("sql-dr", "sql-too").replace("connection: hosts", "connection: product")
    assert codes(ESTATE + "---\n" + second, unable={"product": "no"}) == [
        "replica-not-supported",
        "vm-in-two-replicas",
    ]


def test_backing_up_the_replica_is_said_with_its_losses() -> None:
    kind = CATALOGUE["replica-is-backed-up"]
    assert kind.severity is Severity.INFO
    for loss in ("quiesced", "truncated", "last cycle"):
        assert loss in kind.meaning
