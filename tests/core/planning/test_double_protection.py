"""A VM that two products protect is a finding of the plan, also when one of them is planned."""

from __future__ import annotations

from safepoint.estate import check_text
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint.planning.desired import select_all
from safepoint.planning.wishes import check_jobs

_ESTATE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: acme}
spec: {driver: reference}
---
apiVersion: safepoint/v1
kind: Connection
metadata: {name: other}
spec: {driver: reference}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: ref1}
spec: {hypervisor: acme, nodes: [{name: node1, address: node1.example}]}
---
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {consistency: crash}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: here}
spec: {connection: acme, cluster: ref1, policy: gold, include: [{name: 'sql*'}]}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: there}
spec: {connection: other, cluster: ref1, policy: gold, include: [{name: sql01}, {name: web01}]}
"""


def vm(name: str) -> Workload:
    ref = workload_ref("ref1", f"{name}-guid")
    return Workload(ref=ref, name=name, cluster="ref1", node="node1", power=PowerState.RUNNING)


def test_vm_in_jobs_of_two_products_is_found_from_either_side() -> None:
    estate = check_text(_ESTATE).estate
    selected = select_all(estate, {"ref1": [vm("sql01"), vm("sql02"), vm("web01")]})

    for name in ("here", "there"):
        found = list(check_jobs(estate, [estate.job(name)], selected))
        assert [one.code for one in found] == ["vm-in-two-jobs"]
        assert "here, there" in found[0].summary
        assert found[0].summary.endswith(": sql01")
