"""Inventory of a large estate: seconds, and requests a VM, through the driver as users have it.

Compared in the same run with the naive way: one Get a VM, as a loop over names would do it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.models.workloads import WorkloadQuery
from safepoint_lab.daemon.config import DOMAIN, USERNAME
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, start_lab
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = LabFolder.at(Path(tempfile.mkdtemp(prefix="safepoint-bench-")) / "lab")
    choices = {"vms": chosen.vms, "nodes": chosen.nodes, "disk_bytes": 4 << 20, "smb": "path"}
    try:
        began = time.perf_counter()
        lab = start_lab(folder, choices, 600.0)
        built = time.perf_counter() - began
        vms = lab.vms()
        nodes = tuple(NodeAddress(name=n.name, address=n.url) for n in lab.status().nodes)
        cluster = ClusterInfo(
            name=vms[0].cluster,
            nodes=nodes,
            shares=(ShareInfo(path=r"\\fs01\vmstore1", mount=str(folder.shares)),),
        )
        settings = NativeSettings(
            username=f"{DOMAIN}\\{USERNAME}",
            password=SecretStr(folder.password.read_text("utf-8").strip()),
            ca=next(folder.tls.glob("ca*.pem")),
        )
        context = DriverContext("bench", lambda: datetime.now(UTC), folder.root, (cluster,))
        listed, requests = [], 0
        for _ in range(chosen.rounds):
            driver = NativeDriver(settings, context)
            began = time.perf_counter()
            found = list(driver.workloads(WorkloadQuery()))
            listed.append(time.perf_counter() - began)
            requests = driver.request_count
            driver.close()
            assert len(found) == len(vms), (len(found), len(vms))
        driver = NativeDriver(settings, context)
        some = vms[:: max(1, len(vms) // 50)]
        began = time.perf_counter()
        for vm in some:
            list(driver.workloads(WorkloadQuery(cluster=vm.cluster, ids=(vm.guid,))))
        one_by_one = (time.perf_counter() - began) / len(some) * len(vms)
        per_vm = driver.request_count / len(some)
        driver.close()
    finally:
        end_lab(folder)
        shutil.rmtree(folder.root.parent, ignore_errors=True)
    print(
        json.dumps(
            {
                "vms": len(vms),
                "nodes": chosen.nodes,
                "lab_up_seconds": round(built, 1),
                "inventory_seconds": [round(each, 2) for each in sorted(listed)],
                "requests": requests,
                "requests_per_vm": round(requests / len(vms), 3),
                "one_by_one_seconds": round(one_by_one, 1),
                "one_by_one_requests_per_vm": round(per_vm, 2),
                "ratio": round(one_by_one / statistics.median(listed), 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
