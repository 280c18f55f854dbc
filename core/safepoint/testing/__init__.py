"""The conformance suite for drivers, shipped for whoever writes one.

All that a plugin author writes is a harness, which opens the driver on a world of the author's
and knows the truth behind it::

    class AcmeHarness(Harness):
        cluster = "acme1"
        def open(self) -> Driver: ...
        ...

    class TestAcme(CheckpointSuite):
        harness_class = AcmeHarness

`DriverSuite` holds the rules every driver must keep, `CheckpointSuite` adds those of
`CanCheckpoint`. What crash recovery and the audit of checkpoints stand on is in `RecoverySuite`,
`TroubleSuite` and `StorageSuite`. `ReplicaSuite` holds the rules of `CanReplicate`, `ManageSuite`
those of `CanManage`; `RunJobsSuite`, `SuspendRunsSuite` and `InstantRecoverySuite` hold those of
products that run jobs themselves. The suites need pytest: ``pip install safepoint[testing]``; the
rules do not, so that `safepoint plugin check` can try them on a product in service.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from safepoint.testing.harness import CheckpointHarness, Harness, LiveHarness
from safepoint.testing.harness_manage import LiveManageHarness, ManageHarness
from safepoint.testing.harness_runs import InstantHarness, RunHarness, SuspendHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_apply import MANAGE_RULES
from safepoint.testing.rules_checkpoint import CHECKPOINT_RULES
from safepoint.testing.rules_instant import INSTANT_RULES
from safepoint.testing.rules_recovery import RECOVERY_RULES
from safepoint.testing.rules_replica import REPLICA_RULES, ReplicaHarness
from safepoint.testing.rules_required import LIVE_RULES, REQUIRED_RULES
from safepoint.testing.rules_runs import RUN_RULES
from safepoint.testing.rules_storage import STORAGE_RULES, StorageHarness
from safepoint.testing.rules_suspend import SUSPEND_RULES
from safepoint.testing.rules_translate import LIVE_MANAGE_RULES
from safepoint.testing.rules_trouble import TROUBLE_RULES, TroubleHarness

if TYPE_CHECKING:
    from safepoint.testing.suites import CheckpointSuite, DriverSuite
    from safepoint.testing.suites_manage import ManageSuite
    from safepoint.testing.suites_recovery import RecoverySuite, TroubleSuite
    from safepoint.testing.suites_replica import ReplicaSuite
    from safepoint.testing.suites_runs import InstantRecoverySuite, RunJobsSuite, SuspendRunsSuite
    from safepoint.testing.suites_storage import StorageSuite

__all__ = [
    "CHECKPOINT_RULES",
    "INSTANT_RULES",
    "LIVE_MANAGE_RULES",
    "LIVE_RULES",
    "MANAGE_RULES",
    "RECOVERY_RULES",
    "REPLICA_RULES",
    "REQUIRED_RULES",
    "RUN_RULES",
    "STORAGE_RULES",
    "SUSPEND_RULES",
    "TROUBLE_RULES",
    "CheckpointHarness",
    "CheckpointSuite",
    "DriverSuite",
    "Harness",
    "InstantHarness",
    "InstantRecoverySuite",
    "LiveHarness",
    "LiveManageHarness",
    "ManageHarness",
    "ManageSuite",
    "RecoverySuite",
    "ReplicaHarness",
    "ReplicaSuite",
    "Rule",
    "RunHarness",
    "RunJobsSuite",
    "StorageHarness",
    "StorageSuite",
    "SuspendHarness",
    "SuspendRunsSuite",
    "TroubleHarness",
    "TroubleSuite",
]

_SUITES = {
    "CheckpointSuite": "suites",
    "DriverSuite": "suites",
    "InstantRecoverySuite": "suites_runs",
    "ManageSuite": "suites_manage",
    "RecoverySuite": "suites_recovery",
    "ReplicaSuite": "suites_replica",
    "RunJobsSuite": "suites_runs",
    "StorageSuite": "suites_storage",
    "SuspendRunsSuite": "suites_runs",
    "TroubleSuite": "suites_recovery",
}


def __getattr__(name: str) -> Any:
    """Load a suite, and pytest with it, when it is asked for."""
    if name in _SUITES:
        return getattr(import_module(f"safepoint.testing.{_SUITES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
