"""What documents mean to Commvault: content, times, retention, and every loss, without a server."""

from __future__ import annotations

import json

import pytest

from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity
from safepoint.models.plans import DescribeRequest, Desired, DesiredJob
from safepoint.models.policies import Policy, Retention, Schedule
from safepoint.models.resources import Resource
from safepoint.models.workloads import Disk, PowerState, Workload, workload_ref
from safepoint_commvault.managing import content, keeping, schedules
from safepoint_commvault.managing.describing import describe
from safepoint_commvault.managing.naming import Names
from safepoint_commvault.managing.translating import Translator
from safepoint_commvault.settings import CommvaultSettings

SHARE = "\\\\fs01\\vms"
SETTINGS = CommvaultSettings(
    server="https://commserve01.test",
    username="svc",
    password="x",
    hyperv_username="CORP\\svc",
    hyperv_password="y",
    storage_pool="Pool",
    timezone="Europe/Berlin",
)


def cluster(*nodes: str) -> Cluster:
    listed = [{"name": n, "address": n} for n in nodes or ("hv01", "hv02")]
    spec = {"hypervisor": "hosts", "nodes": listed, "shares": [{"path": SHARE}]}
    return Cluster.model_validate({"metadata": {"name": "clu1"}, "spec": spec})


def vm(name: str, node: str = "hv01", share: str = SHARE) -> Workload:
    return Workload(
        ref=workload_ref("clu1", name),
        name=name,
        cluster="clu1",
        node=node,
        power=PowerState.RUNNING,
        disks=(Disk(name="d0", path=f"{share}\\{name}\\{name}.vhdx"),),
    )


def job(include, exclude=(), name="sql", **vendor) -> ProtectionJob:
    spec = {
        "connection": "cv",
        "cluster": "clu1",
        "policy": "gold",
        "include": include,
        "exclude": list(exclude),
        "vendor": {"commvault": vendor} if vendor else {},
    }
    return ProtectionJob.model_validate({"metadata": {"name": name}, "spec": spec})


def policy(**spec) -> Policy:
    return Policy.model_validate({"metadata": {"name": "gold"}, "spec": spec})


def translated(one: ProtectionJob, rules: Policy, *vms: Workload, settings=SETTINGS, nodes=()):
    desired = Desired(
        connection="cv",
        driver="commvault",
        clusters=(cluster(*nodes),),
        jobs=(DesiredJob(job=one, policy=rules, workloads=vms),),
    )
    return Translator(Names("cv", settings)).translate(desired)


def by_address(translation) -> dict[str, Resource]:
    return {one.address: one for one in translation.resources}


def loss(translation, field):
    (found,) = [one for one in translation.losses if one.field == field]
    return found


ALL = [{"all": True}]


def test_the_whole_chain_in_the_order_of_needs():
    found = by_address(translated(job(ALL), policy()))
    assert set(found) == {
        "vsa/clu1",
        "credential/safepoint-cv",
        "hypervisor/clu1",
        "plan/gold",
        "job/sql",
    }
    assert found["job/sql"].depends_on == ("hypervisor/clu1", "plan/gold")
    assert found["hypervisor/clu1"].depends_on == ("vsa/clu1", "credential/safepoint-cv")


def test_a_new_node_differs_in_two_places():
    two = by_address(translated(job(ALL), policy()))
    three = by_address(translated(job(ALL), policy(), nodes=("hv01", "hv02", "hv03")))
    assert three["vsa/clu1"].attributes.keys() - two["vsa/clu1"].attributes.keys() == {"node.hv03"}
    assert three["hypervisor/clu1"].attributes["access_nodes"] == ("hv01", "hv02", "hv03")
    assert three["hypervisor/clu1"].attributes["coordinator"] == "hv01"


@pytest.mark.parametrize(
    ("selectors", "rules"),
    [
        (ALL, [{"name": "*"}]),
        ([{"name": "sql*"}], [{"name": "sql*"}]),
        ([{"node": "hv02"}], [{"node": "hv02"}]),
        ([{"node": "hv*"}], [{"node": "hv01"}, {"node": "hv02"}]),
        ([{"share": SHARE}], [{"share": SHARE}]),
        ([{"share": "\\\\*\\v*"}], [{"share": SHARE}]),
        ([{"name": "a*", "node": "hv01"}], [{"name": "a*", "node": "hv01"}]),
        ([{"name": "a[12]"}], [{"name": "a1"}]),
        ([{"share": f"{SHARE}\\a1"}], [{"name": "a1"}]),
    ],
)
def test_selectors_become_rules_and_come_back(selectors, rules):
    found = content.translated(job(selectors), cluster(), (vm("a1"), vm("b1", "hv02")))
    assert found.include == rules
    assert content.from_wire(content.to_wire(rules)) == rules
    back = content.selectors(rules)
    assert content.translated(job(back), cluster(), ()).include == rules


def test_an_exclusion_that_no_rule_says_names_what_remains():
    """Otherwise VMs that were to be left out would be backed up."""
    found = content.translated(job(ALL, [{"name": "tmp[0-9]"}]), cluster(), (vm("a1"), vm("b1")))
    assert (found.include, found.exclude) == ([{"name": "a1"}, {"name": "b1"}], [])
    assert "remain" in found.exclude_notes[0]


@pytest.mark.parametrize(
    "rule",
    [
        {"type": 28, "value": "1", "displayName": "on"},
        {"type": 10, "displayName": "x", "equalsOrNotEquals": False},
        {"allOrAnyChildren": False, "children": [{"type": 10, "displayName": s} for s in "ab"]},
        {"children": [{"type": 10, "displayName": s} for s in "ab"]},
    ],
)
def test_rules_that_no_selector_says_are_kept_as_they_are_and_never_described(rule):
    (found,) = content.from_wire({"children": rule})
    assert json.loads(found["native"]) == rule
    assert content.to_wire([found]) == {"children": [rule]}
    with pytest.raises(ValueError, match="own"):
        content.selectors([found])


WINDOW = {"start": "20:00", "end": "06:00", "days": ["sunday", "friday"]}


@pytest.mark.parametrize(
    "rules",
    [
        {"every": {"minutes": 15}},
        {"every": {"hours": 24}},
        {"daily": {"at": ["06:15", "22:30"]}},
        {"weekly": {"days": ["monday", "sunday"], "at": ["02:30"]}},
        {"monthly": {"day": 31, "at": ["23:00"]}},
        {"monthly": {"day": "last", "at": ["23:00"]}},
        {"monthly": {"weekday": "last friday", "at": ["01:00", "03:00"]}},
        {"daily": {"at": ["12:00"]}, "window": {"start": "08:00", "end": "00:00"}},
        {"daily": {"at": ["22:00"]}, "window": WINDOW},
    ],
)
def test_times_go_to_the_wire_and_back(rules):
    schedule = Schedule.model_validate({"timezone": "Europe/Berlin", **rules})
    rows = schedules.rows_of(schedule)
    windows = schedules.windows_of(schedule.window)
    sent = [{**schedules.to_wire(row), "scheduleId": 7} for row in rows]
    assert schedules.normal(map(schedules.from_wire, sent)) == rows
    assert schedules.windows_from_wire(map(schedules.window_to_wire, windows)) == windows
    back = schedules.policy_schedule(rows, windows, "Europe/Berlin")
    assert schedules.rows_of(Schedule.model_validate(back)) == rows
    assert schedules.windows_of(Schedule.model_validate(back).window) == windows


def test_the_products_own_schedules_are_none_of_ours():
    own = {"backupType": "SYNTHETICFULL", "schedulePattern": {"scheduleFrequencyType": "DAILY"}}
    assert schedules.from_wire(own) is None
    assert schedules.from_wire({**own, "backupType": "FULL", "forDatabasesOnly": True}) is None


@pytest.mark.parametrize(
    "rows",
    [
        [{"kind": "automatic", "at": "00:00"}],
        [{"kind": "daily", "at": "10:00", "every": 2}],
        [{"kind": "daily", "at": "10:00", "backup": "full"}],
        [{"kind": "minutes", "every": 30, "at": "01:00"}],
        [{"kind": "monthly", "day": 1, "at": "1:00"}, {"kind": "monthly", "day": 2, "at": "1:00"}],
        [{"kind": "monthly", "week": "first", "weekday": "weekday", "at": "1:00"}],
    ],
)
def test_times_that_no_document_says_are_told(rows):
    with pytest.raises(ValueError, match="schedule"):
        schedules.policy_schedule(rows, [], "Etc/UTC")


@pytest.mark.parametrize(
    "retention",
    [
        None,
        {"keepFor": "14d"},
        {"keepFor": "36h"},
        {"keepAtLeast": 7},
        {"yearly": {"keep": 2}},
        {"keepFor": "30d", "weekly": {"keep": 4}, "monthly": {"keep": 12}, "yearly": {"keep": 7}},
        {"keepFor": "20000d", "yearly": {"keep": 100}},
    ],
)
def test_retention_goes_to_the_wire_and_back(retention):
    neutral = Retention.model_validate(retention) if retention else None
    kept = keeping.normal(neutral)
    assert keeping.from_wire(keeping.to_wire(kept)) == kept
    back = keeping.policy_retention(kept)
    assert keeping.normal(Retention.model_validate(back) if back else None) == kept


def test_a_rule_of_days_between_two_periods_is_not_a_difference():
    """Otherwise a plan made by hand could never be imported."""
    rule = {"type": "WEEKLY_FULLS", "retentionPeriodDays": 60}
    copy = {
        "retentionPeriodDays": 14,
        "useExtendedRetentionRules": True,
        "extendedRetentionRules": {"firstExtendedRetentionRule": rule},
    }
    assert keeping.from_wire(copy) == {"days": 14, "weekly": 9}


def test_a_retention_of_the_products_own_is_told():
    with pytest.raises(ValueError, match="HOURLY_FULLS"):
        keeping.policy_retention({"days": 14, "HOURLY_FULLS": 3})


def test_losses_say_what_happens_instead():
    rules = policy(
        consistency="filesystem",
        rpo="26h",
        schedule={"timezone": "Etc/UTC", "every": {"minutes": 50}},
        retention={"keepFor": "14d", "keepAtLeast": 3},
    )
    found = translated(job(ALL), rules)
    assert loss(found, "spec.consistency").vendor_value == "application"
    assert loss(found, "spec.schedule.timezone").vendor_value == "Europe/Berlin"
    assert loss(found, "spec.schedule.every.minutes").fidelity is Fidelity.APPROXIMATED
    for field in ("spec.rpo", "spec.fallback", "spec.verify", "spec.retention.keepAtLeast"):
        assert loss(found, field).fidelity is Fidelity.DROPPED


def test_a_plan_that_is_named_decides_and_is_only_looked_at():
    rules = policy(schedule={"timezone": "Etc/UTC", "daily": {"at": ["22:00"]}})
    found = translated(job(ALL, plan="Server Plan"), rules)
    plan = by_address(found)["plan/Server-Plan"]
    assert plan.is_observe_only
    assert by_address(found)["job/sql"].attributes["plan"] == "Server Plan"
    assert loss(found, "spec.schedule.daily.at").fidelity is Fidelity.DROPPED


@pytest.mark.parametrize("missing", ["storage_pool", "hyperv_username"])
def test_a_setting_that_is_needed_and_missing_is_an_error_of_the_plan(missing):
    settings = SETTINGS.model_copy(update={missing: ""})
    findings = translated(job(ALL), policy(), settings=settings).findings
    assert [one.code for one in findings] == ["product-refuses"]
    assert translated(job(ALL, plan="x"), policy()).findings == ()


def test_two_jobs_that_want_one_name_are_an_error():
    web = job(ALL).model_dump(mode="json", by_alias=True)
    web["metadata"]["name"] = "web"
    web["spec"]["vendor"] = {"commvault": {"name": "SQL"}}
    desired = Desired(
        connection="cv",
        driver="commvault",
        clusters=(cluster(),),
        jobs=tuple(
            DesiredJob(job=one, policy=policy())
            for one in (job(ALL), ProtectionJob.model_validate(web))
        ),
    )
    findings = Translator(Names("cv", SETTINGS)).translate(desired).findings
    assert [one.code for one in findings] == ["product-refuses"]


def observed(**fields) -> Resource:
    base = {
        "name": "SQL Servers",
        "hypervisor": "clu1",
        "plan": "Server Plan",
        "include": [{"name": "sql*"}],
        "quiesce": True,
        "change_tracking": True,
        "enabled": True,
    }
    return Resource(address="job/SQL-Servers", attributes={**base, **fields})


def test_names_with_blanks_are_described_through_the_vendor_block():
    plan = Resource(address="plan/Server-Plan", attributes={"name": "Server Plan"})
    request = DescribeRequest(
        connection="cv", driver="commvault", resources=(plan, observed()), clusters=(cluster(),)
    )
    found = describe(Names("cv", SETTINGS), request)
    (one,) = [d for d in found.documents if d.kind == "ProtectionJob"]
    block = {"name": "SQL Servers", "plan": "Server Plan"}
    assert (one.name, one.spec.vendor["commvault"]) == ("SQL-Servers", block)
    assert [each.document for each in found.losses] == ["plan/Server-Plan"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"enabled": False}, "enabled"),
        ({"plan": None}, "plan"),
        ({"hypervisor": "elsewhere"}, "hypervisor"),
        ({"include": []}, "content"),
        ({"include": [{"native": "{}"}]}, "content"),
    ],
)
def test_what_no_document_can_stand_for_is_told(fields, field):
    plan = Resource(address="plan/Server-Plan", attributes={"name": "Server Plan"})
    resources = (plan, observed(**fields))
    request = DescribeRequest(
        connection="cv", driver="commvault", resources=resources, clusters=(cluster(),)
    )
    found = describe(Names("cv", SETTINGS), request)
    assert not [d for d in found.documents if d.kind == "ProtectionJob"]
    assert field in {one.field for one in found.losses}


@pytest.mark.parametrize(
    "change",
    [
        {"server": "http://cs"},
        {"server": "https://user:pw@cs"},
        {"hyperv_password": ""},
        {"install_username": "x"},
        {"timezone": "Mars/Olympus"},
    ],
)
def test_settings_that_cannot_be_are_refused(change):
    given = {
        "server": "https://cs",
        "username": "u",
        "password": "p",
        "hyperv_username": "h",
        "hyperv_password": "q",
    }
    CommvaultSettings.model_validate(given)
    with pytest.raises(ValueError, match="validation error") as caught:
        CommvaultSettings.model_validate({**given, **change})
    assert "pw" not in str(caught.value)
