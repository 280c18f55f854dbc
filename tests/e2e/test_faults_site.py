"""What others do on the same site: another product, another run, another clock, no VM at all."""

from __future__ import annotations

import pytest
import yaml

from safepoint.store import Store
from safepoint_lab.daemon import Lab

FOREIGN = "Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)"


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


def tasks_of(said):
    """Return the tasks of a run by VM."""
    return {task["workload_name"]: task for task in said.json["tasks"]}


def test_another_products_checkpoint_is_respected(tmp_path, site_on) -> None:
    """The VM is left alone and said by name; the others are protected; nothing foreign goes."""
    with Lab.start(
        tmp_path / "lab", nodes=1, vms=2, disk_bytes=8 << 20, smb="path", speed=8
    ) as lab:
        site = site_on(lab)
        lab.operations.arm_fault("foreign-recovery-checkpoint", vm="sql01")
        (foreign,) = lab.operations.checkpoints()

        said = site.safepoint("run", "everything", "-o", "json")

        assert said.code == 3
        tasks = tasks_of(said)
        error = tasks["sql01"]["error"]
        assert error["code"] == "conflict"
        assert FOREIGN in error["message"]
        assert "VM sql01" in error["message"]
        assert "safepoint checkpoint audit" in error["hint"]
        (other,) = (task for name, task in tasks.items() if name != "sql01")
        assert other["is_released"]
        assert site.safepoint("doctor", "--fix").code == 0
        assert lab.operations.checkpoints() == [foreign]
        listed = site.safepoint("checkpoint", "list", "-o", "json").json["items"]
        assert [row["owner"] for row in listed] == ["another product or a person"]


def test_a_vm_under_another_run_is_not_touched(site) -> None:
    """Two runs of one job at once: one VM leased, a clear word, the others done."""
    guid = site.lab.operations.vm("sql01").guid.upper()
    with Store(site.home) as store:
        other = store.executors.enter()
        lease = store.leases.take(f"vm clu1/{guid}", other.id, purpose="run earlier")

        said = site.safepoint("run", "everything", "-o", "json")

        store.leases.give_back(lease)
        store.executors.leave(other)
    assert said.code == 3
    tasks = tasks_of(said)
    error = tasks["sql01"]["error"]
    assert error["code"] == "lease-held"
    assert "run earlier" in error["message"]
    assert error["hint"]
    assert sum(task["is_released"] is True for task in tasks.values()) == 1
    site.assert_clean()
    assert site.safepoint("run", "everything").code == 0


@pytest.mark.parametrize("seconds", ["3600", "-3600"])
def test_a_wrong_clock_is_told_and_harmless(site, seconds) -> None:
    """Ages are wrong then, but no checkpoint is mistaken."""
    site.lab.operations.arm_fault("clock-skew", node="hv01", parameters={"seconds": seconds})

    assert site.safepoint("run", "everything").code == 0
    site.assert_clean()
    (finding,) = site.safepoint("doctor", "-o", "json").json["items"]
    assert (finding["code"], finding["field"]) == ("clock-skew", "hyperv: clu1/hv01")
    assert ("ahead" if seconds == "3600" else "behind") in finding["summary"]
    assert "time service" in finding["hint"]


def test_a_job_that_selects_nothing_says_so(site) -> None:
    """A typing error in a job must not look like a successful backup."""
    before = site.lab.estate.read_text("utf-8")
    documents = list(yaml.safe_load_all(before))
    for document in documents:
        if document["kind"] == "ProtectionJob":
            document["spec"]["include"] = [{"name": "nobody-*"}]
    site.lab.estate.write_text(yaml.safe_dump_all(documents), "utf-8")
    try:
        said = site.safepoint("run", "everything", "-o", "json")
    finally:
        site.lab.estate.write_text(before, "utf-8")

    assert said.code == 2
    assert said.json["error"]["code"] == "usage"
    assert "selects none of the 2 VMs of clu1" in said.json["error"]["message"]
    assert "vm list" in said.json["error"]["hint"]


def test_a_cluster_without_vms(tmp_path, site_on) -> None:
    """Listing is no error, and the doctor is content; a run has nothing to do and says so."""
    with Lab.start(tmp_path / "lab", nodes=1, vms=0, smb="path") as lab:
        site = site_on(lab)
        assert site.safepoint("vm", "list", "-o", "json").json["items"] == []
        assert site.safepoint("doctor").code == 0
        assert site.safepoint("checkpoint", "list").code == 0
        said = site.safepoint("run", "everything")
        assert said.code == 2
        assert "selects none of the 0 VMs" in said.err
        site.assert_clean()
