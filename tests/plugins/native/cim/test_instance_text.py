"""Embedded instances: typed in, escaped out, and what hosts mishandle is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.errors import InvalidRequestError, ProtocolError
from safepoint_native.cim.instance_text import (
    EmbeddedInstance,
    InstanceProperty,
    boolean,
    parse_instance_text,
    string,
    string_array,
    uint8,
    uint16,
    uint64,
)

SAFE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_characters="&<>\x7f")
)


def test_the_form_hosts_take() -> None:
    instance = EmbeddedInstance(
        "Msvm_VirtualSystemSnapshotSettingData",
        (uint8("ConsistencyLevel", 1), boolean("IgnoreNonSnapshottableDisks", value=True)),
    )

    assert instance.to_text() == (
        '<INSTANCE CLASSNAME="Msvm_VirtualSystemSnapshotSettingData">'
        '<PROPERTY NAME="ConsistencyLevel" TYPE="uint8"><VALUE>1</VALUE></PROPERTY>'
        '<PROPERTY NAME="IgnoreNonSnapshottableDisks" TYPE="boolean"><VALUE>TRUE</VALUE></PROPERTY>'
        "</INSTANCE>"
    )


def test_an_array_of_one_is_still_an_array() -> None:
    text = EmbeddedInstance("C", (string_array("HostResource", [r"\\fs01\a.vhdx"]),)).to_text()

    assert r"<PROPERTY.ARRAY NAME=" in text
    assert r"<VALUE.ARRAY><VALUE>\\fs01\a.vhdx</VALUE></VALUE.ARRAY>" in text


@given(SAFE, st.lists(SAFE, min_size=1), st.integers(0, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_back(text: str, many: list[str], number: int, flag: bool) -> None:
    instance = EmbeddedInstance(
        "C", (string("A", text), string_array("B", many), uint64("N", number), boolean("F", flag))
    )

    row = parse_instance_text(instance.to_text())

    assert row.class_name == "C"
    assert row.text("A") == text
    assert row.texts("B") == tuple(many)
    assert row.integer("N") == number
    assert row.flag("F") is flag


@pytest.mark.parametrize("bad", ["R&D", "a<b", "a>b", "line\nbreak", "\x00", "del\x7f"])
def test_values_that_hosts_mishandle_are_refused(bad: str) -> None:
    with pytest.raises(InvalidRequestError, match="mishandles"):
        EmbeddedInstance("C", (string("A", bad),)).to_text()


@pytest.mark.parametrize(
    "wrong",
    [
        uint8("A", 256),
        uint16("A", -1),
        uint64("A", 2**64),
        InstanceProperty("A", uint8("A", 1).cim_type, "1"),
        InstanceProperty("A", string("A", "").cim_type, 1),
        InstanceProperty("A", uint8("A", 1).cim_type, True),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(wrong: InstanceProperty) -> None:
    with pytest.raises(InvalidRequestError, match="is not a"):
        wrong.to_xml()


@pytest.mark.parametrize("name", ['A" TYPE="x', "A B", "<A>"])
def test_names_cannot_carry_markup(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a CIM name"):
        string(name, "x").to_xml()


def test_null_properties_of_real_hosts_are_null() -> None:
    row = parse_instance_text(
        '<INSTANCE CLASSNAME="Msvm_Error"><PROPERTY NAME="A" TYPE="string" PROPAGATED="true"/>'
        '<PROPERTY NAME="B" TYPE="string"><VALUE/></PROPERTY>'
        '<PROPERTY.ARRAY NAME="C" TYPE="string"/>'
        '<PROPERTY.REFERENCE NAME="D"><VALUE.REFERENCE>x</VALUE.REFERENCE></PROPERTY.REFERENCE>'
        "</INSTANCE>"
    )

    assert row.text("A") is None
    assert row.text("B") == ""
    assert "C" not in row
    assert row.text("D") == "x"


@pytest.mark.parametrize(
    "bad",
    [
        "plain words",
        "<OTHER/>",
        "<INSTANCE/>",
        '<INSTANCE CLASSNAME="C"><PROPERTY NAME="A"><VALUE>1</VALUE><VALUE>2</VALUE></PROPERTY></INSTANCE>',
        '<!DOCTYPE x [<!ENTITY e "boom">]><INSTANCE CLASSNAME="C"/>',
    ],
)
def test_what_is_no_instance_is_refused(bad: str) -> None:
    with pytest.raises(ProtocolError):
        parse_instance_text(bad)
