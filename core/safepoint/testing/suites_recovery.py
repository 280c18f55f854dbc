"""The further rules as pytest tests, beside those of `CheckpointSuite`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_recovery import RECOVERY_RULES
from safepoint.testing.rules_trouble import TROUBLE_RULES, TroubleHarness

__all__ = ["RecoverySuite", "TroubleSuite"]


class RecoverySuite:
    """What crash recovery stands on. Set `harness_class` in the subclass."""

    harness_class: ClassVar[type[CheckpointHarness]]

    @pytest.fixture
    def harness(self) -> Iterator[CheckpointHarness]:
        """Make a harness for one rule and put it away afterwards."""
        made = self.harness_class()
        try:
            yield made
        finally:
            made.close()

    @pytest.mark.parametrize("rule", RECOVERY_RULES, ids=lambda rule: rule.id)
    def test_recovery(self, harness: CheckpointHarness, rule: Rule[CheckpointHarness]) -> None:
        """The driver keeps the rule."""
        rule.check(harness)


class TroubleSuite(RecoverySuite):
    """Those, and the rules for a hypervisor in trouble; needs a `TroubleHarness`."""

    @pytest.mark.parametrize("rule", TROUBLE_RULES, ids=lambda rule: rule.id)
    def test_trouble(self, harness: CheckpointHarness, rule: Rule[TroubleHarness]) -> None:
        """The driver keeps the rule."""
        assert isinstance(harness, TroubleHarness)
        rule.check(harness)
