"""Several VMs in order: each wave together, a wait, then the next; stop when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from safepoint.errors import ReplicaRefusedError, SafepointError
from safepoint.replicas.choosing import GroupMember
from safepoint.replicas.orders import DeedReport
from safepoint.replicas.refusals import DONE_BEFORE

__all__ = ["MemberReport", "run_waves", "waves"]

_AT_ONCE: Final = 4


@dataclass(frozen=True)
class MemberReport:
    """One VM of a group and what became of it."""

    member: GroupMember
    report: DeedReport | None = None
    error: SafepointError | None = None
    was_done: bool = False
    """It was so already when its turn came."""

    @property
    def outcome(self) -> str:
        """In a word: done, was so already, failed, not begun."""
        if self.report is not None:
            return "done"
        if self.was_done:
            return "was so already"
        return "failed" if self.error is not None else "not begun"


def waves(members: Sequence[GroupMember]) -> tuple[tuple[GroupMember, ...], ...]:
    """Return the members by their start order."""
    ordered = sorted(members, key=lambda one: one.start_order)
    return tuple(tuple(wave) for _, wave in groupby(ordered, key=lambda one: one.start_order))


def run_waves(
    members: Sequence[GroupMember],
    work: Callable[[GroupMember], DeedReport],
    sleep: Callable[[float], None],
) -> tuple[MemberReport, ...]:
    """Do the work wave by wave; after a wave with a failure nothing more is begun.

    Args:
        members: The VMs.
        work: Does one; called from several threads.
        sleep: Waits that many seconds between waves.
    """
    reports: list[MemberReport] = []
    has_failed = False
    everything = waves(members)
    for number, wave in enumerate(everything):
        if has_failed:
            reports += [MemberReport(member) for member in wave]
            continue
        done = list(_together(wave, work))
        reports += done
        has_failed = any(one.error is not None for one in done)
        wait = max(member.wait_seconds for member in wave)
        if wait and not has_failed and number + 1 < len(everything):
            sleep(wait)
    return tuple(reports)


def _together(
    wave: Sequence[GroupMember], work: Callable[[GroupMember], DeedReport]
) -> Iterator[MemberReport]:
    def one(member: GroupMember) -> MemberReport:
        try:
            return MemberReport(member, report=work(member))
        except ReplicaRefusedError as error:
            if error.refusal in DONE_BEFORE:
                return MemberReport(member, was_done=True)
            return MemberReport(member, error=error)
        except SafepointError as error:
            return MemberReport(member, error=error)

    if len(wave) == 1:
        yield one(wave[0])
        return
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        yield from pool.map(one, wave)
