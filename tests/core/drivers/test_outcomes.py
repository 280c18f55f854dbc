"""From the code in a polled operation to the error class that the core decides by."""

from __future__ import annotations

import inspect

import pytest

from safepoint import errors
from safepoint.drivers.outcomes import error_class, error_from_status
from safepoint.errors import DriverError, QuiesceError, VendorFaultError
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref

_KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DriverError)
]


@pytest.mark.parametrize("kind", _KINDS)
def test_every_driver_error_is_found_by_its_code(kind: type[DriverError]) -> None:
    assert error_class(kind.code) is kind


@pytest.mark.parametrize("code", ["", "no-such-code", "run-failed", "QUIESCE"])
def test_other_code_is_the_vendors_own_fault(code: str) -> None:
    assert error_class(code) is VendorFaultError


def test_error_carries_what_the_operation_said() -> None:
    status = OperationStatus(
        ref=Ref(kind="create", system="hx1", id="7"),
        state=OperationState.FAILED,
        code="quiesce",
        message="the guest does not answer",
        hint="Look into the guest.",
        native_code="32770",
        native_message="Das Gastsystem antwortet nicht",
    )

    error = error_from_status(status)

    assert isinstance(error, QuiesceError)
    assert error.to_dict() == {
        "code": "quiesce",
        "message": "the guest does not answer",
        "hint": "Look into the guest.",
        "exit_code": 8,
        "operation": "create",
        "system": "hx1",
        "native": {"code": "32770", "message": "Das Gastsystem antwortet nicht"},
    }


def test_failure_without_words_still_says_something() -> None:
    ref = Ref(kind="delete", system="hx1", id="7")

    assert error_from_status(OperationStatus(ref=ref, state=OperationState.FAILED)).message
