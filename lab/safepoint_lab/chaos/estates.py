"""A random estate over a lab: which VMs are protected by which of the three engines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["ENGINES", "PRODUCTS", "structure", "write_estate"]

PRODUCTS: Final = {"veeam": "1.3-rev1", "commvault": "11.44"}
ENGINES: Final = {"native": "hyperv", "veeam": "veeam", "commvault": "commvault"}
"""The name of each engine's job, and its connection in the lab's estate."""

_JOB: Final = """\
apiVersion: safepoint/v1
kind: ProtectionJob
metadata:
  name: {job}
spec:
  connection: {connection}
  cluster: clu1
  policy: gold
  include:
{names}
"""


def structure(choose: random.Random) -> dict[str, Any]:
    """Return the choices of a lab; small, with both products beside the hosts."""
    return {
        "nodes": choose.choice((2, 2, 3)),
        "vms": choose.choice((3, 4)),
        "seed": choose.randint(1, 1000),
        "disk_bytes": 4 << 20,
        "bulk_bytes": 1 << 20,
        "smb": "path",
        "speed": 20.0,
        "products": dict(PRODUCTS),
    }


def write_estate(choose: random.Random, lab: Path, vms: Sequence[str]) -> Path:
    """Write an estate beside the lab's own, with a job for each engine, and return the file.

    Every engine gets a VM at least; now and then one VM is protected twice.
    """
    names = list(vms)
    choose.shuffle(names)
    shares: dict[str, list[str]] = {engine: [names[n]] for n, engine in enumerate(ENGINES)}
    for name in names[len(ENGINES) :]:
        shares[choose.choice(list(ENGINES))].append(name)
    if choose.random() < 0.4:
        twice = choose.choice(list(ENGINES))
        other = choose.choice([one for one in names if one not in shares[twice]])
        shares[twice].append(other)
    head, _, _ = (lab / "estate.yaml").read_text("utf-8").rpartition("---\n")
    jobs = [
        _JOB.format(
            job=engine,
            connection=connection,
            names="\n".join(f"  - name: {name}" for name in shares[engine]),
        )
        for engine, connection in ENGINES.items()
    ]
    path = lab / "chaos.yaml"
    path.write_text("---\n".join([head, *jobs]), "utf-8")
    return path
