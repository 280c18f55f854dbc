"""Drivers that break rules on purpose: a rule that nothing can break checks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from safepoint.testing import Rule
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness import ReferenceHarness


class Mutants:
    """For each rule a driver that breaks it, and no other rule of the same books.

    Args:
        rules: All rules that are tried.
        harness_class: Opens the reference driver, and so its mutants.
    """

    def __init__(self, rules: Iterable[Rule[Any]], harness_class: type[ReferenceHarness]) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self.of: dict[str, type[ReferenceDriver]] = {}
        """The mutant of each rule, by the rule's id."""
        self._harness_class = harness_class

    def breaks(self, rule: str) -> Callable[[type[ReferenceDriver]], type[ReferenceDriver]]:
        """Register a driver as the mutant that breaks this rule and no other."""

        def register(kind: type[ReferenceDriver]) -> type[ReferenceDriver]:
            assert rule not in self.of
            self.of[rule] = kind
            return kind

        return register

    def broken_by(self, driver: type[ReferenceDriver]) -> set[str]:
        """Return the ids of the rules that a driver breaks."""
        kind = type("OfThisDriver", (self._harness_class,), {"driver_class": driver})
        broken = set()
        for rule in self.rules.values():
            harness = kind()
            try:
                rule.check(harness)
            except Exception:
                broken.add(rule.id)
            finally:
                harness.close()
        return broken
