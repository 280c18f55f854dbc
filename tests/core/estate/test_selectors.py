"""Which VMs a job means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from safepoint.estate import Candidates, Selection, absent_names, select
from safepoint.models.estate import Metadata
from safepoint.models.jobs import ProtectionJob, ProtectionJobSpec, Selector


@dataclass
class Disk:
    path: str


@dataclass
class Vm:
    name: str
    node: str = "hv01"
    disks: list[Disk] = field(default_factory=list)


def vm(name: str = "web01", node: str = "hv01", *paths: str) -> Vm:
    return Vm(name, node, [Disk(path) for path in paths])


def job(include: Any, exclude: Any = ()) -> ProtectionJob:
    spec = ProtectionJobSpec(
        connection="c",
        cluster="c",
        policy="p",
        include=tuple(Selector(**keys) for keys in include),
        exclude=tuple(Selector(**keys) for keys in exclude),
    )
    return ProtectionJob(metadata=Metadata(name="j"), spec=spec)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("web01", "web01", True),
        ("WEB01", "web01", True),
        ("web01", "web011", False),
        ("web*", "Web-Server", True),
        ("web?", "web1", True),
        ("web?", "web12", False),
        ("web[12]", "web2", True),
        ("web[!12]", "web2", False),
        ("*", "anything at all", True),
        ("[[]old] x", "[old] x", True),
        ("STRASSE", "straße", True),
        ("a.b", "axb", False),
        ("web*", "line\nweb", False),
        ("*", "two\nlines", True),
    ],
)
def test_names(pattern: str, name: str, matches: bool) -> None:
    assert select(vm(name), job([{"name": pattern}])) is matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        (r"\\fs01\vmstore1", r"\\fs01\vmstore1\web\disk0.vhdx", True),
        (r"\\FS01\VMSTORE1", r"\\fs01\vmstore1\web\disk0.vhdx", True),
        (r"\\fs01\vmstore", r"\\fs01\vmstore1\web\disk0.vhdx", False),
        (r"\\fs01\vmstore*", r"\\fs01\vmstore1\web\disk0.vhdx", True),
        (r"\\*\vmstore1", r"\\fs02\vmstore1\web\disk0.vhdx", True),
        (r"\\fs01\*\web", r"\\fs01\vmstore1\web\disk0.vhdx", True),
        (r"\\fs01\*\web", r"\\fs01\a\b\web\disk0.vhdx", False),
        (r"\\fs01\vmstore1\web", r"\\fs01\vmstore1\webshop\disk0.vhdx", False),
        (r"\\fs01\vmstore1", r"C:\VMs\disk0.vhdx", False),
        ("//fs01/vmstore1/", r"\\fs01\vmstore1\web\disk0.vhdx", True),
    ],
)
def test_shares_cover_what_lies_below_them(pattern: str, path: Any, matches: bool) -> None:
    assert select(vm("web", "hv01", path), job([{"share": pattern}])) is matches


def test_one_disk_on_the_share_is_enough() -> None:
    two = vm("web", "hv01", r"\\fs01\a\x.vhdx", r"\\fs01\b\y.vhdx")

    assert select(two, job([{"share": r"\\fs01\b"}]))
    assert not select(vm("web"), job([{"share": r"\\fs01\b"}]))


def test_all_keys_of_a_selector_must_match_and_one_selector_is_enough() -> None:
    wanted = job([{"name": "web*", "node": "hv01"}, {"name": "db1"}])

    chosen = [(name, node) for name in ("web1", "db1", "x") for node in ("hv01", "hv02")
              if select(vm(name, node), wanted)]  # fmt: skip

    assert chosen == [("web1", "hv01"), ("db1", "hv01"), ("db1", "hv02")]


def test_all_true_adds_no_condition_of_its_own() -> None:
    assert select(vm("x"), job([{"all": True}]))
    assert not select(vm("x"), job([{"all": True, "name": "web*"}]))
    assert not select(vm("x"), job([{"all": True, "node": "hv02"}]))
    assert select(vm("web1"), job([{"all": True, "name": "web1"}]))
    assert not select(vm("web2"), job([{"all": True, "name": "web1"}]))


def test_exclusion_wins() -> None:
    wanted = job([{"all": True}], [{"name": "test-*"}, {"name": "scratch"}])

    assert [name for name in ("web", "test-1", "Scratch") if select(vm(name), wanted)] == ["web"]


def test_names_that_are_spelt_out_and_absent_are_told() -> None:
    wanted = job(
        [{"name": "web1"}, {"name": "Gone"}, {"name": "db*"}, {"name": "Gone"}, {"node": "hv09"},
         {"name": "lost", "node": "hv01"}]
    )  # fmt: skip

    assert absent_names(wanted, [vm("WEB1")]) == ("Gone", "lost")


def test_ten_thousand_names_against_ten_thousand_vms_are_matched() -> None:
    selection = Selection(job([{"name": f"vm-{number}"} for number in range(10_000)]))
    workloads = [vm(f"VM-{number}") for number in range(5_000, 15_000)]

    assert sum(selection.includes(workload) for workload in workloads) == 5_000


@pytest.mark.parametrize(
    "include",
    [
        [{"name": "sql*"}],
        [{"name": "SQL01"}, {"name": "sql0*"}, {"name": "s"}],
        [{"name": "[sw]*"}, {"name": "zz*"}],
        [{"name": "*01"}],
        [{"name": "straße*"}],
        [{"name": "web*", "node": "hv02"}, {"share": "\\\\fs*\\vms"}],
        [{"all": True}],
        [{"name": "nobody*"}],
    ],
)
def test_candidates_are_chosen_as_one_by_one_and_in_their_order(include: Any) -> None:
    names = ("web2", "sql01", "STRASSE9", "SQL", "sqlx", "s", "web1", "straße1", "sql01")
    workloads = [vm(name, f"hv0{n % 3}", r"\\fs01\vms\x.vhdx") for n, name in enumerate(names)]
    wanted = Selection(job(include, [{"name": "sqlx"}]))

    chosen = Candidates(workloads).meant_by(wanted)

    assert [id(one) for one in chosen] == [id(w) for w in workloads if wanted.includes(w)]
    assert absent_names(job(include), Candidates(workloads)) == absent_names(
        job(include), workloads
    )
