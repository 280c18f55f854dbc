"""The rules for products that run jobs themselves, as pytest tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from safepoint.testing.harness_runs import InstantHarness, RunHarness, SuspendHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_instant import INSTANT_RULES
from safepoint.testing.rules_runs import RUN_RULES
from safepoint.testing.rules_suspend import SUSPEND_RULES

__all__ = ["InstantRecoverySuite", "RunJobsSuite", "SuspendRunsSuite"]


class RunJobsSuite:
    """The rules of `CanRunJobs`. Set `run_harness_class` in the subclass."""

    run_harness_class: ClassVar[type[RunHarness]]

    @pytest.fixture
    def run_harness(self) -> Iterator[RunHarness]:
        """Make a harness for one rule and put it away afterwards."""
        made = self.run_harness_class()
        try:
            yield made
        finally:
            made.close()

    @pytest.mark.parametrize("rule", RUN_RULES, ids=lambda rule: rule.id)
    def test_runs(self, run_harness: RunHarness, rule: Rule[RunHarness]) -> None:
        """The driver keeps the rule."""
        rule.check(run_harness)


class SuspendRunsSuite(RunJobsSuite):
    """Those, and the rules of `CanSuspendRuns`; needs a `SuspendHarness`."""

    @pytest.mark.parametrize("rule", SUSPEND_RULES, ids=lambda rule: rule.id)
    def test_suspending(self, run_harness: RunHarness, rule: Rule[SuspendHarness]) -> None:
        """The driver keeps the rule."""
        assert isinstance(run_harness, SuspendHarness)
        rule.check(run_harness)


class InstantRecoverySuite:
    """The rules of `CanRecoverInstantly`. Set `instant_harness_class` in the subclass."""

    instant_harness_class: ClassVar[type[InstantHarness]]

    @pytest.fixture
    def instant_harness(self) -> Iterator[InstantHarness]:
        """Make a harness for one rule and put it away afterwards."""
        made = self.instant_harness_class()
        try:
            yield made
        finally:
            made.close()

    @pytest.mark.parametrize("rule", INSTANT_RULES, ids=lambda rule: rule.id)
    def test_instant_recovery(
        self, instant_harness: InstantHarness, rule: Rule[InstantHarness]
    ) -> None:
        """The driver keeps the rule."""
        rule.check(instant_harness)
