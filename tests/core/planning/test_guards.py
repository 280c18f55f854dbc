"""Findings about jobs, policies and what could not be looked at, each by its stable id."""

from __future__ import annotations

import pytest

from safepoint.drivers import Ability, Support, SupportLevel
from safepoint.models.diagnostics import Severity
from safepoint.models.plans import PlanScope
from safepoint.models.workloads import GuestState
from safepoint.planning.findings import CATALOGUE
from safepoint_lab.reference import ReferenceDriver

ALL = PlanScope()


def found(bench, scope: PlanScope = ALL) -> dict[str, str]:
    """Return the summaries of a plan's findings by id."""
    return {one.code: one.summary for one in bench().plan(scope).findings}


def test_an_estate_without_fault_has_no_finding(bench) -> None:
    assert found(bench) == {}


def test_a_job_that_selects_no_vm_stops_the_plan_until_accepted(bench) -> None:
    bench.edit("include: [{name: 'web*'}]", "include: [{name: 'wbe*'}]")
    plan = bench().plan(ALL)

    assert [one.code for one in plan.blockers] == ["job-selects-no-vm"]
    assert plan.blockers[0].summary == "job web selects none of the 3 VMs of ref1"
    accepted = bench().plan(PlanScope(accept=("job-selects-no-vm",)))
    assert accepted.blockers == ()
    assert [one.severity for one in accepted.findings] == [Severity.WARNING]


def test_a_name_that_no_vm_has_is_told(bench) -> None:
    bench.edit("include: [{name: 'web*'}]", "include: [{name: 'web*'}, {name: web02}]")

    assert found(bench) == {"vm-absent": "job web names VM web02, which ref1 has not"}


def test_a_vm_in_two_jobs_is_told_once_with_both(bench) -> None:
    bench.edit("include: [{name: 'web*'}]", "include: [{name: '*01'}]")

    assert found(bench) == {"vm-in-two-jobs": "1 VM is in 2 jobs (sql, web): sql01"}


@pytest.mark.parametrize(("rpo", "is_kept"), [("12h", True), ("11h", True), ("10h", False)])
def test_an_objective_shorter_than_the_pause_cannot_be_honoured(
    bench, rpo: str, is_kept: bool
) -> None:
    """Runs are at 10 and 22 o'clock; a clock change may lengthen a pause by an hour."""
    bench.edit("rpo: 26h", f"rpo: {rpo}")

    assert ("policy-cannot-be-honoured" in found(bench)) is not is_kept


@pytest.mark.parametrize(
    ("zone", "at", "what"),
    [
        ("Europe/Berlin", "02:30", "02:30 does not exist in Europe/Berlin on 2026-03-29"),
        ("Australia/Lord_Howe", "01:45", "01:45 exists twice in Australia/Lord_Howe"),
        ("Europe/Berlin", "03:30", None),
        ("Etc/UTC", "02:30", None),
    ],
)
def test_a_time_that_a_clock_change_skips_or_repeats_is_told(
    bench, zone: str, at: str, what: str | None
) -> None:
    bench.edit(
        "timezone: Etc/UTC, daily: {at: ['22:00', '10:00']}",
        f"timezone: {zone}, daily: {{at: ['{at}', '22:00']}}",
    )
    summary = found(bench).get("schedule-at-clock-change")

    assert (summary is None) is (what is None)
    assert what is None or what in (summary or "")


def test_a_window_without_a_time_in_it_never_starts(bench) -> None:
    bench.edit(
        "daily: {at: ['22:00', '10:00']}",
        "daily: {at: ['22:00']}, window: {start: '03:00', end: '04:00'}",
    )

    assert "schedule-never-starts" in {one.code for one in bench().plan(ALL).blockers}


def test_a_guest_that_cannot_do_what_the_policy_demands_is_told(bench) -> None:
    machine = next(one for one in bench.world.machines.values() if one.name == "sql01")
    machine.guest = GuestState.ABSENT

    assert "sql01" in found(bench)["vm-cannot-be-quiesced"]
    bench.edit("  rpo: 26h", "  fallback: allow\n  rpo: 26h")
    assert found(bench) == {}


def test_vms_that_cannot_be_listed_stop_the_plan(bench) -> None:
    bench.world.faults.break_listing("workloads", after=1, times=9)
    plan = bench().plan(ALL)

    assert [one.code for one in plan.blockers] == ["workloads-unreadable"]
    assert "in the middle of the answer" in plan.blockers[0].summary


def test_a_connection_that_is_not_managed_is_left_out_with_the_reason(bench, monkeypatch) -> None:
    real = ReferenceDriver.support
    no = Support(level=SupportLevel.NOT_AVAILABLE, reason="the licence has no web service")
    monkeypatch.setattr(
        ReferenceDriver, "support", lambda self: {**real(self), Ability.MANAGE: no}
    )
    plan = bench().plan(ALL)

    assert plan.changes == ()
    (told,) = plan.findings
    assert (told.code, told.severity) == ("not-managed", Severity.WARNING)
    assert told.summary == (
        "acme is not managed: the licence has no web service; nothing is made there for job/sql, job/web"
    )


def test_every_finding_says_what_it_means_and_what_to_do() -> None:
    for kind in CATALOGUE.values():
        assert not kind.title.endswith("."), kind.code
        assert kind.meaning.endswith("."), kind.code
        assert kind.advice.endswith("."), kind.code
