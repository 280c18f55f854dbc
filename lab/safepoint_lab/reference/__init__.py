"""The boundary with no vendor behind it: a hypervisor and a repository in memory.

Deterministic, with a clock that moves only when told and every fault by name. The conformance
suite is proved with it, and the core's crash tests run on it.
"""

from __future__ import annotations

from safepoint_lab.reference.clock import FakeClock
from safepoint_lab.reference.driver import ReferenceDriver
from safepoint_lab.reference.faults import Faults
from safepoint_lab.reference.machines import Frozen, Machine
from safepoint_lab.reference.operations import Failure, Operation, OperationKind, Pace
from safepoint_lab.reference.repository import Copy, Repository
from safepoint_lab.reference.session import ReferenceSettings
from safepoint_lab.reference.storage import ReferenceStorage, StrayFile
from safepoint_lab.reference.world import World, Write

__all__ = [
    "Copy",
    "Failure",
    "FakeClock",
    "Faults",
    "Frozen",
    "Machine",
    "Operation",
    "OperationKind",
    "Pace",
    "ReferenceDriver",
    "ReferenceSettings",
    "ReferenceStorage",
    "Repository",
    "StrayFile",
    "World",
    "Write",
]
