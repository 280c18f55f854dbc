"""How Veeam Backup & Replication ages restore points (version 13, retention in days).

Facts, from the user guide unless marked:

- N days keep the points of N + 1 days: the day on which the rule is applied does not count. Days
  without a run count. A point belongs to the day on which its run started.
- At least 3 points stay, whatever their age.
- With periodic fulls (forward incremental) a chain goes as a whole, when its last point is out of
  date, and never the chain that is being written.
- Without them (forever forward incremental) each run merges the oldest point away. A full with a
  long-term flag cannot be merged into, so then nothing goes at all.
- A full with a long-term flag is left out of the count and stays until the flag is taken off.
- Chains that are out of date also go by the nightly background retention, without a run.

Ours: a run takes no time here; merging happens in runs only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final

from typing_extensions import override

from safepoint.models.policies import Retention
from safepoint.retention import Day, Held, Point, RetentionArithmetic, Timeline, Why, whole_days
from safepoint_veeam.gfs import Flag, Flags, FlagSettings, expiry

__all__ = ["MINIMUM_POINTS", "VeeamRetention", "VeeamRetentionSettings", "settings_for"]

#: What always stays; only a key in the server's configuration changes it.
MINIMUM_POINTS: Final = 3
#: What a new job starts with.
DEFAULT_DAYS: Final = 7

_WHY: Final = {Flag.WEEKLY: Why.WEEKLY, Flag.MONTHLY: Why.MONTHLY, Flag.YEARLY: Why.YEARLY}


@dataclass(frozen=True, slots=True)
class VeeamRetentionSettings:
    """What a job is given."""

    days: int
    flags: FlagSettings


def settings_for(retention: Retention) -> tuple[VeeamRetentionSettings, tuple[str, ...]]:
    """Translate the intents; return the settings and what could not be carried exactly."""
    losses: list[str] = []
    days = _days(retention, losses)
    if retention.keep_for is not None and (retention.keep_at_least or 0) > MINIMUM_POINTS:
        losses.append(
            f"keepAtLeast {retention.keep_at_least}: dropped, the minimum is always "
            f"{MINIMUM_POINTS} points"
        )
    slots = (
        (Flag.WEEKLY, retention.weekly),
        (Flag.MONTHLY, retention.monthly),
        (Flag.YEARLY, retention.yearly),
    )
    keep = {flag: slot.keep for flag, slot in slots if slot is not None}
    losses += [
        f"{flag} {count}: a full is kept for {count} {flag.removesuffix('ly')}s, "
        "not a number of points"
        for flag, count in keep.items()
    ]
    return VeeamRetentionSettings(days, FlagSettings(keep)), tuple(losses)


def _days(retention: Retention, losses: list[str]) -> int:
    if retention.keep_for is not None:
        days = whole_days(retention.keep_for)
        losses.append(f"keepFor: {days} days keep the points of {days + 1} days")
        return days
    if retention.keep_at_least is not None:
        days = retention.keep_at_least
        losses.append(f"keepAtLeast {days}: new jobs cannot count points, {days} days instead")
        return days
    losses.append(f"no keepFor: the default of {DEFAULT_DAYS} days applies")
    return DEFAULT_DAYS


class VeeamRetention(RetentionArithmetic):
    """The arithmetic of a backup job that keeps points for a number of days."""

    name = "veeam"
    title = "Veeam Backup & Replication 13, days"
    evidence = "user guide 13 (short-term, long-term and background retention); not tried live"

    @override
    def losses(self, retention: Retention) -> tuple[str, ...]:
        """Return what of a retention a job cannot carry exactly."""
        return settings_for(retention)[1]

    @override
    def held(self, retention: Retention, timeline: Timeline) -> Iterator[tuple[Held, ...]]:
        """Return for each day what exists at its end, and why."""
        settings, _ = settings_for(retention)
        job = _Job(settings, merges=timeline.full_on is None)
        for day in timeline.days:
            yield job.day(day)


@dataclass(slots=True)
class _File:
    """A backup file: one point, with its flags and the day on which each is taken off."""

    point: Point
    chain: int
    flags: dict[Flag, date] = field(default_factory=dict)


class _Job:
    def __init__(self, settings: VeeamRetentionSettings, *, merges: bool) -> None:
        self._settings = settings
        self._merges = merges
        self._flags = Flags(settings.flags)
        self._files: list[_File] = []
        self._chain = 0

    def day(self, day: Day) -> tuple[Held, ...]:
        """Let a day pass: its runs, then retention. Return what is left."""
        for point in day.made:
            self._run(point)
        for file in self._files:
            file.flags = {flag: end for flag, end in file.flags.items() if end > day.date}
        self._delete_chains(day)
        if self._merges and day.made:
            self._merge(day)
        return tuple(self._judged(day))

    def _run(self, point: Point) -> None:
        self._chain += point.is_full
        keep = self._settings.flags.keep
        got = self._flags.run_ended(point.date, is_full=point.is_full)
        flags = {flag: expiry(flag, point.date, keep[flag]) for flag in got}
        self._files.append(_File(point, self._chain, flags))

    def _is_old(self, day: Day, file: _File) -> bool:
        return day.age_of(file.point) > self._settings.days

    def _delete_chains(self, day: Day) -> None:
        """Delete chains whose last point is out of date, but the one being written."""
        count = sum(1 for file in self._files if not file.flags)
        left: list[_File] = []
        for chain, group in groupby(self._files, key=attrgetter("chain")):
            files = list(group)
            flagged = [file for file in files if file.flags]
            remain = count - len(files) + len(flagged)
            is_out = chain != self._chain and self._is_old(day, files[-1])
            if is_out and remain >= MINIMUM_POINTS:
                count = remain
                files = flagged
            left += files
        self._files = left

    def _merge(self, day: Day) -> None:
        """Merge the oldest points away, if the full may be touched."""
        while (
            len(self._files) > MINIMUM_POINTS
            and not self._files[0].flags
            and self._is_old(day, self._files[0])
        ):
            del self._files[0]

    def _judged(self, day: Day) -> Iterator[Held]:
        newest = {id(file) for file in [f for f in self._files if not f.flags][-MINIMUM_POINTS:]}
        young = {file.chain for file in self._files if not self._is_old(day, file)}
        for file in self._files:
            why = [_WHY[flag] for flag in file.flags]
            if not self._is_old(day, file):
                why.insert(0, Why.AGE)
            elif not why:
                why.append(Why.COUNT if id(file) in newest else self._tie(file, young))
            yield Held(file.point, tuple(why))

    def _tie(self, file: _File, young: set[int]) -> Why:
        """Return what keeps a file that is out of date and not among the newest."""
        is_mergeable = self._merges and not self._files[0].flags
        if file.chain in young and not is_mergeable:
            return Why.CHAIN
        return Why.PENDING if file.chain == self._chain else Why.COUNT
