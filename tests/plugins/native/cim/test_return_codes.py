"""Return values and Windows error numbers: all documented ones are mapped, by number only."""

from __future__ import annotations

import pytest

from safepoint.errors import (
    BusyError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    QuiesceError,
    SafepointError,
    StorageFullError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnsupportedError,
    VendorFaultError,
)
from safepoint_native.cim.hresults import HRESULT_RULES, hresults_in, rule_for_hresults
from safepoint_native.cim.return_codes import RETURN_RULES, return_code_error

EXPECTED = {
    **dict.fromkeys((1, 32770), UnsupportedError),
    **dict.fromkeys((2, 32768), VendorFaultError),
    **dict.fromkeys((3, 32772), ThrottledError),
    **dict.fromkeys((4, 6, 4098, 4100, 32773, 32776), InvalidRequestError),
    **dict.fromkeys((5, 4097, 32775, 32787), ConflictError),
    **dict.fromkeys((4099, 32774), BusyError),
    **dict.fromkeys((32777, 32778), TransientError),
    **dict.fromkeys((32779, 32789), NotFoundError),
    32769: PermissionDeniedError,
    32771: OutcomeUnknownError,
}
EXPECTED_HRESULTS = {
    **dict.fromkeys((0x80070002, 0x80070003), NotFoundError),
    **dict.fromkeys((0x80070005, 0x8007052F, 0x80070569), PermissionDeniedError),
    **dict.fromkeys((0x8007000E, 0x800705AA), TransientError),
    **dict.fromkeys((0x80070033, 0x80070035, 0x80070040, 0x80070043), UnreachableError),
    **dict.fromkeys((0x80070027, 0x80070070), StorageFullError),
    0x80070020: BusyError,
    0x80070050: ConflictError,
    0x80070299: VendorFaultError,
    **dict.fromkeys(
        (
            *(0x80042301, 0x8004230F, 0x80042336, 0x800423F0, 0x800423F1, 0x800423F2),
            *(0x800423F3, 0x800423F4, 0x800423FB),
        ),
        QuiesceError,
    ),
}


def test_no_documented_number_is_unmapped_and_none_is_invented() -> None:
    assert set(RETURN_RULES) == set(EXPECTED)
    assert set(HRESULT_RULES) == set(EXPECTED_HRESULTS)


@pytest.mark.parametrize(("value", "kind"), EXPECTED.items())
def test_each_return_value_becomes_its_class(value: int, kind: type[SafepointError]) -> None:
    error = return_code_error(value, operation="CreateSnapshot", node="hv01", changes=False)

    assert type(error) is kind
    assert "hv01: CreateSnapshot: " in error.message
    assert f"({value})" in error.message


def test_an_unknown_number_is_the_vendors_fault_and_after_a_change_unknown() -> None:
    assert type(return_code_error(99, operation="X", node="h", changes=False)) is VendorFaultError
    assert type(return_code_error(99, operation="X", node="h")) is OutcomeUnknownError


@pytest.mark.parametrize("value", [3, 32772])
def test_a_timeout_after_a_change_is_an_unknown_outcome(value: int) -> None:
    assert type(return_code_error(value, operation="X", node="h")) is OutcomeUnknownError


@pytest.mark.parametrize(("number", "kind"), EXPECTED_HRESULTS.items())
def test_each_windows_number_becomes_its_class(number: int, kind: type[SafepointError]) -> None:
    found = rule_for_hresults([number])

    assert found is not None
    assert found[0] == number
    assert found[1].error is kind


def test_numbers_are_cut_out_of_text_in_any_language() -> None:
    texts = [
        "'sql01' konnte keinen Prüfpunkt erstellen: Die Datei existiert. (0x80070050).",
        "チェックポイント (0X80070050) 0x800423f4",
        "0x123 is too short, 0x123456789 too long",
    ]

    assert hresults_in(texts) == (0x80070050, 0x800423F4)


def test_the_first_known_number_decides() -> None:
    found = rule_for_hresults([0x12345678, 0x80070070, 0x80070050])

    assert found is not None
    assert found[1].error is StorageFullError


def test_every_number_of_the_vss_family_means_the_guest() -> None:
    found = rule_for_hresults([0x8004231F])

    assert found is not None
    assert found[1].error is QuiesceError


def test_unknown_numbers_mean_nothing() -> None:
    assert rule_for_hresults([0x12345678]) is None
    assert rule_for_hresults([]) is None


def test_the_operation_says_more_exactly_what_a_number_means() -> None:
    create = rule_for_hresults([0x80070050], "CreateReplicationRelationship")
    take = rule_for_hresults([0x80070002], "ImportInitialReplica")
    assert create is not None
    assert take is not None
    assert "`initial.method: existing`" in create[1].hint
    assert "the folder that the export made" in take[1].hint
    assert rule_for_hresults([0x80070050], "CreateSnapshot") == rule_for_hresults([0x80070050])
