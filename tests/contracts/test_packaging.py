"""What is shipped works on its own: a wheel in a clean environment, with every plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The project's settings."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_list_of_packages_names_the_same_folders(project: dict[str, Any]) -> None:
    """A forgotten line would drop a plugin from the wheel without a word."""
    build = project["tool"]["hatch"]["build"]
    packages = [Path(p) for p in build["targets"]["wheel"]["packages"]]

    assert all((ROOT / p / "__init__.py").is_file() for p in packages)
    assert sorted(str(p.parent) for p in packages) == sorted(build["dev-mode-dirs"])
    mypy = [p.removeprefix("$MYPY_CONFIG_FILE_DIR/") for p in project["tool"]["mypy"]["mypy_path"]]
    assert sorted(mypy) == sorted(build["dev-mode-dirs"])
    roots = project["tool"]["importlinter"]["root_packages"]
    assert sorted(roots) == sorted(p.name for p in packages)
    assert all((ROOT / p / "py.typed").is_file() for p in packages)


def test_folders_on_the_path_hold_only_their_package(project: dict[str, Any]) -> None:
    """Anything else there would become an importable top-level module."""
    for folder in project["tool"]["hatch"]["build"]["dev-mode-dirs"]:
        modules = [
            p.name
            for p in (ROOT / folder).iterdir()
            if (p.is_dir() and not p.name.startswith((".", "__"))) or p.suffix == ".py"
        ]
        assert len(modules) == 1, (folder, modules)


@pytest.mark.timeout(300)
def test_the_wheel_works_in_a_clean_environment(tmp_path: Path) -> None:
    """Installed from its wheel, safepoint loads every plugin and ships its data files."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    scripts = clean / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    # The dependencies come from this environment, so that the test needs no network.
    (site,) = (
        (clean / "lib").glob("python*/site-packages")
        if os.name != "nt"
        else (clean / "Lib" / "site-packages",)
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    home = {**os.environ, "SAFEPOINT_HOME": str(tmp_path / "home")}
    listed = subprocess.run(
        [scripts / "safepoint", "plugin", "list", "-o", "json"],
        cwd=tmp_path,
        env=home,
        check=True,
        capture_output=True,
        text=True,
    )

    plugins = json.loads(listed.stdout)["items"]
    expected = ("commvault", "lab", "native", "veeam")
    assert {p["name"]: p["state"] for p in plugins} == dict.fromkeys(expected, "loaded")
    where = subprocess.run(
        [python, "-c", "import safepoint, safepoint_lab; print(safepoint.__file__)"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(clean) in where.stdout
