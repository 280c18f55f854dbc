"""How long something may last before it counts as left behind."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ConfigDict

from safepoint.models.base import Model

__all__ = ["Patience"]


class Patience(Model):
    """Ages from which a finding speaks of neglect. Times are those of hosts and file servers."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the reference is made of them

    backup: timedelta = timedelta(hours=24)
    """A product's checkpoint: longer than any backup window."""
    person: timedelta = timedelta(days=7)
    """A checkpoint made by hand."""
    steady: timedelta = timedelta(days=14)
    """The one that a product keeps between its runs: older, and the product has stopped."""
    merge: timedelta = timedelta(hours=1)
    """Since a merge, or the file below, was last seen to move."""
    stray: timedelta = timedelta(minutes=30)
    """A file that nobody uses: younger, and somebody may be about to use it."""
