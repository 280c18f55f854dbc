"""Guests that cannot rest, and hosts that refuse: one VM fails, the others are protected."""

from __future__ import annotations

import pytest
import yaml

from safepoint_lab.daemon import Lab


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, three VMs (two Windows, one Linux), in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=3, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


def tasks_of(said):
    """Return the tasks of a run by VM."""
    return {task["workload_name"]: task for task in said.json["tasks"]}


ONE_VM = [
    ("vss-writer-failed", "sql01", "quiesce", "could not be made consistent", "vssadmin"),
    ("no-guest-quiesce", "web01", "quiesce", "could not be made consistent", "hv_vss_daemon"),
    ("create-refused", "sql01", "conflict", "state does not allow", "look at the VM's status"),
    ("stale-autorecovery", "sql01", "conflict", "earlier checkpoint is in the way", "left a"),
    ("disk-full", "sql01", "storage-full", "no room left", "Free space"),
    ("job-killed", "sql01", "vendor-fault", "stopped on the host", "event log"),
]


@pytest.mark.parametrize(
    ("fault", "vm", "code", "message", "hint"), ONE_VM, ids=[row[0] for row in ONE_VM]
)
def test_one_vm_fails_and_the_others_are_protected(site, fault, vm, code, message, hint) -> None:
    """Exit 3; its reason in one line; the next run succeeds with nothing in between."""
    site.lab.operations.arm_fault(fault, vm=vm)

    said = site.safepoint("run", "everything", "-o", "json")

    assert said.code == 3
    assert said.json["state"] == "partial"
    tasks = tasks_of(said)
    error = tasks[vm]["error"]
    assert tasks[vm]["state"] == "failed"
    assert error["code"] == code
    assert error["message"].startswith("hv0")
    assert message in error["message"]
    assert hint in error["hint"]
    assert f"{vm}: failed: {error['message']}" in said.err
    others = [task for name, task in tasks.items() if name != vm]
    assert len(others) == 2
    assert all(task["point"] and task["is_released"] for task in others)
    site.assert_clean()

    site.lab.operations.clear_fault()
    assert site.safepoint("run", "everything", "--vm", vm).code == 0
    assert site.safepoint("points", "verify").code == 0
    assert site.safepoint("doctor").code == 0


def test_a_hint_is_printed_for_a_person(site) -> None:
    """Without -o json the table tells the reason, and stderr what to do."""
    site.lab.operations.arm_fault("vss-writer-failed", vm="sql01")

    said = site.safepoint("run", "everything", "--vm", "sql01")

    assert said.code == 9
    assert "could not be made consistent" in said.out
    assert "sql01: hint: Look at the guest's VSS writers" in said.err
    site.assert_clean()


@pytest.fixture
def lenient(site):
    """The estate with a policy that accepts crash consistency, put back afterwards."""
    before = site.lab.estate.read_text("utf-8")
    documents = list(yaml.safe_load_all(before))
    for document in documents:
        if document["kind"] == "Policy":
            document["spec"]["fallback"] = "allow"
    site.lab.estate.write_text(yaml.safe_dump_all(documents), "utf-8")
    yield site
    site.lab.estate.write_text(before, "utf-8")


@pytest.mark.parametrize(
    ("fault", "vm"), [("vss-writer-failed", "sql01"), ("no-guest-quiesce", "web01")]
)
def test_a_policy_may_accept_crash_consistency(lenient, fault, vm) -> None:
    """The point says what it is, and the warning why."""
    lenient.lab.operations.arm_fault(fault, vm=vm)

    said = lenient.safepoint("run", "everything", "--vm", vm, "-o", "json")

    assert said.code == 0, said.err
    (task,) = said.json["tasks"]
    assert task["state"] == "warning"
    assert task["consistency"] == "crash"
    assert "crash-consistent only" in task["warnings"][0]
    assert lenient.lab.operations.truth(lenient.frozen_by(task)).state != "application"
    lenient.assert_clean()


def test_a_vm_that_is_gone_fails_alone(tmp_path, site_on) -> None:
    """Removed between the listing and its turn: said by name, and the others go on."""
    with Lab.start(
        tmp_path / "lab", nodes=1, vms=2, disk_bytes=8 << 20, smb="path", speed=8
    ) as lab:
        site = site_on(lab)
        lab.operations.arm_fault("vm-removed", vm="sql01")

        said = site.safepoint("run", "everything", "-o", "json")

        assert said.code == 3
        error = tasks_of(said)["sql01"]["error"]
        assert error["code"] == "not-found"
        assert "vm list" in error["hint"]
        site.assert_clean()
        assert site.safepoint("doctor").code == 0
