"""Nothing but the declared errors may cross the boundary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from safepoint.drivers.wrap.intercept import Call
from safepoint.errors import DriverContractError, DriverError, RunError, UnsupportedError

__all__ = ["check_contract"]


def check_contract(call: Call, proceed: Callable[[], Any], /) -> Any:
    """Turn an undeclared exception into `DriverContractError`, naming driver and call.

    The original stays visible as the cause.
    """
    try:
        return proceed()
    except (DriverError, UnsupportedError, RunError):
        raise
    except Exception as error:
        kind = type(error).__name__
        msg = f"driver {call.driver!r} raised an undeclared {kind} in {call.method}: {error}"
        hint = "This is a defect of the plugin; please report it there with the log."
        raise DriverContractError(msg, hint=hint) from error
