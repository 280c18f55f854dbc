"""The further rules as pytest tests, beside those of `CheckpointSuite`."""

from __future__ import annotations

from typing import ClassVar

import pytest

from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_recovery import RECOVERY_RULES
from safepoint.testing.rules_trouble import TROUBLE_RULES, TroubleHarness
from safepoint.testing.suites import HarnessSuite

__all__ = ["RecoverySuite", "TroubleSuite"]


class RecoverySuite(HarnessSuite):
    """What crash recovery stands on. Set `harness_class` in the subclass."""

    harness_class: ClassVar[type[CheckpointHarness]]

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
