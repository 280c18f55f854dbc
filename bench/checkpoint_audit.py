"""The audit of a large estate: seconds and requests a VM, with leftovers on every tenth VM.

Client and simulated hosts share the machine. So beside the wall clock stand the CPU seconds of each:
real hosts would bear theirs themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from safepoint.audit import ClusterSource, Gather, Patience, judge
from safepoint.drivers import DriverContext
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.store import Store
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.config import DOMAIN, USERNAME
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, start_lab
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings


def now() -> datetime:
    return datetime.now(UTC)


def cpu_of(pid: int) -> float | None:
    """Return the CPU seconds that a process has used; None where the system does not say (Linux does)."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clusters_of(lab: LabClient, folder: LabFolder, count: int) -> tuple[ClusterInfo, ...]:
    """Return the lab's clusters as a driver is told of them, shares as folders."""
    clusters = []
    for number in range(1, count + 1):
        mine = [one for one in lab.status().nodes if one.cluster == f"clu{number}"]
        mount = folder.shares / f"fs{number:02}" / f"vmstore{number}"
        share = ShareInfo(path=rf"\\fs{number:02}\vmstore{number}", mount=str(mount))
        nodes = tuple(NodeAddress(name=one.name, address=one.url) for one in mine)
        clusters.append(ClusterInfo(name=f"clu{number}", nodes=nodes, shares=(share,)))
    return tuple(clusters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=10, help="a cluster")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = LabFolder.at(Path(tempfile.mkdtemp(prefix="safepoint-bench-")) / "lab")
    structure = {"vms": chosen.vms, "clusters": chosen.clusters, "nodes": chosen.nodes}
    choices = {**structure, "disk_bytes": 4 << 20, "smb": "path"}
    try:
        lab = start_lab(folder, choices, 900.0)
        vms = lab.vms()
        for vm in vms[::10]:
            lab.arm_fault("foreign-recovery-checkpoint", vm=vm.guid)
        clusters = clusters_of(lab, folder, chosen.clusters)
        settings = NativeSettings(
            username=f"{DOMAIN}\\{USERNAME}",
            password=SecretStr(folder.password.read_text("utf-8").strip()),
            ca=next(folder.tls.glob("ca*.pem")),
        )
        context = DriverContext("bench", now, folder.root, clusters)
        sources = [ClusterSource(one.name, "bench") for one in clusters]
        pid = lab.status().pid
        seconds, requests, verdicts, looked = [], 0, Counter[str](), 0.0
        ours, theirs = [], []
        for _ in range(chosen.rounds):
            driver = NativeDriver(settings, context)
            with Store(folder.root / "journal") as store:
                gather = Gather(store, lambda _name, one=driver: one, now)
                began, cpu, lab_cpu = time.perf_counter(), time.process_time(), cpu_of(pid)
                picture = gather.picture(sources, ())
                looked = time.perf_counter() - began
                audit = judge(picture, Patience(), now())
                seconds.append(time.perf_counter() - began)
                ours.append(time.process_time() - cpu)
                lab_now = cpu_of(pid)
                if lab_cpu is not None and lab_now is not None:
                    theirs.append(lab_now - lab_cpu)
            requests = driver.request_count
            verdicts = Counter(one.verdict.value for one in audit.findings)
            driver.close()
            assert audit.vms == len(vms), (audit.vms, len(vms))
            assert not audit.unread, audit.unread
    finally:
        end_lab(folder)
        shutil.rmtree(folder.root.parent, ignore_errors=True)
    result = {
        "vms": len(vms),
        "nodes": chosen.clusters * chosen.nodes,
        "checkpoints": audit.checkpoints,
        "disk_files": audit.files,
        "findings": dict(verdicts),
        "seconds": [round(one, 2) for one in sorted(seconds)],
        "median_seconds": round(statistics.median(seconds), 2),
        "client_cpu_seconds": round(statistics.median(ours), 2),
        "simulated_hosts_cpu_seconds": round(statistics.median(theirs), 2) if theirs else None,
        "of_which_judging": round(seconds[-1] - looked, 2),
        "requests": requests,
        "requests_per_vm": round(requests / len(vms), 3),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
