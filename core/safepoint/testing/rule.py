"""A rule of the boundary: an id, one sentence, and the check that a driver keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from safepoint.testing.harness import LiveHarness

__all__ = ["Rule", "RuleBook"]

HarnessT = TypeVar("HarnessT", bound=LiveHarness)
HarnessT_contra = TypeVar("HarnessT_contra", bound=LiveHarness, contravariant=True)


@dataclass(frozen=True)
class Rule(Generic[HarnessT_contra]):
    """One rule. `check` returns when it is kept and raises when it is not."""

    id: str
    text: str
    check: Callable[[HarnessT_contra], None]


class RuleBook(Generic[HarnessT]):
    """Collects rules: the name of the function is the id, its docstring the sentence.

    The rules of a book over a `LiveHarness` know no truth and change nothing: they may be tried
    on a product in service.
    """

    def __init__(self) -> None:
        self.rules: list[Rule[HarnessT]] = []

    def __call__(self, check: Callable[[HarnessT], None]) -> Callable[[HarnessT], None]:
        """Take a function as a rule."""
        text = (check.__doc__ or "").strip()
        assert text, f"rule {check.__name__} says nothing"
        ident = check.__name__.replace("_", "-")
        assert all(ident != rule.id for rule in self.rules), f"two rules are called {ident}"
        self.rules.append(Rule(ident, text, check))
        return check
