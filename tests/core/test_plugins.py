"""One broken plugin never breaks the tool; failures are data."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeAlias

import pytest

from safepoint.errors import PluginIncompatibleError, PluginLoadError, UnknownNameError
from safepoint.plugins import PluginHost

#: Writes a plugin module of that name and returns its entry point.
Write: TypeAlias = Callable[[str, str], EntryPoint]
GOOD = EntryPoint("native", "safepoint_native.plugin", "safepoint")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a plugin module and return its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, code: str) -> EntryPoint:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code), "utf-8")
        return EntryPoint(name, name, "safepoint")

    yield write
    for name in [n for n in sys.modules if n.startswith("third_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("raise RuntimeError('bad day')", "bad day"),
        ("import a_library_nobody_has", "a_library_nobody_has"),
        ("raise SystemExit(7)", "SystemExit"),
        ("def broken(:", "SyntaxError"),
        (
            """
            from safepoint.hookspecs import hookimpl
            @hookimpl
            def safepoint_drivers(surprise): return ()
            """,
            "surprise",
        ),
        (
            """
            from safepoint.hookspecs import hookimpl
            @hookimpl
            def safepoint_unheard_of(): return ()
            """,
            "safepoint_unheard_of",
        ),
        (
            """
            from safepoint.hookspecs import hookimpl
            @hookimpl
            def safepoint_drivers(): raise ValueError('no drivers today')
            """,
            "no drivers today",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_the_others_work(
    module: Write, code: str, word: str
) -> None:
    """Whatever a stranger's module does at import or registration stays its problem."""
    host = PluginHost([module("third_broken", code), GOOD], blocked=())

    by_name = {p.name: p for p in host.plugins}
    assert isinstance(by_name["third_broken"].error, PluginLoadError)
    assert word in by_name["third_broken"].error.message
    assert by_name["native"].error is None
    assert set(host.drivers) == {"native"}


def test_a_driver_of_another_boundary_version_is_refused_by_name(module: Write) -> None:
    """A driver that speaks another version says so instead of failing later."""
    entry = module(
        "third_newer",
        """
        from pydantic import BaseModel
        from safepoint.drivers import DriverSpec
        from safepoint.hookspecs import hookimpl
        @hookimpl
        def safepoint_drivers():
            return [DriverSpec(name="x", title="X", settings=BaseModel, open=None, api=99)]
        """,
    )
    host = PluginHost([entry], blocked=())

    error = host.plugins[0].error
    assert isinstance(error, PluginIncompatibleError)
    assert "99" in error.message
    assert "newer" in error.hint


def test_two_plugins_cannot_offer_the_same_driver(module: Write) -> None:
    """The second one is refused; the first keeps the name."""
    entry = module(
        "third_twin",
        """
        from pydantic import BaseModel
        from safepoint.drivers import DriverSpec
        from safepoint.hookspecs import hookimpl
        @hookimpl
        def safepoint_drivers():
            return [DriverSpec(name="native", title="X", settings=BaseModel, open=None)]
        """,
    )
    host = PluginHost([GOOD, entry], blocked=())

    assert host.driver("native").title == "Microsoft Hyper-V"
    assert isinstance({p.name: p for p in host.plugins}["third_twin"].error, PluginLoadError)


def test_a_blocked_plugin_is_not_even_imported(module: Write) -> None:
    """The way out when a plugin hangs at import."""
    host = PluginHost([module("third_hang", "raise AssertionError")], blocked=("third_hang",))

    assert host.plugins[0].is_blocked
    assert host.plugins[0].error is None


def test_an_unknown_driver_gets_a_suggestion_and_the_failures() -> None:
    """A typo is recognised."""
    with pytest.raises(UnknownNameError) as caught:
        PluginHost([GOOD], blocked=()).driver("natve")

    assert "native" in caught.value.hint


def test_the_command_line_works_with_a_broken_third_party_plugin(tmp_path: Path) -> None:
    """As installed: a distribution whose entry point cannot be imported leaves all else working."""
    (tmp_path / "third_rotten.py").write_text("raise RuntimeError('rotten')", "utf-8")
    info = tmp_path / "rotten-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rotten\nVersion: 1.2\n", "utf-8")
    (info / "entry_points.txt").write_text("[safepoint]\nrotten = third_rotten\n", "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "safepoint", "plugin", "list"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:] if line.split()}
    assert "failed" in rows["rotten"]
    assert "1.2" in rows["rotten"]
    assert "loaded" in rows["native"]
    assert "Traceback" not in done.stdout + done.stderr
