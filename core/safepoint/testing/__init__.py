"""The conformance suite for drivers, shipped for whoever writes one.

All that a plugin author writes is a harness, which opens the driver on a world of the author's
and knows the truth behind it::

    pytest_plugins: list[str] = []

    class AcmeHarness(Harness):
        cluster = "acme1"
        def open(self) -> Driver: ...
        ...

    class TestAcme(CheckpointSuite):
        harness_class = AcmeHarness

`DriverSuite` holds the rules every driver must keep, `CheckpointSuite` adds those of
`CanCheckpoint`. `RunJobsSuite`, `SuspendRunsSuite` and `InstantRecoverySuite` hold those of
products that run jobs themselves. Needs pytest: ``pip install safepoint[testing]``.
"""

from __future__ import annotations

from safepoint.testing.harness import CheckpointHarness, Harness
from safepoint.testing.harness_runs import InstantHarness, RunHarness, SuspendHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_checkpoint import CHECKPOINT_RULES
from safepoint.testing.rules_instant import INSTANT_RULES
from safepoint.testing.rules_required import REQUIRED_RULES
from safepoint.testing.rules_runs import RUN_RULES
from safepoint.testing.rules_suspend import SUSPEND_RULES
from safepoint.testing.suites import CheckpointSuite, DriverSuite
from safepoint.testing.suites_runs import InstantRecoverySuite, RunJobsSuite, SuspendRunsSuite

__all__ = [
    "CHECKPOINT_RULES",
    "INSTANT_RULES",
    "REQUIRED_RULES",
    "RUN_RULES",
    "SUSPEND_RULES",
    "CheckpointHarness",
    "CheckpointSuite",
    "DriverSuite",
    "Harness",
    "InstantHarness",
    "InstantRecoverySuite",
    "Rule",
    "RunHarness",
    "RunJobsSuite",
    "SuspendHarness",
    "SuspendRunsSuite",
]
