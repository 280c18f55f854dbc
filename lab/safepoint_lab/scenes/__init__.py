"""Scenes: states of an estate that somebody has to deal with, ready to be looked at.

A scene is a table of what lies where. Each row says what `safepoint checkpoint audit` has to say of
it, so that the tests compare and a reader can look it up.
"""

from __future__ import annotations

from safepoint_lab.choices import Scenario
from safepoint_lab.scenes.monday_morning import MONDAY_MORNING
from safepoint_lab.scenes.scene import Scene

__all__ = ["SCENES", "Scene"]

SCENES = {Scenario.MONDAY_MORNING: MONDAY_MORNING}
"""The scenarios that begin with something out of order."""
