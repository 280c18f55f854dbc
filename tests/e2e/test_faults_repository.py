"""Repositories that are full, damaged or empty."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from safepoint_lab.daemon import Lab


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


@pytest.fixture
def repository(site):
    """The folder of the lab's repository, empty before and after."""
    folder = site.lab.folder.repository
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class FullDisk:
    """The `os` module of a machine whose disk is full after so many writes."""

    def __init__(self, writes: int) -> None:
        self._left = writes

    def __getattr__(self, name):
        return getattr(os, name)

    def pwritev(self, *arguments):
        """Write, or say that there is no space left."""
        self._left -= 1
        if self._left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.pwritev(*arguments)


@pytest.mark.skipif(not hasattr(os, "pwritev"), reason="the hook is of POSIX")
def test_a_full_repository_ends_the_copy_not_the_care(site, repository) -> None:
    """Checkpoints are released, nothing unsealed stays, and with room the next run succeeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safepoint_native.sources.filesystem.os", FullDisk(12))
        said = site.safepoint("run", "everything", "-o", "json")

    assert said.code == 9
    for task in said.json["tasks"]:
        assert task["error"]["code"] == "storage-full"
        assert str(repository) in task["error"]["message"]
        assert "No space left" in task["error"]["message"]
        assert "Free space there" in task["error"]["hint"]
        assert task["is_released"]
    site.assert_clean()
    assert site.safepoint("points", "list", "-o", "json").json["items"] == []

    assert site.safepoint("run", "everything").code == 0
    assert site.safepoint("points", "verify").code == 0
    site.assert_clean()


def truncate(path) -> None:
    """Keep the first half."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path) -> None:
    """Turn the byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, os.remove])
@pytest.mark.parametrize("place", ["packs", "points"])
def test_verify_finds_damage_and_names_vm_and_file(site, repository, place, damage) -> None:
    """Exit 3, the VM's point, the file and what is wrong with it; restoring it is refused."""
    assert site.safepoint("run", "everything", "--vm", "sql01").code == 0
    files = [path for path in (repository / place).rglob("*") if path.is_file()]
    damaged = max(files, key=lambda path: path.stat().st_size)
    damage(damaged)

    said = site.safepoint("points", "verify", "-o", "json")

    findings = said.json["findings"]
    assert said.code == 3
    assert findings
    assert {finding["vm"] for finding in findings} == {"sql01"}
    told = " ".join(f"{finding['file']} {finding['problem']}" for finding in findings)
    assert place == "points" or damaged.name in told
    assert "0 of 1 restore points are good" in said.err
    assert "sql01" in site.safepoint("points", "verify", "--vm", "sql01").out
    restored = site.safepoint("restore", "sql01", "--to-name", "never")
    assert restored.code != 0
    assert "never" not in {vm.name for vm in site.lab.operations.vms()}

    # What was damaged is not leaned on: the next point stands by itself.
    again = site.safepoint("run", "everything", "--vm", "sql01", "-o", "json")
    assert again.code == 0, again.err
    point = again.json["tasks"][0]["point"]["id"]
    assert site.safepoint("points", "verify", point).code == 0


def test_an_empty_repository_is_no_error(site, repository) -> None:
    """Nothing was protected yet: nothing to list, nothing to verify, nothing to restore."""
    assert site.safepoint("points", "list", "-o", "json").json["items"] == []
    assert site.safepoint("points", "verify").code == 0
    said = site.safepoint("restore", "sql01", "--to-name", "copy")
    assert said.code == 2
    assert "sql01" in said.err
    assert site.safepoint("doctor").code == 0


def test_twice_in_a_row(site, repository) -> None:
    """The second run is as good as the first; both points verify."""
    for _ in range(2):
        assert site.safepoint("run", "everything").code == 0
        site.assert_clean()
    items = site.safepoint("points", "list", "-o", "json").json["items"]
    assert len(items) == 4
    assert site.safepoint("points", "verify").code == 0
