"""Typed readers of rows: the reader says the type, a misfit is an error, NULL is None."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safepoint.errors import ProtocolError
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow, parse_duration, parse_moment

ROW = CimRow(
    "Some_Class",
    {
        "Text": ("hello",),
        "Empty": ("",),
        "Null": (None,),
        "Number": ("18446744073709551615",),
        "Numbers": ("2", "32772"),
        "Yes": ("TRUE",),
        "No": ("false",),
        "When": ("2026-01-12T22:00:01.000000Z",),
        "Never": ("1601-01-01T00:00:00Z",),
        "Lasts": ("P0DT0H0M4.201S",),
        "Path": (r'\\HV01\root\v2:C.A="1"',),
        "Ref": (CimRef("root/v2", "C", (("A", "1"),)),),
        "Object": (CimRow("Inner", {"VmID": ("x",)}),),
    },
)


def test_null_absent_and_empty_are_three_things() -> None:
    assert ROW.text("Null") is None
    assert ROW.text("Missing") is None
    assert ROW.text("Empty") == ""
    assert "Null" not in ROW
    assert "Missing" not in ROW
    assert "Empty" in ROW


def test_numbers_are_exact_up_to_64_bits() -> None:
    assert ROW.integer("Number") == 2**64 - 1
    assert ROW.integers("Numbers") == (2, 32772)
    assert ROW.integers("Null") == ()


def test_booleans_are_read_in_any_case() -> None:
    assert ROW.flag("Yes") is True
    assert ROW.flag("No") is False
    assert ROW.flag("Null") is None


def test_times_are_aware_utc_and_1601_is_never() -> None:
    assert ROW.moment("When") == datetime(2026, 1, 12, 22, 0, 1, tzinfo=UTC)
    assert ROW.moment("Never") is None
    assert ROW.duration("Lasts") == timedelta(seconds=4, milliseconds=201)


def test_references_come_as_endpoint_or_as_path() -> None:
    assert ROW.reference("Ref") == CimRef("root/v2", "C", (("A", "1"),))
    assert ROW.reference("Path") == CimRef("root/v2", "C", (("A", "1"),))
    assert ROW.reference("Empty") is None


def test_nested_objects_are_rows() -> None:
    nested = ROW.nested("Object")

    assert nested is not None
    assert nested.need_text("VmID") == "x"


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        ("integer", "Text"),
        ("integer", "Numbers"),
        ("flag", "Text"),
        ("moment", "Text"),
        ("duration", "Text"),
        ("text", "Ref"),
        ("texts", "Ref"),
        ("nested", "Text"),
        ("reference", "Text"),
        ("reference", "Object"),
        ("need_text", "Null"),
        ("need_integer", "Missing"),
    ],
)
def test_a_value_of_another_type_raises(reader: str, name: str) -> None:
    with pytest.raises(ProtocolError):
        getattr(ROW, reader)(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260112220001.500000+060", datetime(2026, 1, 12, 21, 0, 1, 500000, tzinfo=UTC)),
        ("20260112220001.000000-120", datetime(2026, 1, 13, 0, 0, 1, tzinfo=UTC)),
        ("2026-01-12T22:00:01.1234567Z", datetime(2026, 1, 12, 22, 0, 1, 123456, tzinfo=UTC)),
        ("2026-01-12T22:00:01+01:00", datetime(2026, 1, 12, 21, 0, 1, tzinfo=UTC)),
        ("2026-01-12T22:00:01", datetime(2026, 1, 12, 22, 0, 1, tzinfo=UTC)),
        ("16010101000000.000000+000", None),
    ],
)
def test_moments_of_every_spelling(text: str, expected: datetime | None) -> None:
    assert parse_moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000000003000.000000:000", timedelta(minutes=30)),
        ("00000002010203.000004:000", timedelta(2, 3723, 4)),
        ("PT5M", timedelta(minutes=5)),
        ("P1DT1S", timedelta(1, 1)),
    ],
)
def test_intervals_of_every_spelling(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["P", "PT", "5 minutes", "P1Y", ""])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        parse_duration(text)
