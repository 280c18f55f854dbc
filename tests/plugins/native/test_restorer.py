"""Replacing the disks of a VM: all of them or none, whatever fails in between."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from safepoint.errors import ConflictError, UnreachableError
from safepoint.models.refs import Ref
from safepoint.models.restores import RestoreRequest
from safepoint_native.restorer import Restorer
from safepoint_native.sources.mounted import MountedShares, ShareMap

ROOT = r"\\fs01\vms"


class Shaky(MountedShares):
    """Shares that go away at the n-th rename."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ShareMap.of({ROOT: folder}))
        self.fail_at: set[int] = set()
        self.renames = 0

    @override
    def rename(self, source: str, target: str, /) -> None:
        self.renames += 1
        if self.renames in self.fail_at:
            raise UnreachableError("the share is away")
        super().rename(source, target)


@pytest.fixture
def shaky(tmp_path):
    for name in ("a.vhdx", "b.vhdx"):
        (tmp_path / name).write_text(f"old {name}")
        (tmp_path / f"{name}.new").write_text(f"new {name}")
    return Shaky(tmp_path)


@pytest.fixture
def swap(shaky):
    restorer = Restorer(None, shaky, None, lambda: datetime.now(UTC))
    files = {rf"{ROOT}\{name}": rf"{ROOT}\{name}.new" for name in ("a.vhdx", "b.vhdx")}
    return lambda: restorer._swap(files, "stamp")


def test_every_disk_is_replaced_and_the_old_ones_are_kept(swap, tmp_path) -> None:
    """The old file lies beside the new one under another name."""
    swap()

    assert (tmp_path / "a.vhdx").read_text() == "new a.vhdx"
    assert (tmp_path / "b.vhdx").read_text() == "new b.vhdx"
    assert (tmp_path / "a.vhdx.before-restore-stamp").read_text() == "old a.vhdx"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_failure_puts_everything_back(swap, shaky, tmp_path, number) -> None:
    """A VM never has one old and one new disk."""
    shaky.fail_at = {number}
    with pytest.raises(UnreachableError):
        swap()

    assert (tmp_path / "a.vhdx").read_text() == "old a.vhdx"
    assert (tmp_path / "b.vhdx").read_text() == "old b.vhdx"
    assert (tmp_path / "a.vhdx.new").read_text() == "new a.vhdx"


def test_what_cannot_be_put_back_is_said_by_name(swap, shaky) -> None:
    """The administrator learns which file to rename."""
    shaky.fail_at = {3, 4}
    with pytest.raises(ConflictError, match=r"a\.vhdx") as caught:
        swap()

    assert "by hand" in caught.value.hint


def test_a_place_left_empty_by_a_dead_attempt_is_filled(swap, tmp_path) -> None:
    """The attempt after a crash between two renames heals the VM."""
    (tmp_path / "a.vhdx").unlink()
    swap()

    assert (tmp_path / "a.vhdx").read_text() == "new a.vhdx"


@pytest.fixture
def restorer(shaky):
    return Restorer(None, shaky, None, lambda: datetime.now(UTC))


def test_a_network_that_would_not_be_connected_is_said_and_not_ignored(restorer) -> None:
    """A restored adapter starts disconnected, so a wish for a network stands in the way."""
    point = Ref(kind="point", system="hosts", id="p1")
    request = RestoreRequest(point=point, cluster="hx1", new_name="copy", network="prod")

    assert "disconnected" in next(iter(restorer._blockers(request, None)))
