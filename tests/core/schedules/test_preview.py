"""`safepoint schedule preview`: the next runs, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from safepoint.cli.app import main

Capture: TypeAlias = pytest.CaptureFixture[str]
Estate: TypeAlias = Callable[[str], None]
NIGHTLY = "{timezone: Europe/Berlin, daily: {at: ['02:30', '22:00']}}"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """Write an estate whose job `nightly` has a policy with this spec, and go there."""
    monkeypatch.chdir(tmp_path)

    def write(spec: str) -> None:
        Path("estate.yaml").write_text(
            f"""\
apiVersion: safepoint/v1
kind: Connection
metadata: {{name: hosts}}
spec: {{driver: native, settings: {{username: u, password: env:PASSWORD, repository: repo}}}}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {{name: prod}}
spec:
  hypervisor: hosts
  nodes: [{{name: hv01, address: 'https://hv01.example:5986/wsman'}}]
---
apiVersion: safepoint/v1
kind: Policy
metadata: {{name: gold}}
spec: {spec}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {{name: nightly}}
spec: {{connection: hosts, cluster: prod, policy: gold, include: [{{all: true}}]}}
""",
            "utf-8",
        )

    return write


def preview(capsys: Capture, *options: str) -> dict[str, Any]:
    """Run the command and return its document."""
    assert main(["schedule", "preview", "nightly", "-o", "json", *options]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_programs_get_instants_reasons_and_departures(estate: Estate, capsys: Capture) -> None:
    """Across the spring of 2027: one run is moved, and each product is asked about it."""
    estate(f"{{schedule: {NIGHTLY}}}")
    found = preview(capsys, "--across", "2027-03-28")
    moved = found["runs"][2]

    assert found["kind"] == "SchedulePreview"
    assert (found["driver"], found["timezone"]) == ("native", "Europe/Berlin")
    assert [run["at"][5:16] for run in found["runs"]] == [
        "03-27T01:30",
        "03-27T21:00",
        "03-28T01:00",
        "03-28T20:00",
        "03-29T00:30",
        "03-29T20:00",
    ]
    assert moved["local"] == "2027-03-28T03:00:00+02:00"
    assert (moved["adjustment"], moved["wanted"]) == ("skipped", ["2027-03-28T02:30:00"])
    assert moved["departures"] == {"commvault": "may not run", "veeam": "does not run"}
    assert found["clockChanges"][0]["shiftSeconds"] == 3600


def test_the_products_are_told_with_evidence(estate: Estate, capsys: Capture) -> None:
    """The job's own comes first; every deviation has a grade and a source."""
    estate(f"{{schedule: {NIGHTLY}}}")
    products = preview(capsys, "--across", "2027-10-31")["products"]

    assert [(p["name"], p["isJobs"]) for p in products] == [
        ("native", True),
        ("commvault", False),
        ("veeam", False),
    ]
    assert products[0]["deviations"] == []
    for product in products[1:]:
        told = {d["behaviour"]: d for d in product["deviations"]}
        assert "02:30" in told["overlap-unstated"]["text"]
        assert all(d["grade"] and d["evidence"] for d in told.values())


def test_next_finds_the_change_by_itself(estate: Estate, capsys: Capture) -> None:
    """From June the next change is that of October."""
    estate(f"{{schedule: {NIGHTLY}}}")
    found = preview(capsys, "--from", "2027-06-01", "--across", "next")

    assert found["clockChanges"][0]["at"] == "2027-10-31T01:00:00Z"
    assert [run["adjustment"] for run in found["runs"]].count("repeated") == 1


@pytest.mark.parametrize(
    ("options", "count", "last"),
    [
        (["--count", "3"], 3, "2027-06-02T02:30:00+02:00"),
        (["--days", "3"], 6, "2027-06-03T22:00:00+02:00"),
        (["--days", "3", "--count", "2"], 2, "2027-06-01T22:00:00+02:00"),
        ([], 10, "2027-06-05T22:00:00+02:00"),
    ],
)
def test_the_number_of_runs_can_be_chosen(
    estate: Estate, capsys: Capture, options: list[str], count: int, last: str
) -> None:
    """By count or by days, from a moment in the schedule's zone, that moment included."""
    estate(f"{{schedule: {NIGHTLY}}}")
    runs = preview(capsys, "--from", "2027-06-01T02:30", *options)["runs"]

    assert (len(runs), runs[-1]["local"]) == (count, last)
    assert runs[0]["local"] == "2027-06-01T02:30:00+02:00"


def test_people_see_the_moved_run_and_what_products_make_of_it(
    estate: Estate, capsys: Capture
) -> None:
    """Zone letters, the note, and the table of products; the change itself on stderr."""
    estate(f"{{schedule: {NIGHTLY}}}")
    assert main(["schedule", "preview", "nightly", "--across", "2027-03-28"]) == 0
    out, err = capsys.readouterr()
    (line,) = (text for text in out.splitlines() if "03:00 CEST" in text)

    assert "02:30 does not exist: runs once, at 03:00" in line
    assert "veeam does not run" in line
    assert "Microsoft Hyper-V (this job)" in out
    assert "the clock goes forward on Sun 2027-03-28: 02:00 becomes 03:00" in err


def test_rows_are_csv_alone(estate: Estate, capsys: Capture) -> None:
    """One table, so that a spreadsheet can read it."""
    estate(f"{{schedule: {NIGHTLY}}}")
    line = ["schedule", "preview", "nightly", "--from", "2027-06-01", "--count", "2", "-o", "csv"]
    assert main(line) == 0
    assert capsys.readouterr().out.splitlines() == [
        "starts,utc,rules,note,elsewhere",
        "Tue 2027-06-01 02:30 CEST,2027-06-01 00:30,daily,,",
        "Tue 2027-06-01 22:00 CEST,2027-06-01 20:00,daily,,",
    ]


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("{consistency: crash}", "no schedule"),
        (
            """{schedule: {timezone: UTC, daily: {at: ['22:00']},
                window: {start: '01:00', end: '02:00'}}}""",
            "window",
        ),
    ],
)
def test_nothing_to_show_is_said_and_is_no_error(
    estate: Estate, capsys: Capture, spec: str, word: str
) -> None:
    """For programs the same document with no runs."""
    estate(spec)
    assert preview(capsys)["runs"] == []
    assert main(["schedule", "preview", "nightly"]) == 0
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--from", "tomorrow"], ["--across", "2027-02-30"], ["--count", "0"], ["--days", "x"]],
)
def test_bad_options_are_usage_errors(estate: Estate, capsys: Capture, options: list[str]) -> None:
    """Exit 2, no traceback."""
    estate(f"{{schedule: {NIGHTLY}}}")
    assert main(["schedule", "preview", "nightly", *options]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_zone_without_changes_has_no_next(estate: Estate, capsys: Capture) -> None:
    """It says so, with what to do."""
    estate("{schedule: {timezone: Asia/Tokyo, daily: {at: ['22:00']}}}")
    assert main(["schedule", "preview", "nightly", "--across", "next"]) == 2
    assert "Asia/Tokyo" in capsys.readouterr().err
