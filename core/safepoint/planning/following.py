"""Looking at a change that takes longer than a request, until it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safepoint.drivers import CanFollowChanges, CanManage
from safepoint.errors import (
    DriverContractError,
    DriverError,
    OutcomeUnknownError,
    TransientError,
)
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref

__all__ = ["LONGEST_CHANGE_SECONDS", "follow_change"]

#: A change that takes longer is left to the next apply, which looks for its effect first.
LONGEST_CHANGE_SECONDS: Final = 4 * 3600.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_TOLD_PERCENT: Final = 10


def follow_change(
    driver: CanManage,
    change: Ref,
    *,
    address: str,
    sleep: Callable[[float], None],
    remark: Callable[[str], None],
) -> OperationStatus:
    """Look at a change until it has ended, with growing pauses; return the last look.

    A product that cannot be reached for a while is asked again until the time is up.

    Raises:
        OutcomeUnknownError: it has not ended after `LONGEST_CHANGE_SECONDS`, or nobody may look
            any more.
        DriverContractError: the driver began something that it cannot follow.
    """
    if not isinstance(driver, CanFollowChanges):
        msg = f"a driver that cannot follow changes began a long one: {change}"
        raise DriverContractError(msg, hint="This is a defect of the plugin.")
    waited, pause, told = 0.0, _FIRST_PAUSE_SECONDS, 0
    while waited < LONGEST_CHANGE_SECONDS:
        try:
            status = driver.change_status(change)
        except TransientError as error:
            remark(f"{address}: cannot look at the moment: {error.message}")
        except DriverError as error:
            msg = f"{address}: begun, and it cannot be followed: {error.message}"
            raise OutcomeUnknownError(msg, hint=error.hint, system=change.system) from error
        else:
            if status.state is not OperationState.RUNNING:
                return status
            if status.percent >= told + _TOLD_PERCENT:
                told = status.percent
                remark(f"{address}: {told} %")
        sleep(pause)
        waited += pause
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    msg = f"{address}: not ended after {LONGEST_CHANGE_SECONDS / 3600:g} h"
    hint = "Look into the product; the next apply looks for the effect first."
    raise OutcomeUnknownError(msg, hint=hint, operation="apply", system=change.system)
