"""Small kinds of value: lengths of time, names, shares, patterns, schedules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from safepoint.estate import CheckedEstate
from safepoint.models.durations import Duration, format_duration, parse_duration
from safepoint.models.estate import DocumentPath, Name, UncPath, document_name
from safepoint.models.jobs import NameGlob, ShareGlob
from safepoint.models.policies import Policy, Schedule, known_time_zones


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("14d", timedelta(days=14)),
        ("2w", timedelta(days=14)),
        ("24h", timedelta(days=1)),
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("30s", timedelta(seconds=30)),
    ],
)
def test_lengths_of_time(text: str, length: Any) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "14", "d", "1y", "2mo", "-1d", "1 d", "1.5h", "0d", "1d1d", "PT1H", "9999999999d", "999999999w"]
)  # fmt: skip
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**10))
def test_a_length_of_time_reads_back(seconds: int) -> None:
    length = timedelta(seconds=seconds)

    assert parse_duration(format_duration(length)) == length


def test_a_length_of_time_as_a_field() -> None:
    adapter = TypeAdapter(Duration)

    assert adapter.validate_python("1d") == adapter.validate_python(timedelta(days=1))
    assert adapter.dump_json(timedelta(days=10)) == b'"10d"'
    with pytest.raises(ValidationError):
        adapter.validate_python(5)


def test_sizes_that_are_written_back_are_short() -> None:
    assert [format_duration(timedelta(days=days)) for days in (1, 7, 10, 14)] == [
        "1d",
        "1w",
        "10d",
        "2w",
    ]


@pytest.mark.parametrize("text", ["a", "A1", "c1.prod_x-y", "0", "x" * 63])
def test_names(text: str) -> None:
    assert TypeAdapter(Name).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "-a", ".a", "a b", "a/b", "a:b", "x" * 64, "ä", "a\n"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"\\fs01\vmstore1", r"\\fs01\vmstore1"),
        ("//fs01/vmstore1/", r"\\fs01\vmstore1"),
        (r"\\fs01.corp.example\a b$\c" + "\\", r"\\fs01.corp.example\a b$\c"),
    ],
)
def test_shares(text: str, path: Any) -> None:
    assert TypeAdapter(UncPath).validate_python(text) == path


@pytest.mark.parametrize("text", ["", r"\\fs01", "\\\\fs01\\", r"\fs01\a", r"C:\x", "/mnt/x", r"\\?\C:\x", r"\\a\\b", "\\\\a\\b\x0b"])  # fmt: skip
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(UncPath).validate_python(text)


@pytest.mark.parametrize("text", ["a*", "[ab]", "[!ab]x", "[]]", "x]", "[[]x]"])
def test_patterns(text: str) -> None:
    assert TypeAdapter(NameGlob).validate_python(text) == text


@pytest.mark.parametrize("text", ["", " ", "[", "a[b", "[ab]["])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(NameGlob).validate_python(text)


@pytest.mark.parametrize("text", [r"\\fs01", "fs01", r"\\fs01\\x", r"\\\a\b", "*"])
def test_what_is_no_share_pattern(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ShareGlob).validate_python(text)


@pytest.mark.parametrize("text", ["", "a\x00b", "a\tb"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DocumentPath).validate_python(text)


def test_a_products_name_becomes_that_of_a_document() -> None:
    assert document_name("Ärger & Co (SQL)") == "rger-Co-SQL"
    assert document_name("***") == "unnamed"
    assert len(document_name("x" * 200)) == 63


@given(st.text())
def test_every_name_of_a_product_fits_a_document(text: str) -> None:
    TypeAdapter(Name).validate_python(document_name(text))


def test_schedules_of_every_sort() -> None:
    schedule = Schedule.model_validate(
        {
            "timezone": "Europe/Berlin",
            "every": {"hours": 4},
            "daily": {"at": ["02:00", "23:59"]},
            "weekly": {"days": ["sunday"], "at": ["00:00"]},
            "monthly": {"weekday": "last friday", "at": ["12:00"]},
            "window": {"start": "22:00", "end": "06:00", "days": ["monday"]},
        }
    )

    assert schedule.monthly is not None
    assert schedule.monthly.weekday == "last friday"
    assert schedule.every is not None
    assert schedule.every.hours == 4


def test_time_zones_are_those_of_the_database() -> None:
    assert {"Europe/Berlin", "UTC", "America/Sao_Paulo"} <= known_time_zones()
    assert not {"localtime", "Factory"} & known_time_zones()


def test_a_machine_without_time_zone_data_says_so(
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[str], CheckedEstate],
    documents: dict[str, str],
) -> None:
    monkeypatch.setattr("safepoint.models.policies.known_time_zones", frozenset)
    text = documents["Policy"].replace("{}", "{schedule: {timezone: UTC, every: {hours: 1}}}")

    (found,) = check(text).findings

    assert (found.code, found.hint) == ("time-zone-data", "pip install tzdata")


def test_the_error_of_a_model_holds_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate({"metadata": {"name": "p"}, "spec": {"rpo": "hunter2"}})

    assert "hunter2" not in str(caught.value)
