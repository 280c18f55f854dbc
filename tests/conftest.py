"""What every test gets: a home of its own, an unchanged environment, tools or a loud skip."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: Set in CI: a missing tool is then a failure, because nothing may be skipped there.
REQUIRE_VARIABLE = "SAFEPOINT_REQUIRE_ALL"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests that take minutes be asked for."""
    parser.addoption("--long", action="store_true", help="also run the tests marked long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless they were asked for."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path) -> Iterator[None]:
    """Keep every test away from the journal of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAFEPOINT_HOME", str(tmp_path / "home"))
        for name in ("SAFEPOINT_ESTATE", "SAFEPOINT_BLOCK_PLUGINS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def same_environment(own_home: None) -> Iterator[None]:
    """Fail a test that leaves the environment changed or a thread of ours running."""
    before = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    threads = set(threading.enumerate())
    yield
    after = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    assert before == after
    left = [t for t in set(threading.enumerate()) - threads if t.is_alive() and not t.daemon]
    for thread in left:
        thread.join(timeout=5)
    assert not [t for t in left if t.is_alive()]


@pytest.fixture(scope="session")
def need_tool() -> Callable[[str, str], str]:
    """Return the path of a program, or skip loudly with the package that brings it."""

    def need(name: str, package: str) -> str:
        extra = os.pathsep.join(["/usr/sbin", "/sbin", "/usr/local/sbin"])
        found = shutil.which(name) or shutil.which(name, path=extra)
        if found is None:
            reason = f"needs {name}: apt-get install {package}"
            if os.environ.get(REQUIRE_VARIABLE) == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        return found

    return need
