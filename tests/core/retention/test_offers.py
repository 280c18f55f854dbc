"""What plugins say of their products reaches the core, and a bad offer stays its own problem."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeAlias

import pytest

from safepoint.errors import PluginLoadError
from safepoint.plugins import PluginHost
from safepoint.retention import EXACT

Write: TypeAlias = Callable[[str], EntryPoint]
OURS = [EntryPoint(n, f"safepoint_{n}.plugin", "safepoint") for n in ("veeam", "commvault")]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a plugin module `zz_offer` and return its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(code: str) -> EntryPoint:
        head = """
        from safepoint.hookspecs import hookimpl
        from safepoint.retention import ExactRetention
        from safepoint.schedules import ScheduleDialect
        """
        text = textwrap.dedent(head) + textwrap.dedent(code)
        (tmp_path / "zz_offer.py").write_text(text, "utf-8")
        return EntryPoint("zz_offer", "zz_offer", "safepoint")

    yield write
    sys.modules.pop("zz_offer", None)


def test_the_plugins_offer_without_a_driver() -> None:
    """A product can be simulated before it is connected."""
    host = PluginHost(OURS, blocked=())

    assert list(host.retention_arithmetics) == ["exact", "commvault", "commvault-days", "veeam"]
    assert host.retention_arithmetics["exact"] is EXACT
    assert set(host.schedule_dialects) == {"commvault", "veeam"}
    assert all(p.error is None for p in host.plugins)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (
            """
            @hookimpl
            def safepoint_retention(): return [ExactRetention()]
            """,
            "exact",
        ),
        (
            """
            @hookimpl
            def safepoint_schedules(): return [ScheduleDialect("veeam", "Mine", ())]
            """,
            "veeam",
        ),
        (
            """
            @hookimpl
            def safepoint_schedules():
                return [ScheduleDialect("x", "One", ()), ScheduleDialect("x", "Two", ())]
            """,
            "'x'",
        ),
        (
            """
            @hookimpl
            def safepoint_retention(): raise ValueError("no arithmetic today")
            """,
            "no arithmetic today",
        ),
    ],
    ids=["taken by the core", "taken by a plugin", "offered twice", "raises"],
)
def test_a_bad_offer_is_reported_and_the_others_stay(module: Write, code: str, word: str) -> None:
    """Nothing of that plugin is used; everything of the others is."""
    host = PluginHost([module(code), *OURS], blocked=())
    (bad,) = (p for p in host.plugins if p.name == "zz_offer")

    assert isinstance(bad.error, PluginLoadError)
    assert word in bad.error.message
    assert host.retention_arithmetics["exact"] is EXACT
    assert set(host.schedule_dialects) == {"commvault", "veeam"}
    assert host.schedule_dialects["veeam"].title == "Veeam Backup & Replication"
