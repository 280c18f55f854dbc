"""What a job on the host says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow

__all__ = ["JobState", "JobStatus"]


class JobState(IntEnum):
    """JobState of CIM_ConcreteJob; 32768 is Microsoft's own."""

    UNKNOWN = 0
    NEW = 2
    STARTING = 3
    RUNNING = 4
    SUSPENDED = 5
    SHUTTING_DOWN = 6
    COMPLETED = 7
    TERMINATED = 8
    KILLED = 9
    EXCEPTION = 10
    SERVICE = 11
    COMPLETED_WITH_WARNINGS = 32768


_BY_NUMBER: Final = {state.value: state for state in JobState}
_GOOD: Final = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_WARNINGS})
_BAD: Final = frozenset({JobState.TERMINATED, JobState.KILLED, JobState.EXCEPTION})


@dataclass(frozen=True)
class JobStatus:
    """One look at a job."""

    ref: CimRef
    state: JobState
    """UNKNOWN for a number that is not in the table; see `native_state`."""
    native_state: int
    error_code: int
    percent: int
    job_type: int
    description: str
    """The host's words about a failure; possibly localised."""
    started_at: datetime | None
    is_cancellable: bool

    @property
    def is_over(self) -> bool:
        """True when nothing more will happen."""
        return self.state in _GOOD or self.state in _BAD

    @property
    def has_succeeded(self) -> bool:
        """True when it ended well: a good state and no error code."""
        return self.state in _GOOD and self.error_code == 0

    @property
    def has_warnings(self) -> bool:
        """True when it ended well and there is something to read in its errors."""
        return self.has_succeeded and self.state is JobState.COMPLETED_WITH_WARNINGS

    @classmethod
    def from_row(cls, ref: CimRef, row: CimRow) -> JobStatus:
        """Read the properties of any job class."""
        number = row.need_integer("JobState")
        words = row.text("ErrorDescription") or row.text("ErrorSummaryDescription") or ""
        return cls(
            ref=ref,
            state=_BY_NUMBER.get(number, JobState.UNKNOWN),
            native_state=number,
            error_code=row.integer("ErrorCode") or 0,
            percent=min(100, row.integer("PercentComplete") or 0),
            job_type=row.integer("JobType") or 0,
            description=words,
            started_at=row.moment("StartTime"),
            is_cancellable=bool(row.flag("Cancellable")),
        )
