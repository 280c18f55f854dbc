"""Query literals: whatever goes in comes out as data, never as query."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.errors import InvalidRequestError
from safepoint_lab.wsman.wql import Comparison, Select, parse
from safepoint_native.cim.wql import guid, identifier, literal, object_path

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F), max_size=40)


@given(PRINTABLE)
def test_a_literal_is_one_token_whatever_it_holds(text: str) -> None:
    quoted = literal(text)

    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL) == text


@given(PRINTABLE)
def test_an_independent_parser_reads_the_literal_back(text: str) -> None:
    query = parse(f"SELECT * FROM C WHERE A = {literal(text)}")

    assert query == Select("C", where=Comparison("A", "=", text))


@pytest.mark.parametrize("bad", ["a\nb", "\x00", "tab\there"])
def test_control_characters_are_refused(bad: str) -> None:
    with pytest.raises(InvalidRequestError, match="control characters"):
        literal(bad)


def test_guids_are_normalised() -> None:
    lower = "5f3a0b3e-6c1d-4e0e-9c55-3c2b7a6d1e01"

    assert guid(f"{{{lower}}}") == lower.upper()
    assert guid(f" {lower} ") == lower.upper()


@pytest.mark.parametrize(
    "bad", ["", "5F3A", 'x" OR Name <> "', "5f3a0b3e-6c1d-4e0e-9c55-3c2b7a6d1e0"]
)
def test_what_is_no_guid_is_refused(bad: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a GUID"):
        guid(bad)


@pytest.mark.parametrize("bad", ["", "A B", "A;", "1A", "Class.X", "A" * 200])
def test_what_is_no_name_is_refused(bad: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a CIM name"):
        identifier(bad)


def test_object_path_of_an_association_query() -> None:
    assert object_path("Msvm_ConcreteJob", {"InstanceID": "a\\b"}) == (
        '{Msvm_ConcreteJob.InstanceID="a\\\\b"}'
    )
