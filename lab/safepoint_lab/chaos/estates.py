"""A random estate over a lab: which VMs are protected by which of the three engines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from safepoint_lab.chaos.watch import TEST_SWITCH

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

_REPLICA: Final = """\
apiVersion: safepoint/v1
kind: Replica
metadata:
  name: second-site
spec:
  connection: hyperv
  cluster: clu1
  include:
{names}
  target:
    cluster: clu-dr
    server: clu-dr-broker.lab.example.test
    storage: '\\\\fs-dr\\replica1'
  reverse:
    cluster: clu1
    server: clu1-broker.lab.example.test
    storage: '\\\\fs01\\vmstore1'
  frequency: 30s
  recoveryPoints:
    additionalHours: 2
  networks:
  - testWith: {switch}
"""
_LEFT_OUT: Final = frozenset({"ProtectionJob", "Replica", "ReplicaGroup"})
"""What the lab's own estate asks for, and this one asks for in another way, or not."""


def structure(choose: random.Random, *, has_replicas: bool) -> dict[str, Any]:
    """Return the choices of a lab; small, with both products beside the hosts."""
    return {
        "scenario": "replica" if has_replicas else "backup",
        "nodes": choose.choice((2, 2, 3)),
        "vms": choose.choice((3, 4)),
        "seed": choose.randint(1, 1000),
        # A small disk's log of changes is soon larger than half of it.
        "disk_bytes": (16 if has_replicas else 4) << 20,
        "bulk_bytes": 1 << 20,
        "smb": "path",
        "speed": 20.0,
        "products": dict(PRODUCTS),
    }


def write_estate(
    choose: random.Random, lab: Path, vms: Sequence[str], replicated: Sequence[str] = ()
) -> Path:
    """Write an estate beside the lab's own, with a job for each engine, and return the file.

    Every engine gets a VM at least; now and then one VM is protected twice. Some VMs are replicated.
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
    own = (lab / "estate.yaml").read_text("utf-8").split("---\n")
    head = [text for text in own if not any(f"kind: {kind}\n" in text for kind in _LEFT_OUT)]
    jobs = [
        _JOB.format(job=engine, connection=connection, names=_lines(shares[engine]))
        for engine, connection in ENGINES.items()
    ]
    replicas = (
        [_REPLICA.format(names=_lines(replicated), switch=TEST_SWITCH)] if replicated else []
    )
    path = lab / "chaos.yaml"
    path.write_text("---\n".join([*head, *replicas, *jobs]), "utf-8")
    return path


def _lines(names: Sequence[str]) -> str:
    return "\n".join(f"  - name: {name}" for name in names)
