"""The data path over real SMB 3: signed, or encrypted, read for backup and written for restore."""

from __future__ import annotations

import pytest

from safepoint_lab.daemon import Lab


@pytest.mark.parametrize("encrypt", [False, True], ids=["signed", "encrypted"])
def test_backup_and_restore_without_a_mount(tmp_path, site_on, need_tool, encrypt) -> None:
    """What comes back through a real smbd is what the checkpoint froze."""
    need_tool("smbd", "samba")
    choices = {
        "nodes": 1,
        "vms": 1,
        "disk_bytes": 16 << 20,
        "smb": "samba",
        "smb_encrypt": encrypt,
    }
    with Lab.start(tmp_path / "lab", **choices) as lab:
        site = site_on(lab)
        assert "smb:" in lab.estate.read_text("utf-8")
        assert site.safepoint("doctor").code == 0
        said = site.safepoint("run", "everything", "-o", "json")
        assert said.code == 0, said.err
        (task,) = said.json["tasks"]
        name = task["workload_name"]

        assert site.safepoint("restore", name, "--to-name", "again").code == 0
        differences = lab.operations.compare_vm(site.frozen_by(task), "again")
        assert differences
        assert not any(differences.values())
        done = site.safepoint("restore", name, "--in-place", "--stop", "--yes", name)
        assert done.code == 0, done.err
        assert not any(lab.operations.compare_vm(site.frozen_by(task), name).values())
        site.assert_clean()
