"""Shares that go away: before, while and after they are read."""

from __future__ import annotations

import pytest

from safepoint_lab.daemon import Lab
from safepoint_native import copier

HASTY = ("--checkpoint-deadline", "1", "--merge-deadline", "1", "-o", "json")


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


@pytest.fixture
def cut_at_first_bytes(monkeypatch):
    """Take the lab's share away when the first bytes of a disk have been copied."""

    def arm(lab):
        real, struck = copier.copy_disk, []

        def copy(chain, target, *, on_progress, should_stop):
            def tell(done, total):
                if not struck:
                    struck.append(done)
                    lab.operations.arm_fault("share-offline")
                on_progress(done, total)

            return real(chain, target, on_progress=tell, should_stop=should_stop)

        monkeypatch.setattr(copier, "copy_disk", copy)
        return struck

    return arm


def test_a_share_that_is_away_stops_its_vms_only_for_now(site) -> None:
    """No checkpoint is made; the doctor names the share; when it is back all is well."""
    site.lab.operations.arm_fault("share-offline")

    said = site.safepoint("run", "everything", *HASTY)

    assert said.code == 9
    for task in said.json["tasks"]:
        assert task["error"]["code"] == "unreachable"
        assert "the share with the VM's files is gone" in task["error"]["message"]
        assert "file server" in task["error"]["hint"]
    findings = site.safepoint("doctor", "-o", "json").json["items"]
    assert [f["code"] for f in findings] == ["share"]
    assert findings[0]["field"].endswith("\\\\fs01\\vmstore1")
    assert "file server" in findings[0]["hint"]

    site.lab.operations.clear_fault()
    site.assert_clean()
    assert site.safepoint("run", "everything").code == 0


def test_a_share_lost_after_the_files_were_opened(site, cut_at_first_bytes) -> None:
    """Whether or not the copy gets through, the merge waits for the share and is told."""
    struck = cut_at_first_bytes(site.lab)

    said = site.safepoint("run", "everything", "--vm", "sql01", *HASTY)

    assert struck
    assert said.code == 9
    (task,) = said.json["tasks"]
    assert task["is_released"] is False
    assert "\\\\fs01\\vmstore1\\sql01" in " ".join([task["error"]["message"], *task["warnings"]])
    assert {f["code"] for f in site.safepoint("doctor", "-o", "json").json["items"]} == {
        "share",
        "checkpoint-left",
    }

    site.lab.operations.clear_fault()
    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()
    assert site.safepoint("points", "verify").code == 0


def test_a_share_lost_in_mid_copy_over_smb(
    tmp_path, site_on, need_tool, cut_at_first_bytes
) -> None:
    """The connection to the file server breaks: no point, nothing unsealed, checkpoint released."""
    need_tool("smbd", "samba")
    choices = {"nodes": 1, "vms": 1, "disk_bytes": 32 << 20, "bulk_bytes": 24 << 20}
    with Lab.start(tmp_path / "lab", smb="samba", speed=8, **choices) as lab:
        site = site_on(lab)
        struck = cut_at_first_bytes(lab)

        said = site.safepoint("run", "everything", *HASTY)

        assert struck
        assert said.code == 9
        (task,) = said.json["tasks"]
        # The file server has cut the session, has no such folder any more, or, asked while it goes,
        # may not enter it.
        assert task["error"]["code"] in {"unreachable", "not-found", "permission-denied"}
        assert "\\\\fs01\\vmstore1" in task["error"]["message"]
        assert task["error"]["hint"]
        assert task["point"] is None

        lab.operations.clear_fault()
        assert site.safepoint("doctor", "--fix").code == 0
        site.assert_clean()
        assert site.safepoint("points", "list", "-o", "json").json["items"] == []
        assert site.safepoint("run", "everything").code == 0
