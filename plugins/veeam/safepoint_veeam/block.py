"""What a job may say to Veeam alone: the block `vendor: veeam:`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from safepoint.models.estate import EstateModel, refuse
from safepoint.models.policies import Weekday

__all__ = ["GfsDays", "MonthName", "VeeamJobBlock", "WeekOfMonth"]

_Word = Annotated[str, StringConstraints(min_length=1)]
_Hours = Annotated[str, StringConstraints(pattern=r"^[a-z]+:[01]{24}$")]


class WeekOfMonth(StrEnum):
    """A week of the month."""

    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    FIFTH = "fifth"
    LAST = "last"


class MonthName(StrEnum):
    """A month."""

    JANUARY = "january"
    FEBRUARY = "february"
    MARCH = "march"
    APRIL = "april"
    MAY = "may"
    JUNE = "june"
    JULY = "july"
    AUGUST = "august"
    SEPTEMBER = "september"
    OCTOBER = "october"
    NOVEMBER = "november"
    DECEMBER = "december"


class GfsDays(EstateModel):
    """From which fulls the long-term points are taken."""

    weekly_on: Weekday = Weekday.MONDAY
    """The day from which a week's full is taken."""
    monthly_in: WeekOfMonth = WeekOfMonth.FIRST
    """The week from which a month's full is taken."""
    yearly_in: MonthName = MonthName.JANUARY
    """The month from which a year's full is taken."""


class VeeamJobBlock(EstateModel):
    """Settings of a job that no neutral field says."""

    name: _Word | None = None
    """The job's name in Veeam, when it is not the document's."""
    repository: _Word | None = None
    """The backup repository, by name; else the connection's."""
    enabled: bool = True
    """`false` disables the job in Veeam."""
    high_priority: bool = False
    """Whether the job gets resources before others."""
    guest_credential: _Word | None = None
    """User name of a credentials record in Veeam, for the guests."""
    synthetic_fulls: tuple[Weekday, ...] | None = None
    """Days on which a full is made from what is stored; Saturday when the policy keeps weekly,
    monthly or yearly points and no full is named. An empty list means none."""
    active_fulls: tuple[Weekday, ...] = ()
    """Days on which everything is read again."""
    retention_points: Annotated[int, Field(ge=1, le=999)] | None = None
    """Keep a number of points instead of days."""
    gfs: GfsDays = Field(default_factory=GfsDays)
    """From which fulls the weekly, monthly and yearly points of the policy are taken."""
    after_job: _Word | None = None
    """Start after this job has ended, in place of the policy's schedule."""
    continuous: bool = False
    """Run again and again without a pause, in place of the policy's schedule."""
    window: tuple[_Hours, ...] = ()
    """Hours in which runs of an interval may start, as `monday:` and 24 digits, 1 for allowed."""

    @model_validator(mode="after")
    def _check_one_trigger(self) -> Self:
        if self.continuous and self.after_job is not None:
            refuse("trigger", "give either continuous or afterJob, not both")
        return self
