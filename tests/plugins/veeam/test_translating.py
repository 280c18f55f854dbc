"""What documents mean as Veeam objects: pure, total, honest; and back again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safepoint.drivers.base import DriverContext
from safepoint.models.attributes import Attributes
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity
from safepoint.models.plans import DescribeRequest, Desired, DesiredJob
from safepoint.models.policies import Policy
from safepoint.models.resources import Resource
from safepoint.models.workloads import PowerState, Workload, workload_ref
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings

CLUSTER = {"hypervisor": "hyperv", "nodes": [{"name": n, "address": n} for n in ("HV02", "hv01")]}


def cluster(name="clu1", **spec) -> Cluster:
    content = {"metadata": {"name": name}, "spec": CLUSTER | spec}
    return Cluster.model_validate(content, by_alias=True)


def policy(**spec) -> Policy:
    return Policy.model_validate({"metadata": {"name": "gold"}, "spec": spec}, by_alias=True)


def job(name="sql", vendor=None, **spec) -> ProtectionJob:
    given = {"connection": "vbr", "cluster": "clu1", "policy": "gold", "include": [{"all": True}]}
    given |= spec | ({"vendor": {"veeam": vendor}} if vendor else {})
    return ProtectionJob.model_validate({"metadata": {"name": name}, "spec": given}, by_alias=True)


def driver(**more) -> VeeamDriver:
    raw = {
        "url": "https://vbr.example:9419",
        "username": "u",
        "password": "p",
        "fabric": {"username": "CORP\\svc", "password": "f"},
        "clusterNames": {"clu1": "CLU1.corp.example"},
    }
    settings = VeeamSettings.model_validate(raw | more, by_alias=True)
    return VeeamDriver(settings, DriverContext("vbr", lambda: datetime.now(UTC), Path()))


def translated(one=None, how=None, *, clusters=(), names=("sql01", "web01"), **settings):
    workloads = tuple(
        Workload(
            ref=workload_ref("clu1", name),
            name=name,
            cluster="clu1",
            node="hv01",
            power=PowerState.RUNNING,
        )
        for name in names
    )
    wanted = DesiredJob(job=one or job(), policy=how or policy(), workloads=workloads)
    desired = Desired(
        connection="vbr", driver="veeam", clusters=clusters or (cluster(),), jobs=(wanted,)
    )
    return driver(**settings).translate(desired)


def content(*args, **kwargs) -> dict[str, Any]:
    found = [r for r in translated(*args, **kwargs).resources if r.kind == "job"]
    nested: dict[str, Any] = found[0].attributes.nested()
    return nested


def fields(translation, fidelity=None) -> dict[str, tuple[str, str]]:
    return {
        loss.field: (loss.fidelity.value, loss.vendor_value)
        for loss in translation.losses
        if fidelity in {None, loss.fidelity}
    }


# -- servers ----------------------------------------------------------------------------------


def test_a_cluster_of_its_own_is_registered_with_its_nodes_by_the_fabric_account():
    by_address = {r.address: r for r in translated().resources}
    found = by_address["cluster/clu1.corp.example"]
    assert found.attributes.nested() == {
        "name": "clu1.corp.example",
        "root": "clu1.corp.example",
        "type": "HvCluster",
        "nodes": ["hv01", "hv02"],
        "credential": "CORP\\svc",
    }
    assert found.depends_on == ("credential/CORP\\svc",)
    assert by_address["job/sql"].depends_on == ("cluster/clu1.corp.example",)
    assert by_address["credential/CORP\\svc"].write_only == ("password",)


def test_clusters_of_one_scvmm_share_one_registration():
    clusters = (cluster(scvmm="VMM01.corp.example"), cluster("clu2", scvmm="vmm01.corp.example"))
    wanted = [
        DesiredJob(job=job(name, cluster=name), policy=policy()) for name in ("clu1", "clu2")
    ]
    desired = Desired(connection="vbr", driver="veeam", clusters=clusters, jobs=tuple(wanted))
    resources = driver().translate(desired).resources
    assert [r.address for r in resources if r.kind == "scvmm"] == ["scvmm/vmm01.corp.example"]
    below = [r for r in resources if r.kind == "cluster"]
    assert {r.attributes["root"] for r in below} == {"vmm01.corp.example"}
    assert all(r.depends_on == ("scvmm/vmm01.corp.example",) for r in below)


def test_a_cluster_document_of_one_node_is_a_host_of_its_own():
    single = cluster("branch", nodes=[{"name": "hv09.corp.example", "address": "hv09"}])
    one = job(cluster="branch")
    resources = translated(one, clusters=(single,)).resources
    by_address = {r.address: r for r in resources}
    assert by_address["cluster/hv09.corp.example"].attributes["type"] == "HvServer"
    assert by_address["job/sql"].attributes["objects"] == ("host:hv09",)


def test_without_a_fabric_account_nothing_is_registered():
    kinds = {r.kind for r in translated(fabric=None).resources}
    assert kinds == {"job", "node", "repository"}
    assert "cluster" not in str([r.depends_on for r in translated(fabric=None).resources])


def test_an_account_without_password_is_only_looked_at():
    found = translated(fabric={"username": "CORP\\svc"}).resources
    account = next(r for r in found if r.kind == "credential")
    assert account.is_observe_only


# -- objects ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("include", "exclude", "objects", "excluded"),
    [
        ([{"all": True}], [], ["cluster:clu1.corp.example"], None),
        ([{"all": True}], [{"name": "tmp01"}], ["cluster:clu1.corp.example"], ["vm:tmp01"]),
        ([{"all": True}], [{"name": "tmp*"}], ["vm:sql01", "vm:web01"], None),
        ([{"node": "HV01"}], [], ["host:hv01"], None),
        ([{"name": "sql*"}], [], ["vm:sql01", "vm:web01"], None),
        ([{"name": "gone"}], [], ["vm:gone", "vm:sql01", "vm:web01"], None),
    ],
)
def test_containers_are_taken_when_they_mean_the_same(include, exclude, objects, excluded):
    found = content(job(include=include, exclude=exclude))
    assert (found["objects"], found.get("excluded")) == (objects, excluded)


def test_a_pattern_becomes_a_list_and_says_so():
    lost = fields(translated(job(include=[{"name": "sql*"}])), Fidelity.APPROXIMATED)
    assert lost["spec.include"] == ("approximated", "sql01, web01")
    exact = fields(translated(job(include=[{"name": "sql01"}]), names=("sql01",)))
    assert exact["spec.include"][0] == "exact"


def test_a_job_without_any_vm_is_refused_before_veeam_refuses_it():
    found = translated(job(include=[{"name": "sql*"}]), names=()).findings
    assert [one.code for one in found] == ["product-refuses"]


# -- policies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "terms"),
    [
        ({"daily": {"at": ["22:00"]}}, {"kind": "daily", "at": "22:00"}),
        (
            {"weekly": {"days": ["sunday", "friday"], "at": ["01:30"]}},
            {"kind": "daily", "at": "01:30", "days": ["friday", "sunday"]},
        ),
        (
            {"monthly": {"weekday": "last friday", "at": ["01:00"]}},
            {"kind": "monthly", "at": "01:00", "on": "last friday"},
        ),
        (
            {"monthly": {"day": 31, "at": ["01:00"]}},
            {"kind": "monthly", "at": "01:00", "on": "31"},
        ),
        ({"every": {"hours": 4}}, {"kind": "every", "minutes": 240}),
        ({"daily": {"at": ["00:00", "12:00"]}}, {"kind": "every", "minutes": 720}),
    ],
)
def test_schedules(schedule, terms):
    how = policy(schedule={"timezone": "Europe/Berlin"} | schedule)
    assert content(how=how, timezone="Europe/Berlin")["schedule"] == terms
    lost = fields(translated(how=how, timezone="Europe/Berlin"), Fidelity.APPROXIMATED)
    assert not [name for name in lost if "schedule" in name]


def test_what_a_schedule_loses_is_told_field_by_field():
    how = policy(
        schedule={
            "timezone": "Europe/Berlin",
            "daily": {"at": ["22:30", "06:15"]},
            "monthly": {"day": "last", "at": ["23:00"]},
        }
    )
    lost = fields(translated(how=how))
    assert lost["spec.schedule.timezone"] == ("approximated", "the backup server's own zone")
    assert lost["spec.schedule.daily.at"] == ("approximated", "06:15")
    assert lost["spec.schedule.monthly.at"][0] == "dropped"


def test_a_window_is_made_of_whole_hours():
    window = {"start": "20:30", "end": "05:15", "days": ["monday"]}
    how = policy(schedule={"timezone": "Etc/UTC", "every": {"hours": 1}, "window": window})
    found = content(how=how)["schedule"]["window"]
    assert found == ["monday:" + "0" * 20 + "1111", "tuesday:" + "111111" + "0" * 18]
    lost = fields(translated(how=how), Fidelity.APPROXIMATED)
    assert lost["spec.schedule.window.start"][1] == "20:00"
    assert lost["spec.schedule.window.end"][1] == "06:00"


def test_retention_is_days_and_long_term_flags():
    how = policy(retention={"keepFor": "36h", "keepAtLeast": 9, "weekly": {"keep": 4}})
    found = content(how=how)
    assert found["retention"] == {"type": "days", "count": 2}
    assert found["gfs"] == {"weekly": {"weeks": 4, "day": "monday"}}
    assert found["fulls"] == {"synthetic": ["saturday"]}
    lost = fields(translated(how=how))
    assert lost["spec.retention.keepFor"] == ("approximated", "2 days")
    assert lost["spec.retention.keepAtLeast"][0] == "dropped"
    assert lost["spec.retention.weekly.keep"] == ("approximated", "4 weeks")


@pytest.mark.parametrize("consistency", ["application", "filesystem", "crash"])
def test_consistency(consistency):
    found = content(how=policy(consistency=consistency, fallback="allow"))
    fallback = "fail" if consistency == "crash" else "allow"
    assert (found["consistency"], found["fallback"]) == (consistency, fallback)


# -- the vendor block -------------------------------------------------------------------------


def test_the_block_says_what_is_veeams_own():
    block = {
        "name": "Gold SQL (EU)",
        "repository": "Repo B",
        "enabled": False,
        "highPriority": True,
        "guestCredential": "CORP\\guest",
        "activeFulls": ["sunday"],
        "retentionPoints": 14,
        "afterJob": "other",
    }
    found = content(job(vendor=block), policy(retention={"keepFor": "14d"}))
    assert found["name"] == "Gold SQL (EU)"
    assert found["retention"] == {"type": "points", "count": 14}
    assert found["schedule"] == {"kind": "after", "job": "other"}
    assert found["fulls"] == {"active": ["sunday"]}
    assert (found["enabled"], found["high_priority"]) == (False, True)


def test_a_wrong_block_is_a_finding_and_no_exception():
    found = translated(job(vendor={"repositry": "x"}))
    assert [one.code for one in found.findings] == ["vendor-block-invalid"]
    assert "repositry" in found.findings[0].summary


# -- back to documents ------------------------------------------------------------------------


def described(attributes: dict[str, Any], address="job/sql"):
    resource = Resource(address=address, attributes=Attributes(attributes))
    request = DescribeRequest(
        connection="vbr", driver="veeam", resources=(resource,), clusters=(cluster(),)
    )
    return driver().describe(request)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("cluster", None, "several clusters"),
        ("cluster", "clu9.corp.example", "no Cluster document"),
        ("objects", ["tag:gold"], "not tag"),
        ("objects", ["host:hv01", "vm:a"], "either VMs or hosts"),
        ("fallback", "mixed", "different ways"),
        ("retention", {"type": "years", "count": 1}, "not known"),
        ("schedule", {"kind": "every"}, "interval"),
        ("retention", {"type": "days", "count": 5000}, "documents cannot say it"),
    ],
)
def test_what_no_document_can_say_is_left_out_with_the_reason(field, value, word):
    whole = content()
    found = described(whole | {field: value})
    assert found.documents == ()
    assert [word in loss.reason for loss in found.losses] == [True]


def test_a_job_with_a_name_no_document_may_have_keeps_it_in_its_block():
    whole = content() | {"name": "Gold SQL (EU)"}
    found = described(whole, address="job/Gold-SQL-EU")
    one = next(d for d in found.documents if d.kind == "ProtectionJob")
    assert one.name == "Gold-SQL-EU"
    assert one.spec.vendor["veeam"]["name"] == "Gold SQL (EU)"


def test_a_name_with_a_wildcard_is_that_name():
    whole = content(job(include=[{"name": "sql01"}]), names=("sql01",))
    found = described(whole | {"objects": ["vm:odd[1]*"]})
    one = next(d for d in found.documents if d.kind == "ProtectionJob")
    back = content(one, policy(), names=())
    assert back["objects"] == ["vm:odd[1]*"]
