"""How the state of a lab is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safepoint_lab.daemon.views import LabStatus

__all__ = ["status_facts", "status_lines"]


def status_facts(status: LabStatus) -> dict[str, Any]:
    """Return the JSON form."""
    return status.model_dump(mode="json")


def status_lines(status: LabStatus) -> Iterator[str]:
    """Yield the lines for people."""
    yield f"estate file   {status.estate}"
    yield f"shares        {status.shares}"
    yield f"VMs           {status.vms}, {status.running} running"
    yield f"checkpoints   {status.checkpoints} open, {status.merges} merging"
    yield f"requests      {status.requests}"
    for node in status.nodes:
        yield f"node {node.name}     {node.state:7} {node.vms:4} VMs   {node.url}"
    for product in status.products:
        yield f"{product.title}     {product.profile}   {product.url}"
    for fault in status.faults:
        times = "until cleared" if fault.times is None else f"{fault.times} times"
        yield f"fault         {fault.name} ({times}): {fault.title}"
    for problem in status.problems:
        yield f"problem       {problem}"
