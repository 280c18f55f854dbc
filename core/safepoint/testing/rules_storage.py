"""The rules of `CanInspectStorage`, and the harness that knows what lies on the shares."""

from __future__ import annotations

from abc import abstractmethod

from safepoint.drivers import CanInspectStorage
from safepoint.errors import DriverError
from safepoint.models.storage import DiskFile, DiskFileKind, DiskFileQuery, ShareSpace
from safepoint.testing.harness import CheckpointHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_checkpoint import gone, made, some_vm
from safepoint.testing.rules_required import raised, workloads

__all__ = ["STORAGE_RULES", "StorageHarness"]

rule: RuleBook[StorageHarness] = RuleBook()


class StorageHarness(CheckpointHarness):
    """A harness for drivers that make checkpoints and look at the storage below."""

    @abstractmethod
    def open_inspecting(self) -> CanInspectStorage:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def true_disk_files(self) -> dict[str, int]:
        """Return path and size of every file of a virtual disk on the cluster's shares."""

    @abstractmethod
    def leave_stray_file(self) -> str:
        """Put a differencing file that nobody uses, of some size, into a folder of its own.

        Returns its path. Its parent is not there.
        """

    @abstractmethod
    def take_share_away(self) -> None:
        """Let a share of the cluster be away until `heal`."""

    @abstractmethod
    def true_free_bytes(self, share: str) -> int:
        """Return the room on a share."""


def spaces(harness: StorageHarness) -> list[ShareSpace]:
    """Return the shares as the driver tells them."""
    return list(harness.open_inspecting().share_spaces(harness.cluster))


def files(harness: StorageHarness) -> dict[str, DiskFile]:
    """Return the files of all shares as the driver tells them, by path."""
    driver = harness.open_inspecting()
    found: dict[str, DiskFile] = {}
    for space in spaces(harness):
        query = DiskFileQuery(cluster=harness.cluster, share=space.path)
        found |= {one.path: one for one in driver.disk_files(query)}
    return found


@rule
def every_file_of_a_disk_is_listed(harness: StorageHarness) -> None:
    """All of them, in every folder, attached or not, with their sizes; and nothing else."""
    harness.leave_stray_file()
    told = {path.casefold(): one.size_bytes for path, one in files(harness).items()}
    assert told == {path.casefold(): size for path, size in harness.true_disk_files().items()}


@rule
def disks_of_vms_are_among_the_files(harness: StorageHarness) -> None:
    """The path of a disk and the path of its file are the same, so that they can be joined."""
    attached = {d.path for w in workloads(harness.open(), harness.cluster) for d in w.disks}
    assert attached, "no VM has a disk"
    missing = attached - set(files(harness))
    assert not missing, f"disks without a file: {sorted(missing)}"


@rule
def a_differencing_file_names_its_parent(harness: StorageHarness) -> None:
    """Under a checkpoint, the file in use stands on the file that the checkpoint froze."""
    driver = harness.open_checkpointing()
    checkpoint = made(driver, harness, some_vm(driver, harness))
    frozen = {disk.path.casefold() for disk in checkpoint.disks}
    above = {one.parent.casefold() for one in files(harness).values() if one.parent}
    assert frozen <= above, f"no file stands on {sorted(frozen - above)}"
    gone(driver, harness, checkpoint)


@rule
def a_file_without_its_parent_says_so(harness: StorageHarness) -> None:
    """It is a row with a problem and its kind, neither left out nor an error."""
    path = harness.leave_stray_file()
    found = files(harness).get(path)
    assert found is not None, f"{path} is left out"
    assert found.kind is DiskFileKind.DIFFERENCING, f"it is told as {found.kind}"
    assert found.problem, "it has no problem"


@rule
def a_share_that_is_away_is_never_an_empty_one(harness: StorageHarness) -> None:
    """It is told among the shares with its problem, and listing its files raises."""
    names = {one.path for one in spaces(harness)}
    harness.take_share_away()
    told = spaces(harness)
    assert {one.path for one in told} == names, "the list of shares has changed"
    away = [one for one in told if one.problem]
    assert away, "no share has a problem"
    assert all(one.free_bytes is None for one in away), "a share that is away has room"
    for share in away:
        query = DiskFileQuery(cluster=harness.cluster, share=share.path)
        error = raised(lambda: harness.open_inspecting().disk_files(query))  # noqa: B023 - called at once
        assert isinstance(error, DriverError), f"listing its files: {error!r}"
    harness.heal()


@rule
def the_room_is_told(harness: StorageHarness) -> None:
    """As much as may still be written; an estimate may be off by a little."""
    for share in spaces(harness):
        true = harness.true_free_bytes(share.path)
        assert share.free_bytes is not None, f"{share.path}: {share.problem}"
        off = abs(share.free_bytes - true)
        assert off <= max(true // 10, 64 << 20), f"{share.path}: {share.free_bytes}, not {true}"


#: All of them.
STORAGE_RULES: tuple[Rule[StorageHarness], ...] = tuple(rule.rules)
