"""Planning a large estate from observations at hand: seconds, peak memory, and how they grow.

Every size is a process of its own. The estate is read from its YAML text, every product holds
what an earlier apply left there, and one job in a hundred differs. No product is asked: what
that costs is the product's affair. Measured is all that safepoint does itself: reading and
checking the documents, selecting VMs, translating, matching, comparing, guarding.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from safepoint.drivers import CanManage, DriverContext
from safepoint.estate import Estate, check_text
from safepoint.models.plans import PlanScope
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint.models.workloads import (
    Activity,
    Disk,
    GuestState,
    PowerState,
    Workload,
)
from safepoint.planning import PlanInputs, make_plan
from safepoint.planning.desired import desired_for, select_all
from safepoint.planning.observing import Observation
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings

JOBS_A_HUNDRED_VMS = 3
CONNECTIONS = 20
NOW = datetime(2026, 1, 5, tzinfo=UTC)

CONNECTION = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {{name: c{n}}}
spec: {{driver: native}}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {{name: clu{n}}}
spec: {{hypervisor: c{n}, nodes: [{{name: hv{n}, address: hv{n}.example}}]}}
---
apiVersion: safepoint/v1
kind: Policy
metadata: {{name: gold{n}}}
spec:
  schedule: {{timezone: Europe/Berlin, daily: {{at: ['22:00']}}}}
  retention: {{keepFor: 14d, weekly: {{keep: 4}}, monthly: {{keep: 12}}}}
"""
JOB = """\
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {{name: job{n:04}}}
spec: {{connection: c{c}, cluster: clu{c}, policy: gold{c}, include: [{{name: 'app{n:04}-*'}}]}}
"""


def estate_text(jobs: int) -> str:
    """Return the documents of an estate with that many jobs, spread over the connections."""
    heads = "---\n".join(CONNECTION.format(n=n) for n in range(CONNECTIONS))
    return heads + "".join(JOB.format(n=n, c=n % CONNECTIONS) for n in range(jobs))


def workloads(vms: int, jobs: int) -> dict[str, list[Workload]]:
    """Return the VMs by cluster; the names say which job means them."""
    found: dict[str, list[Workload]] = {f"clu{n}": [] for n in range(CONNECTIONS)}
    for number in range(vms):
        job = number % jobs
        cluster = f"clu{job % CONNECTIONS}"
        name = f"app{job:04}-{number:05}"
        disk = Disk(name="disk0", path=rf"\\fs01\vms\{name}.vhdx")
        found[cluster].append(
            Workload(
                ref=Ref(kind="workload", system=cluster, id=f"{number:032X}"),
                name=name,
                cluster=cluster,
                node="hv1",
                power=PowerState.RUNNING,
                activity=Activity.NONE,
                guest=GuestState.READY,
                generation=2,
                disks=(disk,),
                native_state="2",
            )
        )
    return found


def left_there(estate: Estate, name: str, driver: CanManage, vms: dict[str, Any]) -> Observation:
    """Return what an apply would have left, with one job in a hundred changed by hand."""
    selected = select_all(estate, vms)
    wished = driver.translate(desired_for(estate, name, "default", selected)).resources

    def seen(number: int, one: Resource) -> Resource:
        is_drifted = one.address.startswith("job/") and one.address.endswith("00")
        changed = {"verify": False} if is_drifted else {}
        attributes = type(one.attributes)({**one.attributes, **changed})
        ref = Ref(kind=one.kind, system=name, id=str(number))
        return one.model_copy(update={"native": ref, "attributes": attributes})

    return Observation(name, tuple(seen(number, one) for number, one in enumerate(wished)))


def drivers(estate: Estate) -> Iterator[tuple[str, CanManage]]:
    """Yield a driver for each connection; none is ever asked for more than a translation."""
    for name in estate.connections:
        context = DriverContext(name, lambda: NOW, Path("unused"))
        settings = NativeSettings(username="u", password=SecretStr("p"), repository=Path("unused"))
        yield name, NativeDriver(settings, context)


def measure(vms: int) -> dict[str, Any]:
    """Plan once in this process."""
    jobs = vms * JOBS_A_HUNDRED_VMS // 100
    text = estate_text(jobs)
    there = workloads(vms, jobs)
    began = time.perf_counter()
    estate = check_text(text).estate
    read = time.perf_counter() - began
    opened = dict(drivers(estate))
    seen = {name: left_there(estate, name, each, there) for name, each in opened.items()}
    inputs = PlanInputs(
        estate=estate,
        scope=PlanScope(),
        drivers=opened,
        observations=seen,
        workloads=there,
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    plan = make_plan(inputs, plan_id="bench", now=NOW)
    planned = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "vms": vms,
        "jobs": jobs,
        "connections": CONNECTIONS,
        "read_seconds": read,
        "plan_seconds": planned,
        "plan_cpu_seconds": after.ru_utime - before.ru_utime,
        "peak_mib": after.ru_maxrss / 1024,
        "peak_before_planning_mib": before.ru_maxrss / 1024,
        "writes": len(plan.writes),
        "losses": len(plan.losses),
        "plan_file_mib": len(plan.model_dump_json()) / (1 << 20),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every figure there")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one is not None:
        print(json.dumps(measure(chosen.one)))
        return
    rows = []
    for _ in range(chosen.rounds):
        for vms in chosen.vms:
            command = [sys.executable, __file__, "--one", str(vms)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1), "utf-8")
    print("| VMs | jobs | read s | plan s | CPU s | peak MiB | changes | plan file MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    best = {v: min((r for r in rows if r["vms"] == v), key=_cpu) for v in chosen.vms}
    for row in best.values():
        print(
            f"| {row['vms']} | {row['jobs']} | {row['read_seconds']:.2f}"
            f" | {row['plan_seconds']:.2f} | {row['plan_cpu_seconds']:.2f}"
            f" | {row['peak_mib']:.0f} | {row['writes']} | {row['plan_file_mib']:.1f} |"
        )
    small, large = best[min(best)], best[max(best)]
    times = large["plan_cpu_seconds"] / small["plan_cpu_seconds"]
    print(f"\n{large['vms'] / small['vms']:.0f} times the VMs: {times:.1f} times the CPU seconds")


def _cpu(row: dict[str, Any]) -> float:
    return float(row["plan_cpu_seconds"])


if __name__ == "__main__":
    main()
