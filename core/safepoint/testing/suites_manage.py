"""The rules of `CanManage` as pytest tests, beside those of every driver."""

from __future__ import annotations

from typing import ClassVar

import pytest

from safepoint.testing.harness_manage import ManageHarness
from safepoint.testing.rule import Rule
from safepoint.testing.rules_apply import MANAGE_RULES
from safepoint.testing.suites import HarnessSuite

__all__ = ["ManageSuite"]


class ManageSuite(HarnessSuite):
    """The rules of `CanManage`. Set `harness_class` in the subclass.

    Inherit from `DriverSuite` or `CheckpointSuite` in another class to have their rules too.
    """

    harness_class: ClassVar[type[ManageHarness]]

    @pytest.mark.parametrize("rule", MANAGE_RULES, ids=lambda rule: rule.id)
    def test_manage(self, harness: ManageHarness, rule: Rule[ManageHarness]) -> None:
        """The driver keeps the rule."""
        rule.check(harness)
