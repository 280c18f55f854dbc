"""The rules of `CanReplicate` as pytest tests."""

from __future__ import annotations

from typing import ClassVar

import pytest

from safepoint.testing.rule import Rule
from safepoint.testing.rules_replica import REPLICA_RULES, ReplicaHarness
from safepoint.testing.suites import HarnessSuite

__all__ = ["ReplicaSuite"]


class ReplicaSuite(HarnessSuite):
    """What failovers stand on. Set `harness_class` in the subclass."""

    harness_class: ClassVar[type[ReplicaHarness]]

    @pytest.mark.parametrize("rule", REPLICA_RULES, ids=lambda rule: rule.id)
    def test_replica(self, harness: ReplicaHarness, rule: Rule[ReplicaHarness]) -> None:
        """The driver keeps the rule."""
        rule.check(harness)
