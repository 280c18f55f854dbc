"""Jobs, merges and moves: ridden out where that is safe, told and settled later where not."""

from __future__ import annotations

import pytest

from safepoint_lab.daemon import Lab

HASTY = ("--checkpoint-deadline", "1", "--merge-deadline", "1", "-o", "json")


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes reached over plain http with encrypted messages, three VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    choices = {"nodes": 2, "vms": 3, "disk_bytes": 8 << 20, "smb": "path", "scheme": "http"}
    with Lab.start(folder, speed=8, **choices) as lab:
        yield lab


@pytest.fixture
def site(site):
    """The site, with every node back on its feet afterwards."""
    yield site
    site.lab.operations.clear_fault()
    for node in ("hv01", "hv02"):
        site.lab.operations.restore_node(node)


def tasks_of(said):
    """Return the tasks of a run by VM."""
    return {task["workload_name"]: task for task in said.json["tasks"]}


def assert_point_is_true(site, task, copy: str) -> None:
    """Restore the task's point as a copy and compare it with what the lab froze."""
    assert site.safepoint("restore", task["workload_name"], "--to-name", copy).code == 0
    differences = site.lab.operations.compare_vm(site.frozen_by(task), copy)
    assert differences
    assert not any(differences.values()), differences


@pytest.mark.parametrize(
    ("fault", "warning"),
    [
        ("job-warnings", "completed with warnings"),
        ("job-vanishes", ""),
        ("vm-migrates", ""),
        ("node-fails-over", ""),
        ("vmms-restart", ""),
    ],
)
def test_what_can_be_ridden_out_is(site, fault, warning) -> None:
    """The work was done all the same: it is found, and the point is what was frozen."""
    armed = site.lab.world.arm_fault(
        fault,
        vm="sql01",
        operation="Msvm_VirtualSystemSnapshotService.CreateSnapshot",
    )

    said = site.safepoint("run", "everything", "--vm", "sql01", "-o", "json")

    assert armed.hits == 1
    assert said.code == 0, said.err
    (task,) = said.json["tasks"]
    assert task["is_released"]
    assert task["is_verified"]
    assert warning in " ".join(task["warnings"])
    assert not [text for text in task["warnings"] if "renamed" in text]
    site.assert_clean()
    assert_point_is_true(site, task, f"sql01-{fault}")


def test_a_job_that_never_ends_is_left_to_the_doctor(site) -> None:
    """Nothing can be said about the VM yet, so nothing is begun on it until it is settled."""
    site.lab.operations.arm_fault("job-never-ends", vm="sql01")

    said = site.safepoint("run", "everything", *HASTY)

    assert said.code == 3
    tasks = tasks_of(said)
    error = tasks["sql01"]["error"]
    assert error["code"] == "run-timed-out"
    assert error["message"] == "the checkpoint of sql01 did not come within 1 s"
    assert "doctor --fix" in error["hint"]
    assert all(tasks[name]["is_released"] for name in ("file01", "web01"))
    (left,) = site.safepoint("doctor", "-o", "json").json["items"]
    assert (left["code"], left["field"]) == ("checkpoint-left", "sql01")

    again = site.safepoint("run", "everything", "--vm", "sql01", *HASTY)
    assert again.code == 9
    assert "still busy" in tasks_of(again)["sql01"]["error"]["message"]

    site.lab.operations.clear_fault()
    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()
    assert site.safepoint("run", "everything", "--vm", "sql01").code == 0


@pytest.mark.parametrize("fault", ["merge-stalls", "merge-fails"])
def test_a_merge_that_does_not_end_is_told(site, fault) -> None:
    """The backup is good and kept; the VM's state is an alarm of its own."""
    site.lab.operations.arm_fault(fault, vm="sql01")

    said = site.safepoint("run", "everything", *HASTY)

    assert said.code == 3
    tasks = tasks_of(said)
    task = tasks["sql01"]
    assert task["error"]["code"] == "checkpoint-left"
    assert "of sql01 is deleted but not merged" in task["error"]["message"]
    assert ".avhdx" in task["error"]["message"]
    assert "Do not merge by hand" in task["error"]["hint"]
    assert task["is_released"] is False
    assert all(tasks[name]["is_released"] for name in ("file01", "web01"))
    assert site.safepoint("doctor").code == 3
    points = site.safepoint("points", "list", "sql01", "-o", "json").json["items"]
    assert task["point"]["id"] in {point["ref"]["id"] for point in points}

    site.lab.operations.clear_fault()
    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()
    shown = site.safepoint("runs", "show", said.json["id"], "-o", "json").json
    assert next(t for t in shown["tasks"] if t["workload_name"] == "sql01")["is_released"]
    assert site.safepoint("points", "verify").code == 0


def test_the_next_run_settles_a_stalled_merge_too(site) -> None:
    """Without the doctor: what an earlier run left is finished before anything is begun."""
    site.lab.operations.arm_fault("merge-stalls", vm="sql01")
    assert site.safepoint("run", "everything", "--vm", "sql01", *HASTY).code == 9
    site.lab.operations.clear_fault()

    said = site.safepoint("run", "everything", "--vm", "sql01")

    assert said.code == 0, said.err
    assert "settled a leftover" in said.err
    site.assert_clean()


def test_a_node_that_dies_takes_no_vm_with_it(site) -> None:
    """Its VMs restart elsewhere; all of them are protected where they are."""
    armed = site.lab.world.arm_fault(
        "node-fails-over",
        vm="sql01",
        operation="Msvm_VirtualSystemSnapshotService.CreateSnapshot",
    )

    # One at a time: a checkpoint that another VM asks for on a dying node is lost with it.
    said = site.safepoint("run", "everything", "--parallel", "1", "-o", "json")

    assert armed.hits == 1
    assert said.code == 0, said.err
    site.assert_clean()
    assert site.safepoint("points", "verify").code == 0


def test_a_node_the_cluster_counts_as_down_is_left_out(site) -> None:
    """Its VMs run on the other node; the doctor says which node is away."""
    site.lab.operations.arm_fault("node-down", node="hv02")

    assert site.safepoint("run", "everything").code == 0
    findings = site.safepoint("doctor", "-o", "json").json["items"]
    assert [(f["code"], f["field"]) for f in findings] == [
        ("node-unreachable", "hyperv: clu1/hv02")
    ]
    site.assert_clean()


def test_a_node_that_is_only_unreachable_is_no_short_list(site) -> None:
    """Its VMs run on where we cannot see them: an error, never a list without them."""
    site.lab.operations.arm_fault("node-unreachable", node="hv02", times=None)

    said = site.safepoint("run", "everything", "-o", "json")

    assert said.code == 8
    assert said.json["error"]["code"] == "unreachable"
    assert "hv02" in said.json["error"]["message"]
    assert "management port" in said.json["error"]["hint"]
    site.lab.operations.clear_fault()
    site.assert_clean()
