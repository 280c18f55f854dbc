"""References and the path text that spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.errors import ProtocolError
from safepoint_native.cim.reference import CimRef

SASD = CimRef(
    "root/virtualization/v2",
    "Msvm_StorageAllocationSettingData",
    (("InstanceID", r"Microsoft:5F3A0B3E\83F8638B\0\0\D"),),
)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF))


def test_path_doubles_the_backslashes_of_key_values_only() -> None:
    assert SASD.path("HV01") == (
        r"\\HV01\root\virtualization\v2:Msvm_StorageAllocationSettingData."
        r'InstanceID="Microsoft:5F3A0B3E\\83F8638B\\0\\0\\D"'
    )


def test_path_is_read_back() -> None:
    assert CimRef.from_path(SASD.path("HV01")) == SASD


@given(PRINTABLE, PRINTABLE)
def test_any_key_value_survives_the_path_text(first: str, second: str) -> None:
    ref = CimRef("root/cimv2", "Some_Class", (("A", first), ("B", second)))

    assert CimRef.from_path(ref.path("h")) == ref


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="X"', 2),
        (r'\\HV01\root\v2:C.A="1" , B=2', 2),
        (r'\\HV01\root\v2:C.A="a\"b"', 1),
    ],
)
def test_spellings_of_hosts_are_understood(text: str, keys: int) -> None:
    assert len(CimRef.from_path(text).keys) == keys


@pytest.mark.parametrize(
    "text", ["", "C", "C.", 'C.A="unclosed', 'C.A="1"B="2"', "C=@", "no path at all", 'C.A=,B="2"']
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="not an object path"):
        CimRef.from_path(text)


def test_same_as_compares_as_servers_do() -> None:
    other = CimRef(
        "ROOT/Virtualization/V2",
        SASD.class_name.upper(),
        (("instanceid", SASD.keys[0][1].lower()),),
    )

    assert SASD.same_as(other)
    assert other != SASD


def test_key_is_found_without_case_and_missing_keys_are_an_error() -> None:
    assert SASD.key("INSTANCEID") == SASD.keys[0][1]
    with pytest.raises(ProtocolError, match="has no key Name"):
        SASD.key("Name")
