"""The rules as pytest tests: subclass, name your harness, run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from safepoint.testing.harness import CheckpointHarness, Harness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_checkpoint import CHECKPOINT_RULES
from safepoint.testing.rules_required import REQUIRED_RULES

__all__ = ["CheckpointSuite", "DriverSuite", "HarnessSuite"]


class HarnessSuite:
    """A harness for each rule. Set `harness_class` in the subclass, of the kind its rules need."""

    harness_class: ClassVar[type[Harness]]

    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        """Make a harness for one rule and put it away afterwards."""
        made = self.harness_class()
        try:
            yield made
        finally:
            made.close()


class DriverSuite(HarnessSuite):
    """The rules every driver keeps. Set `harness_class` in the subclass."""

    @pytest.mark.parametrize("rule", REQUIRED_RULES, ids=lambda rule: rule.id)
    def test_required(self, harness: Harness, rule: Rule[Harness]) -> None:
        """The driver keeps the rule."""
        rule.check(harness)


class CheckpointSuite(DriverSuite):
    """The rules of `CanCheckpoint`, beside the required ones."""

    @pytest.mark.parametrize("rule", CHECKPOINT_RULES, ids=lambda rule: rule.id)
    def test_checkpoint(self, harness: Harness, rule: Rule[CheckpointHarness]) -> None:
        """The driver keeps the rule."""
        assert isinstance(harness, CheckpointHarness)
        rule.check(harness)
