"""The whole path: protect, prove, restore; compared with what the lab knows to be true."""

from __future__ import annotations

import pytest

from safepoint.models.runs import Run

VMS = {"web01", "file01", "sql01"}


def test_protect_prove_and_restore(site) -> None:
    """Restored disks are byte for byte what the checkpoint froze, by the lab's own record."""
    assert site.safepoint("validate").code == 0
    assert site.safepoint("doctor").code == 0

    said = site.safepoint("run", "everything", "-o", "json")
    assert said.code == 0, said.err
    run = Run.model_validate(
        {k: v for k, v in said.json.items() if k not in {"apiVersion", "kind"}}
    )
    assert all(task.is_released and task.is_verified and task.point for task in run.tasks)
    assert all(task.held_seconds is not None for task in run.tasks)
    site.assert_clean()

    for task in run.tasks:
        copy = f"{task.workload_name}-copy"
        assert site.safepoint("restore", task.workload_name, "--to-name", copy).code == 0
        differences = site.lab.operations.compare_vm(site.frozen_by(task), copy)
        assert differences
        assert not any(differences.values()), differences
        assert site.lab.operations.vm(copy).power == "off"

    consistency = {task.workload_name: task.consistency for task in run.tasks}
    for vm in site.lab.operations.vms():
        if vm.name in consistency:
            truth = site.lab.operations.truth(
                site.frozen_by(next(t for t in run.tasks if t.workload_name == vm.name))
            )
            assert truth.state == "application"  # the bank was quiesced, in both guest kinds
            expected = "filesystem" if vm.guest_os == "linux" else "application"
            assert consistency[vm.name] == expected

    listed = site.safepoint("points", "list", "-o", "json").json["items"]
    assert {point["workload_name"] for point in listed} == VMS
    assert site.safepoint("points", "verify").code == 0
    shown = site.safepoint("runs", "show", run.id, "--history", "-o", "json").json
    steps = [step["after"] for step in shown["checkpoints"] if step["vm"] == "sql01"]
    assert steps == ["creating", "held", "copying", "releasing", "merging", "released"]


@pytest.fixture
def patched(site):
    """A VM whose application works, with a checkpoint taken before a bad patch."""
    before = site.lab.operations.inspect("sql01")
    assert not before.broken_files
    said = site.safepoint(
        "checkpoint", "create", "sql01", "--name", "before-patch", "--expires", "4h"
    )
    assert said.code == 0
    assert "not a backup" in said.err
    site.lab.operations.patch("sql01")
    assert site.lab.operations.inspect("sql01").broken_files
    return before


def test_a_bad_patch_is_undone(site, patched) -> None:
    """Checkpoint, bad change in the guest, revert, data back, checkpoint gone and merged."""
    assert site.safepoint("checkpoint", "list").code == 0
    refused = site.safepoint("checkpoint", "revert", "sql01", "before-patch", "--yes", "sql01")
    assert refused.code == 8
    assert "--stop" in refused.err
    unsure = site.safepoint("checkpoint", "revert", "sql01", "before-patch", "--stop")
    assert unsure.code == 2
    assert site.lab.operations.inspect("sql01").broken_files

    done = site.safepoint(
        "checkpoint", "revert", "sql01", "before-patch", "--stop", "--yes", "sql01"
    )
    assert done.code == 0, done.err
    after = site.lab.operations.inspect("sql01")
    assert not after.broken_files
    assert after.version == patched.version
    assert after.power == "running"

    assert site.safepoint("checkpoint", "delete", "sql01", "before-patch").code == 0
    site.assert_clean()


def test_a_damaged_vm_is_restored_in_place(site) -> None:
    """In place refuses while the VM runs unless told to; then the data is back."""
    said = site.safepoint("run", "everything", "--vm", "file01", "-o", "json")
    assert said.code == 0
    task = said.json["tasks"][0]
    site.lab.operations.damage("file01")
    assert site.lab.operations.inspect("file01").problem or (
        site.lab.operations.inspect("file01").bank == "torn"
    )

    refused = site.safepoint("restore", "file01", "--in-place", "--yes", "file01")
    assert refused.code == 8
    assert "running" in refused.err
    assert site.safepoint("restore", "file01", "--in-place", "--stop").code == 2  # not confirmed
    done = site.safepoint("restore", "file01", "--in-place", "--stop", "--yes", "file01")
    assert done.code == 0, done.err

    differences = site.lab.operations.compare_vm(site.frozen_by(task), "file01")
    assert not any(differences.values())
    site.lab.operations.power("file01", "start")
    assert site.lab.operations.inspect("file01").bank != "torn"
    site.assert_clean()


def test_a_user_checkpoint_does_not_stop_backups(site) -> None:
    """The frozen chain is copied whole, and the person's checkpoint stays."""
    assert site.safepoint("checkpoint", "create", "web01", "--name", "soak").code == 0
    said = site.safepoint("run", "everything", "--vm", "web01", "-o", "json")
    assert said.code == 0, said.err
    task = said.json["tasks"][0]
    assert [c.name for c in site.lab.operations.checkpoints("web01")] == ["soak"]

    assert site.safepoint("restore", "web01", "--to-name", "web01-soak").code == 0
    differences = site.lab.operations.compare_vm(site.frozen_by(task), "web01-soak")
    assert not any(differences.values())
    assert site.safepoint("checkpoint", "delete", "web01", "soak").code == 0
    site.assert_clean()


def test_damage_found_by_verify_is_remembered(site) -> None:
    """A point that was read back and found damaged is listed so, and is no `latest` any more."""
    assert site.safepoint("run", "everything", "--vm", "web01").code == 0
    good = site.safepoint("points", "list", "web01", "-o", "json").json["items"][-1]["ref"]["id"]
    said = site.safepoint("run", "everything", "--vm", "web01", "-o", "json")
    bad = said.json["tasks"][0]["point"]["id"]
    packs = sorted(
        (site.lab.folder.repository / "packs").rglob("*.pack"), key=lambda p: p.stat().st_mtime
    )
    newest = packs[-1]
    before = newest.read_bytes()
    middle = len(before) // 2
    newest.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    try:
        found = site.safepoint("points", "verify", "--vm", "web01", "-o", "json")
        assert found.code == 3
        damaged = {finding["point"] for finding in found.json["findings"]}
        assert bad in damaged or good in damaged

        listed = site.safepoint("points", "list", "web01", "-o", "json")
        assert listed.code == 3
        told = {item["ref"]["id"] for item in listed.json["items"] if item["problem"]}
        assert told == damaged
    finally:
        newest.write_bytes(before)
    for suspect in (site.lab.folder.repository / "packs").rglob("*.suspect"):
        suspect.unlink()
    assert site.safepoint("points", "verify", "--vm", "web01").code == 0
    assert site.safepoint("points", "list", "web01").code == 0


def test_a_connection_without_repository_touches_no_vm(site, tmp_path) -> None:
    """What cannot be done is refused before a checkpoint is made."""
    text = site.lab.estate.read_text("utf-8").replace("    repository: repository\n", "")
    bare = site.lab.estate.with_name("bare.yaml")
    bare.write_text(text, "utf-8")
    try:
        from safepoint.cli.app import main

        assert main(["--estate", str(bare), "run", "everything"]) == 5
    finally:
        bare.unlink()
    assert "no repository" in site.capture.readouterr().err
    site.assert_clean()
    with site.store() as store:
        assert store.runs.list() == ()


def test_taking_up_a_restore_leaves_other_vms_alone(site) -> None:
    """An interrupted restore is cleared by its own key, never by a similar name."""
    assert site.safepoint("run", "everything", "--vm", "web01").code == 0
    assert site.safepoint("restore", "web01", "--to-name", "web-check").code == 0
    disk = site.lab.operations.vm("web-check").disks[0].file
    left = type(site.home)(disk).parents[1] / "web-ch"
    left.mkdir()
    (left / "safepoint-restore.json").write_text('{"key": "restore x", "began_at": ""}', "utf-8")
    (left / "disk0.vhdx").write_bytes(b"half")

    assert site.safepoint("restore", "web01", "--to-name", "web-ch").code == 0
    names = {vm.name for vm in site.lab.operations.vms()}
    assert {"web-check", "web-ch"} <= names


def test_a_standard_checkpoint_is_a_standard_one(site) -> None:
    """The VM's own setting is changed for the time of the request, and put back afterwards."""
    vm = site.lab.world.vm_named("sql01")
    before = vm.user_snapshot_type
    said = site.safepoint(
        "checkpoint",
        "create",
        "sql01",
        "--name",
        "with-memory",
        "--kind",
        "standard",
        "-o",
        "json",
    )
    assert said.code == 0, said.err
    assert said.json["kind"] == "standard"
    assert vm.user_snapshot_type == before

    assert site.safepoint("checkpoint", "delete", "sql01", "with-memory").code == 0
    site.assert_clean()
