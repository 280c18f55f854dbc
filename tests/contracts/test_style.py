"""The rules that tools can check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_ruff_finds_nothing() -> None:
    """Lint rules hold, and every exception to one states its reason."""
    run("ruff", "check", ".")


def test_the_formatter_would_change_nothing() -> None:
    """The code is formatted."""
    run("ruff", "format", "--check", ".")


@pytest.mark.timeout(400)
def test_types_hold_strictly() -> None:
    """Mypy strict has nothing to say."""
    run("mypy")


def test_layers_hold() -> None:
    """Core knows no plugin and no lab; plugins know only the boundary; rooms are in order."""
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Contracts: " in done.stdout
