"""`safepoint retention simulate`: numbers for people, everything for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from safepoint.cli.app import main

Capture: TypeAlias = pytest.CaptureFixture[str]
SUNDAY = ["--from", "2026-03-01"]


@pytest.fixture(autouse=True)
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies `gold` (fourteen days), `long` (with rhythms, hourly) and `bare` (nothing)."""
    monkeypatch.chdir(tmp_path)
    head = "apiVersion: safepoint/v1\nkind: Policy\nmetadata: {name: %s}\nspec: %s\n---\n"
    hourly = "{timezone: Europe/Berlin, every: {hours: 6}}"
    rhythms = "{keepFor: 7d, weekly: {keep: 4}, monthly: {keep: 6}}"
    policies = {
        "gold": "{retention: {keepFor: 14d}}",
        "long": f"{{schedule: {hourly}, retention: {rhythms}}}",
        "bare": "{consistency: crash}",
    }
    text = "".join(head % item for item in policies.items())
    Path("estate.yaml").write_text(text.removesuffix("---\n"), "utf-8")


def simulated(capsys: Capture, policy: str, *options: str) -> dict[str, Any]:
    """Run the command and return its document."""
    assert main(["retention", "simulate", policy, "-o", "json", *SUNDAY, *options]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_golden_numbers(capsys: Capture) -> None:
    """Fourteen days, a full each Sunday, by every arithmetic."""
    found = simulated(capsys, "gold", "--days", "100")
    numbers = {
        each["name"]: (tuple(each["points"].values()), tuple(each["oldestDays"].values()))
        for each in found["arithmetics"]
    }

    assert numbers == {
        "exact": ((14, 14), (13, 13)),
        "commvault": ((15, 21), (14, 20)),
        "commvault-days": ((15, 15), (14, 14)),
        "veeam": ((15, 21), (14, 20)),
    }


def test_the_first_day_of_difference_has_its_points(capsys: Capture) -> None:
    """The day after the fourteenth."""
    found = simulated(capsys, "gold", "--vendor", "veeam", "--days", "60")
    (difference,) = found["differences"]

    assert (difference["first"], difference["second"]) == ("exact", "veeam")
    assert (difference["day"], difference["date"]) == (15, "2026-03-15")
    assert difference["onlyFirst"] == []
    assert difference["onlySecond"] == [
        {"number": 1, "madeAt": "2026-03-01T22:00:00+00:00", "why": ["age"]}
    ]


def test_every_day_can_be_rebuilt_from_the_document(capsys: Capture) -> None:
    """Counts, ages and points agree, for each arithmetic."""
    found = simulated(capsys, "long", "--days", "70")

    assert (found["timezone"], found["fullOn"]) == ("Europe/Berlin", "sunday")
    for each in found["arithmetics"]:
        for day in each["days"]:
            there = [
                point["number"]
                for point in each["restorePoints"]
                for life in point["exists"]
                if life["fromDay"] <= day["day"] <= life["toDay"]
            ]
            assert len(there) == day["count"]
            assert not set(there) & set(day["gone"])
            assert set(day["made"]) <= set(there) | set(day["gone"])


def test_without_fulls_products_behave_otherwise(capsys: Capture) -> None:
    """One merges, the other never lets go; both are shown."""
    found = simulated(capsys, "gold", "--full-on", "never", "--days", "100")
    points = {each["name"]: each["points"]["max"] for each in found["arithmetics"]}

    assert points == {"exact": 14, "commvault": 100, "commvault-days": 15, "veeam": 15}


def test_people_see_numbers_losses_stretches_and_a_day(capsys: Capture) -> None:
    """Also a day of their choice, by number or by date."""
    for day in ("21", "2026-03-21"):
        assert main(["retention", "simulate", "gold", "--on", day, *SUNDAY]) == 0
        out = capsys.readouterr().out
        assert "15-21" in out
        assert "keepFor: 14 days keep the points of 15 days" in out
        assert "the points of day 21, Sat 2026-03-21" in out
        (first,) = (line for line in out.splitlines() if line.startswith("2026-03-01 22:00 …"))
        assert first.split("(6)")[1].split() == ["-", "chain", "-", "chain"]


def test_long_lists_are_cut_for_people_only(capsys: Capture) -> None:
    """And it is said that they are."""
    assert main(["retention", "simulate", "long", *SUNDAY]) == 0
    out, err = capsys.readouterr()

    assert len(out.splitlines()) < 120
    assert "more stretches" in err


def test_a_policy_without_retention_keeps_everything(capsys: Capture) -> None:
    """Said to people, empty for programs."""
    assert simulated(capsys, "bare")["arithmetics"] == []
    assert main(["retention", "simulate", "bare"]) == 0
    assert "no retention" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["silver"], "silver"),
        (["gold", "--vendor", "veam"], "did you mean veeam?"),
        (["gold", "--full-on", "someday"], "someday"),
        (["gold", "--from", "yesterday"], "2027-03-28"),
        (["gold", "--on", "401"], "1 to 400"),
        (["gold", "--days", "0"], "--days"),
    ],
)
def test_bad_options_are_usage_errors(capsys: Capture, options: list[str], word: str) -> None:
    """Exit 2, with what would do."""
    assert main(["retention", "simulate", *options]) == 2
    err = capsys.readouterr().err
    assert word in err
    assert "Traceback" not in err
