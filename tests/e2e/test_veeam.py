"""The same estate through Veeam, on the command line: declare, run, prove, restore, and trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safepoint_lab.daemon import Lab
from safepoint_lab.veeam.records import Job, Mount, RestorePoint, Session

SMALL: dict[str, Any] = {
    "nodes": 2,
    "vms": 2,
    "disk_bytes": 8 << 20,
    "bulk_bytes": 1 << 20,
    "smb": "path",
    "speed": 25.0,
}
DEADLINE = ("--checkpoint-deadline", "1")


def switch(lab: Lab, old: str, new: str) -> None:
    """Change the last document of the lab's estate, the job, in one line."""
    head, kind, job = lab.estate.read_text().rpartition("kind: ProtectionJob")
    assert old in job
    lab.estate.write_text(head + kind + job.replace(old, new))


@pytest.fixture(scope="module")
def veeam_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with the backup server, and the job switched to it."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, products={"veeam": "1.3-rev1"}, **SMALL) as lab:
        switch(lab, "connection: hyperv", "connection: veeam")
        yield lab
        assert lab.status().problems == ()


@pytest.fixture
def site(veeam_lab, tmp_path, capsys, site_on):
    """The command line on that lab; faults and passwords are put back."""
    secret = veeam_lab.folder.secret("veeam")
    password = secret.read_text()
    made = site_on(veeam_lab)
    yield made
    veeam_lab.operations.clear_fault()
    secret.write_text(password)


def engine(site) -> Any:
    return site.lab.products.get("veeam").engine


def point_of(site, vm: str) -> str:
    points = engine(site).shelf.all(RestorePoint)
    newest: RestorePoint = max((p for p in points if p.name == vm), key=lambda p: p.created_at)
    return newest.id


def applied(site) -> None:
    assert site.safepoint("apply", "--auto-approve").code == 0


@pytest.mark.slow
def test_one_changed_line_takes_the_estate_to_veeam_and_every_checkpoint_is_proved_gone(site):
    planned = site.safepoint("plan", "--json")
    assert planned.code == 0
    lost = {one["field"] for one in planned.json["losses"] if one["fidelity"] != "exact"}
    assert {"spec.rpo", "spec.schedule.timezone", "spec.verify"} <= lost
    assert "preflight-failed" not in {one["code"] for one in planned.json["findings"]}
    applied(site)
    assert site.safepoint("plan", "--detailed-exitcode").code == 0
    assert site.safepoint("import", "veeam").code == 0
    ran = site.safepoint("run", "everything", "--json")
    assert ran.code == 0
    tasks = ran.json["tasks"]
    assert {task["workload_name"]: task["is_released"] for task in tasks} == {
        "sql01": True,
        "web01": True,
    }
    listed = site.safepoint("points", "list", "--json").json["items"]
    assert {(one["workload_name"], one["workload"]["system"]) for one in listed} == {
        ("sql01", "clu1"),
        ("web01", "clu1"),
    }
    assert " 0 B " not in site.safepoint("points", "list").out, "unknown is not nothing"
    site.assert_clean()


@pytest.mark.slow
def test_a_vm_is_restored_in_place_and_as_a_new_one(site):
    applied(site)
    assert site.safepoint("run", "everything").code == 0
    point = point_of(site, "web01")
    words = ("restore", "web01", "--point", point)
    refused = site.safepoint(*words, "--in-place", "--yes", "web01")
    assert refused.code != 0
    assert "--stop" in refused.err
    assert site.safepoint(*words, "--in-place", "--stop", "--yes", "web01").code == 0
    done = site.safepoint(*words, "--to-name", "web01-r", "--node", "hv02")
    assert done.code == 0, done.err
    assert "0 B" not in done.out, "unknown is not nothing"
    assert site.lab.operations.vm("web01-r").node == "hv02"
    twice = site.safepoint(*words, "--to-name", "web01-r")
    assert twice.code != 0
    assert "exists already" in twice.err


@pytest.mark.slow
def test_what_a_success_leaves_behind_is_disowned_and_goes_when_a_person_names_it(site):
    applied(site)
    site.lab.operations.arm_fault("veeam-leaves-checkpoint", vm="web01")
    ran = site.safepoint("run", "everything", *DEADLINE)
    assert ran.code == 3
    assert "Veeam Recovery Checkpoint" in ran.out + ran.err
    (left,) = site.lab.operations.checkpoints()
    assert told(site) == {"web01": "product-disowns"}
    assert site.safepoint("checkpoint", "clean", "--apply").code == 3
    confirmed = ("checkpoint", "clean", "--apply", "--confirm", left.name)

    # While a job of it runs, whoever started that, nothing of it is disowned.
    site.lab.operations.arm_fault("veeam-session-hangs", times=None)
    runner, (job,) = engine(site).runner, engine(site).shelf.all(Job)
    session = runner.start(job, "somebody in the console")
    assert told(site)["web01"] == "product-works"
    refused = site.safepoint(*confirmed)
    assert refused.code == 8
    assert "is not disowned by its product" in refused.err
    assert left in site.lab.operations.checkpoints()
    site.lab.operations.clear_fault()
    runner.stop_session(session, graceful=False)
    engine(site).sessions.wait(session.id)

    assert told(site) == {"web01": "product-disowns"}
    cleaned = site.safepoint(*confirmed, "--json")
    assert cleaned.code == 0, cleaned.err
    assert [one["outcome"] for one in cleaned.json["items"]] == ["cleaned"]
    site.assert_clean()


def told(site) -> dict[str, str]:
    """Say by which row of the table each VM's checkpoint is judged."""
    found = site.safepoint("checkpoint", "audit", "--json").json["findings"]
    return {one["vm"]: one["rule"] for one in found if one["subject"] == "checkpoint"}


@pytest.mark.slow
def test_a_vm_that_fails_in_veeam_fails_here_with_its_words(site):
    applied(site)
    site.lab.operations.arm_fault("veeam-licence-exceeded", vm="web01")
    ran = site.safepoint("run", "everything", *DEADLINE)
    assert ran.code == 3
    assert "No license is left for web01" in ran.err + ran.out
    doctor = site.safepoint("plugin", "check", "veeam")
    assert "Traceback" not in doctor.err


@pytest.mark.parametrize(
    ("fault", "operation", "times", "code"),
    [
        ("veeam-token-expired", "GET /jobs", 1, 0),
        ("veeam-503", "GET /jobs", 2, 0),
        ("veeam-malformed", "GET /restorePoints", 9, 8),
        ("veeam-html", "GET /jobs", 9, 8),
    ],
)
def test_trouble_on_the_wire(site, fault, operation, times, code):
    applied(site)
    site.lab.operations.arm_fault(fault, operation=operation, times=times)
    words = ("points", "list") if "restorePoints" in operation else ("plan",)
    assert site.safepoint(*words).code == code


def test_a_wrong_password_is_told_as_that_and_never_shown(site):
    site.lab.folder.secret("veeam").write_text("not-the-password")
    said = site.safepoint("plan")
    assert said.code == 8
    assert "Authentication failed" in said.err
    assert "not-the-password" not in said.out + said.err


@pytest.mark.slow
def test_a_server_without_hyperv_is_answered_with_the_reason(tmp_path: Path, capsys, site_on):
    with Lab.start(tmp_path / "old", products={"veeam": "12.3"}, **SMALL) as lab:
        switch(lab, "connection: hyperv", "connection: veeam")
        site = site_on(lab)
        planned = site.safepoint("plan")
        assert "it came with VBR 13.0" in planned.out + planned.err
        ran = site.safepoint("run", "everything")
        assert ran.code != 0
        assert "Hyper-V" in ran.err
        abilities = site.safepoint("plugin", "list", "--json").json
        assert "1.2-rev1" in str(abilities)
        assert engine(site).shelf.all(Session) == []
        assert engine(site).shelf.all(Mount) == []
