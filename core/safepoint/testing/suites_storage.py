"""The rules of `CanInspectStorage` as pytest tests."""

from __future__ import annotations

from typing import ClassVar

import pytest

from safepoint.testing.rule import Rule
from safepoint.testing.rules_storage import STORAGE_RULES, StorageHarness
from safepoint.testing.suites import HarnessSuite

__all__ = ["StorageSuite"]


class StorageSuite(HarnessSuite):
    """What the audit of checkpoints stands on. Set `harness_class` in the subclass."""

    harness_class: ClassVar[type[StorageHarness]]

    @pytest.mark.parametrize("rule", STORAGE_RULES, ids=lambda rule: rule.id)
    def test_storage(self, harness: StorageHarness, rule: Rule[StorageHarness]) -> None:
        """The driver keeps the rule."""
        rule.check(harness)
