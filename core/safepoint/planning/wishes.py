"""Rules over the documents themselves: jobs that select nothing, policies nobody can honour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from safepoint.estate import Estate, absent_names
from safepoint.models.diagnostics import Diagnostic
from safepoint.models.durations import format_duration
from safepoint.models.jobs import ProtectionJob
from safepoint.models.policies import Consistency, Fallback, Policy, Schedule
from safepoint.models.workloads import GuestState, PowerState, Workload
from safepoint.planning.desired import Selected, choosers
from safepoint.planning.findings import finding, first_few, so_many_vms
from safepoint.schedules import Adjustment, clock_changes, next_runs

__all__ = ["check_jobs", "check_policy"]

#: How far ahead clock changes are looked for: any two of a year.
_AHEAD: Final = timedelta(days=400)
#: Starts looked at to find the longest pause: more than a year of any rhythm that is this rare.
_STARTS: Final = 64


def check_jobs(
    estate: Estate, jobs: Iterable[ProtectionJob], selected: Selected
) -> Iterator[Diagnostic]:
    """Find jobs without VMs, names without VMs, VMs in several jobs, VMs that cannot quiesce.

    All jobs of the estate count when VMs in two jobs are looked for; the findings are about
    those of `jobs`.
    """
    chosen = tuple(jobs)
    for job in chosen:
        if not selected.is_listed(job.spec.cluster):
            continue
        yield from _check_selection(job, selected)
        yield from _check_guests(estate.policy(job.spec.policy), job, selected.by_job[job.name])
    yield from _check_doubles({job.name for job in chosen}, selected)


def check_policy(policy: Policy, now: datetime) -> Iterator[Diagnostic]:
    """Find contradictions in a policy, and times that a clock change skips or repeats."""
    schedule = policy.spec.schedule
    if schedule is None:
        return
    starts = [each.at for each in next_runs(schedule, now, count=_STARTS)]
    if not starts:
        text = f"policy {policy.name}: its schedule never starts anything"
        yield finding("schedule-never-starts", text, field="spec.schedule")
        return
    if policy.spec.rpo is not None:
        pauses = [after - before for before, after in pairwise(starts)]
        # A clock change lengthens one pause by an hour; nobody means that by an objective.
        longest = max(pauses, default=timedelta()) - timedelta(hours=1)
        if longest > policy.spec.rpo:
            shown = format_duration(max(pauses))
            text = f"policy {policy.name}: rpo {format_duration(policy.spec.rpo)} is shorter than "
            text += f"the longest pause of its schedule, {shown}"
            yield finding("policy-cannot-be-honoured", text, field="spec.rpo")
    yield from _check_clock_changes(policy.name, schedule, now)


def _check_clock_changes(name: str, schedule: Schedule, now: datetime) -> Iterator[Diagnostic]:
    zone = ZoneInfo(schedule.timezone)
    for change in clock_changes(zone, now, now + _AHEAD):
        around = next_runs(
            schedule, change.at - timedelta(hours=25), until=change.at + timedelta(hours=25)
        )
        for start in around:
            if start.adjustment is None or schedule.every is not None:
                continue
            is_skipped = start.adjustment is Adjustment.SKIPPED
            what = "does not exist" if is_skipped else "exists twice"
            clock = start.wanted[0]
            text = f"policy {name}: {clock:%H:%M} {what} in {schedule.timezone} on "
            text += f"{clock:%Y-%m-%d}; safepoint runs once, other products may not"
            yield finding("schedule-at-clock-change", text, field="spec.schedule")
            return


def _check_selection(job: ProtectionJob, selected: Selected) -> Iterator[Diagnostic]:
    everything = selected.by_cluster[job.spec.cluster]
    if not selected.by_job[job.name]:
        text = f"job {job.name} selects none of the {len(everything)} VMs of {job.spec.cluster}"
        yield finding("job-selects-no-vm", text, field="spec.include")
    for name in absent_names(job, selected.candidates[job.spec.cluster]):
        text = f"job {job.name} names VM {name}, which {job.spec.cluster} has not"
        yield finding("vm-absent", text, field="spec.include")


def _check_guests(
    policy: Policy, job: ProtectionJob, workloads: tuple[Workload, ...]
) -> Iterator[Diagnostic]:
    wanted = policy.spec.consistency
    if policy.spec.fallback is not Fallback.FAIL or wanted is Consistency.CRASH:
        return
    weak = sorted(w.name for w in workloads if _is_mute(w))
    if weak:
        text = f"job {job.name}: {len(weak)} of {len(workloads)} VMs cannot become "
        text += f"{wanted}-consistent, which policy {policy.name} demands: {first_few(weak)}"
        yield finding("vm-cannot-be-quiesced", text, field="spec.consistency")


def _is_mute(workload: Workload) -> bool:
    # Disks at rest are consistent; a Linux guest that answers reaches the best there is for it.
    return workload.power is PowerState.RUNNING and workload.guest is GuestState.ABSENT


def _check_doubles(names: set[str], selected: Selected) -> Iterator[Diagnostic]:
    together: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for workload, jobs in choosers(selected.by_job).values():
        if len(jobs) > 1 and names.intersection(jobs):
            together[tuple(jobs)].append(workload.name)
    for group, vms in together.items():
        text = f"{so_many_vms(len(vms))} in {len(group)} jobs ({', '.join(group)}): "
        text += first_few(sorted(vms))
        yield finding("vm-in-two-jobs", text, field="spec.include")
