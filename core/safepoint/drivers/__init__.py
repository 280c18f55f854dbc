"""The boundary: what plugins implement and what the core may ask."""

from __future__ import annotations

from safepoint.drivers.abilities import (
    ABILITY_TYPES,
    REFINEMENTS,
    CanCheckpoint,
    CanCopy,
    CanFollowChanges,
    CanInspectStorage,
    CanManage,
    CanRecoverInstantly,
    CanReplicate,
    CanRestore,
    CanRetire,
    CanRunJobs,
    CanSuspendRuns,
    CanVerify,
    OnProgress,
    ShouldStop,
)
from safepoint.drivers.base import DRIVER_API, Driver, DriverContext
from safepoint.drivers.spec import DriverSpec
from safepoint.drivers.support import Ability, Support, SupportLevel

__all__ = [
    "ABILITY_TYPES",
    "DRIVER_API",
    "REFINEMENTS",
    "Ability",
    "CanCheckpoint",
    "CanCopy",
    "CanFollowChanges",
    "CanInspectStorage",
    "CanManage",
    "CanRecoverInstantly",
    "CanReplicate",
    "CanRestore",
    "CanRetire",
    "CanRunJobs",
    "CanSuspendRuns",
    "CanVerify",
    "Driver",
    "DriverContext",
    "DriverSpec",
    "OnProgress",
    "ShouldStop",
    "Support",
    "SupportLevel",
]
