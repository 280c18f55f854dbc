"""The command line: options anywhere, stable exit codes, one object for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

import pytest
import typer

from safepoint.cli.app import build, main
from safepoint.cli.output import Output
from safepoint.plugins import PluginHost

Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where no estate lies about."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        ["-o", "json", "runs", "list"],
        ["runs", "list", "-o", "json"],
        ["runs", "--json", "list"],
        ["runs", "list", "--output=json"],
    ],
)
def test_global_options_may_stand_anywhere(line: list[str], capsys: Capture) -> None:
    """A person types them last, a script first."""
    assert main(line) == 0
    assert json.loads(capsys.readouterr().out) == {
        "apiVersion": "safepoint.output/v1",
        "kind": "RunList",
        "items": [],
    }


def test_an_unknown_command_is_a_usage_error(capsys: Capture) -> None:
    """Exit 2 and a suggestion, no traceback."""
    assert main(["rnus", "list"]) == 2
    assert "runs" in capsys.readouterr().err


def test_an_error_is_one_object_for_programs(capsys: Capture) -> None:
    """With -o json stdout holds exactly one error object; people read stderr."""
    assert main(["vm", "list", "-o", "json"]) == 2
    out, err = capsys.readouterr()

    error = json.loads(out)["error"]
    assert error["code"] == "config"
    assert error["exit_code"] == 2
    assert "estate.yaml" in error["findings"][0]
    assert "Traceback" not in err


def test_init_writes_an_estate_that_validates_after_editing(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never overwrites one."""
    assert main(["init"]) == 0
    monkeypatch.setenv("HYPERV_PASSWORD", "x")
    assert main(["validate"]) == 0
    before = Path("estate.yaml").read_text("utf-8")
    assert main(["init"]) == 2

    assert Path("estate.yaml").read_text("utf-8") == before
    assert "exists already" in capsys.readouterr().err


def test_validate_reports_every_error_at_once(capsys: Capture) -> None:
    """File, line, field and suggestion for each; exit 2."""
    Path("estate.yaml").write_text(
        """\
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {consistncy: application, fallback: maybe}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: nightly}
spec: {connection: nowhere, cluster: none, policy: golden, include: [{all: true}]}
""",
        "utf-8",
    )
    assert main(["validate"]) == 2
    out = capsys.readouterr().out

    assert "estate.yaml:4: error: spec.consistncy" in out
    assert "consistency" in out
    assert out.count(": error:") >= 5


def test_a_number_between_colons_stays_a_number(capsys: Capture) -> None:
    """`:100:` is a place in a file, and no picture."""
    Path("estate.yaml").write_text("#\n" * 99 + "kind: Nothing\n", "utf-8")
    assert main(["validate"]) == 2
    assert "estate.yaml:100: error" in capsys.readouterr().out


def test_the_journal_of_a_newer_safepoint_is_refused(tmp_path: Path, capsys: Capture) -> None:
    """Exit 10, with what to do."""
    assert main(["runs", "list"]) == 0
    import sqlite3

    journal = tmp_path / "home" / "journal.db"
    with sqlite3.connect(journal) as connection:
        connection.execute("update schema_version set version = 999")
    connection.close()

    assert main(["runs", "list"]) == 10
    assert "newer" in capsys.readouterr().err


def test_a_journal_that_cannot_be_written_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A home that is a file, not a folder."""
    home = tmp_path / "a-file"
    home.write_text("", "utf-8")
    monkeypatch.setenv("SAFEPOINT_HOME", str(home))

    assert main(["runs", "list"]) == 10
    assert "SAFEPOINT_HOME" in capsys.readouterr().err


def test_csv_has_fields_as_header(capsys: Capture) -> None:
    """For spreadsheets; plugins are always there."""
    assert main(["plugin", "list", "-o", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "name,version,distribution,state,drivers,problem"
    assert any(line.startswith("native,") for line in lines)


def test_each_command_comes_alone_from_the_module_that_has_it() -> None:
    """So that a start imports what its own command needs; the help has them all, in order."""
    host = PluginHost([])

    def commands(only: str = "") -> list[str]:
        group = typer.main.get_command(build(host, only))
        assert isinstance(group, typer.core.TyperGroup)
        return list(group.commands)

    everything = commands()
    for name in everything:
        assert name in commands(name)
        assert len(commands(name)) < 3
    assert commands("no-such-command") == everything


def test_whoever_interrupts_a_command_is_told(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Output, "rows", interrupt)

    assert main(["plugin", "list"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
