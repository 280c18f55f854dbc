"""Commvault from the command line, on a lab: declared, run, proved, restored, and what goes wrong."""

from __future__ import annotations

import pytest

from safepoint_lab.commvault.backup.runner import BackupWish
from safepoint_lab.daemon import Lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two nodes, two VMs, a CommServe that has seen neither."""
    choices = {"nodes": 2, "vms": 2, "disk_bytes": 8 << 20, "smb": "path", "speed": 40.0}
    with Lab.start(
        tmp_path_factory.mktemp("lab"), products={"commvault": "11.44"}, **choices
    ) as started:
        text = started.estate.read_text("utf-8")
        old, new = "connection: hyperv\n  cluster", "connection: commvault\n  cluster"
        started.estate.write_text(text.replace(old, new), "utf-8")
        yield started


@pytest.fixture
def site(lab, site_on):
    yield site_on(lab)
    lab.operations.clear_fault()


def test_from_nothing_to_a_restored_vm(lab, site, monkeypatch):
    """Every step as a person would take it, each with the trouble that belongs to it."""
    apply = ("apply", "--auto-approve")

    # Nothing is written with a wrong password, and it is not tried twice.
    right = lab.estate.read_text("utf-8")
    monkeypatch.setenv("WRONG", "not-the-password")
    start = right.index("driver: commvault")
    line = next(x for x in right[start:].splitlines() if x.strip().startswith("password:"))
    lab.estate.write_text(
        right[:start] + right[start:].replace(line, "    password: env:WRONG", 1)
    )
    said = site.safepoint("plan")
    assert (said.code, "login was refused" in said.err) == (8, True)
    lab.estate.write_text(right, "utf-8")

    # A node that the installer cannot reach is named, and the cluster is not registered.
    lab.operations.arm_fault("commvault-node-unreachable", node="hv02")
    said = site.safepoint(*apply)
    assert said.code == 8
    assert "no Virtual Server Agent on hv02" in said.err
    plan = site.safepoint("plan", "--json").json["changes"]
    assert {f["field"] for c in plan if c["address"] == "vsa/clu1" for f in c["fields"]} == {
        "node.hv02"
    }

    # One that waits for a reboot is no access node yet.
    lab.operations.arm_fault("commvault-install-needs-reboot", node="hv02")
    said = site.safepoint(*apply)
    assert "no Virtual Server Agent on hv02" in said.err
    lab.operations.fail_node("hv02")
    lab.operations.restore_node("hv02")

    # What the product drops without a word is noticed.
    lab.operations.arm_fault("commvault-drops-access-node", node="hv02")
    said = site.safepoint(*apply)
    assert said.code == 8
    assert "did not take hv02 as access nodes" in said.err

    # A lost answer is looked for, not repeated.
    lab.operations.arm_fault("commvault-lost-answer", operation="POST Subclient")
    said = site.safepoint(*apply)
    assert said.code == 0, said.err
    assert "it was done all the same" in said.err
    assert site.safepoint("plan", "--detailed-exitcode").code == 0

    # A run: every VM, and its checkpoint proved gone and merged on the hosts.
    names = sorted(vm.name for vm in lab.operations.vms())
    lab.operations.write_file(names[0], "note.txt", "before")
    done = site.safepoint("run", "everything", "--json")
    assert done.code == 0, done.err
    assert {t["workload_name"]: t["is_released"] for t in done.json["tasks"]} == dict.fromkeys(
        names, True
    )
    assert all(task["read_bytes"] and task["stored_bytes"] for task in done.json["tasks"])
    assert lab.operations.checkpoints() == []
    lab.operations.write_file(names[0], "note.txt", "after")

    # A session that lapsed is renewed in passing.
    lab.operations.arm_fault("commvault-session-expired")
    points = site.safepoint("points", "list", "--json").json["items"]
    assert sorted(p["workload_name"] for p in points) == names
    made = {task["point"]["id"] for task in done.json["tasks"]}
    assert {p["ref"]["id"] for p in points} == made

    # Both ways back.
    said = site.safepoint("restore", names[0], "--to-name", "copy", "--node", "hv01", "--start")
    assert said.code == 0, said.err
    assert lab.operations.vm("copy").node == "hv01"
    assert lab.operations.read_file("copy", "note.txt") == "before"
    said = site.safepoint("restore", names[0], "--to-name", "another", "--node", "hv99")
    assert said.code == 8
    assert "has no host 'hv99'" in said.err
    assert "make another on hv99" in said.out
    assert site.safepoint("restore", names[0], "--in-place", "--yes", names[0]).code == 8
    assert lab.operations.read_file(names[0], "note.txt") == "after"
    said = site.safepoint(
        "restore", names[0], "--in-place", "--yes", names[0], "--stop", "--start"
    )
    assert said.code == 0, said.err
    assert lab.operations.read_file(names[0], "note.txt") == "before"

    # What another product holds would go with the VM.
    lab.operations.arm_fault("foreign-recovery-checkpoint", vm=names[0])
    (theirs,) = lab.operations.checkpoints(names[0])
    said = site.safepoint("restore", names[0], "--in-place", "--yes", names[0], "--stop")
    assert said.code == 8, said.err
    assert "is not ours" in said.err
    assert [one.guid for one in lab.operations.checkpoints(names[0])] == [theirs.guid]
    node = lab.operations.vm(names[0]).node
    assert lab.world.wait_job(lab.world.destroy_checkpoint(theirs.guid, node=node))
    assert lab.operations.wait_merged(timeout_seconds=20)


def test_what_goes_wrong_in_runs_is_told_as_it_is(lab, site):
    """Stands on the declared site of the test before."""
    if site.safepoint("plan", "--detailed-exitcode").code == 20:
        assert site.safepoint("apply", "--auto-approve").code == 0
    name = min(vm.name for vm in lab.operations.vms())

    # The product calls it completed.
    lab.operations.arm_fault("commvault-job-fails-vm", vm=name)
    done = site.safepoint("run", "everything", "--json")
    assert (done.code, done.json["state"]) == (3, "partial")
    assert "one or more errors" in done.json["native_state"]

    # Somebody switched backups off in the console: a drift, and no run.
    engine = lab.products.get("commvault").engine
    engine.activities.switch(engine.hypervisors.all()[0], 1, enable=False)
    drift = site.safepoint("drift", "--json").json["items"]
    assert [d["field"] for d in drift if d["address"] == "hypervisor/clu1"] == ["backup_enabled"]
    said = site.safepoint("run", "everything")
    assert said.code == 8
    assert "disabled" in said.err
    assert site.safepoint("apply", "--auto-approve").code == 0

    # For the whole CommCell it is nobody's drift; the doctor tells it.
    engine.activities.switch(engine.activities.commcell, 1, enable=False)
    said = site.safepoint("doctor")
    assert said.code == 3
    assert "backup is switched off for the whole CommCell" in said.out
    engine.activities.switch(engine.activities.commcell, 1, enable=True)


def test_what_a_completed_job_leaves_is_disowned_and_goes_when_a_person_names_it(lab, site):
    """Stands on the declared site of the tests before."""
    if site.safepoint("plan", "--detailed-exitcode").code == 20:
        assert site.safepoint("apply", "--auto-approve").code == 0
    name = min(vm.name for vm in lab.operations.vms())
    lab.operations.arm_fault("commvault-leaves-checkpoint", vm=name)
    done = site.safepoint("run", "everything", "--checkpoint-deadline", "2", "--json")
    assert done.code == 3, done.err
    assert done.json["native_state"] == "Completed"
    told = {task["workload_name"]: task for task in done.json["tasks"]}
    assert [one for one, task in told.items() if not task["is_released"]] == [name]
    (left,) = lab.operations.checkpoints()
    assert left.guid.casefold() in str(told[name]["leftovers"]).casefold()

    # Its product disowns it; still nothing goes that no person has named.
    assert judged(site) == {name: "product-disowns"}
    assert site.safepoint("checkpoint", "clean", "--apply").code == 3
    confirmed = ("checkpoint", "clean", "--apply", "--confirm", left.name)

    # While a job of it runs, whoever started that, nothing of it is disowned.
    lab.operations.arm_fault("commvault-job-pending", times=None)
    engine = lab.products.get("commvault").engine
    group = next(one for one in engine.groups.all() if one.plan_id)
    job = engine.backups.start(group, BackupWish("Incremental"), "somebody in the console")
    engine.jobs.wait_for(job.id, lambda one: one.text == "Pending")
    assert judged(site) == {name: "product-works"}
    refused = site.safepoint(*confirmed)
    assert refused.code == 8
    assert "is not disowned by its product" in refused.err
    assert lab.operations.checkpoints() == [left]
    engine.jobs.kill(job)
    engine.jobs.wait(job.id)
    lab.operations.clear_fault()

    cleaned = site.safepoint(*confirmed, "--json")
    assert cleaned.code == 0, cleaned.err
    assert [one["outcome"] for one in cleaned.json["items"]] == ["cleaned"]
    assert lab.operations.wait_merged(timeout_seconds=20)

    # Once it is gone, the next run has nothing to say.
    done = site.safepoint("run", "everything")
    assert done.code == 0, done.err
    assert f"{name}: succeeded\n" in done.err  # no bare status number after it
    assert lab.operations.checkpoints() == []


def judged(site) -> dict[str, str]:
    """Say by which row of the table each VM's checkpoint is judged."""
    found = site.safepoint("checkpoint", "audit", "--json").json["findings"]
    return {one["vm"]: one["rule"] for one in found if one["subject"] == "checkpoint"}
