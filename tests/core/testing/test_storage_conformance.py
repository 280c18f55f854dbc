"""The rules for looking at storage: the reference keeps them, and each mutant breaks just one."""

from __future__ import annotations

import pytest
from tests.core.testing.mutants import Mutants
from typing_extensions import override

from safepoint.errors import DriverError
from safepoint.testing import STORAGE_RULES, StorageSuite
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness_storage import ReferenceStorageHarness

MUTANTS = Mutants(STORAGE_RULES, ReferenceStorageHarness)
breaks = MUTANTS.breaks


class TestReference(StorageSuite):
    """The reference driver keeps every rule."""

    harness_class = ReferenceStorageHarness


@breaks("every-file-of-a-disk-is-listed")
class Fixed(ReferenceDriver):
    """Tells the same size of every file."""

    @override
    def disk_files(self, query, /):
        for one in super().disk_files(query):
            yield one.model_copy(update={"size_bytes": 1})


@breaks("disks-of-vms-are-among-the-files")
class Upper(ReferenceDriver):
    """Tells paths in capitals: they match no disk of a VM any more, but for people's eyes."""

    @override
    def disk_files(self, query, /):
        for one in super().disk_files(query):
            is_base = not one.parent
            path = one.path.upper() if is_base else one.path
            yield one.model_copy(update={"path": path})


@breaks("a-differencing-file-names-its-parent")
class Orphaning(ReferenceDriver):
    """Never looks into files."""

    @override
    def disk_files(self, query, /):
        for one in super().disk_files(query):
            yield one.model_copy(update={"parent": ""})


@breaks("a-file-without-its-parent-says-so")
class Smooth(ReferenceDriver):
    @override
    def disk_files(self, query, /):
        for one in super().disk_files(query):
            yield one.model_copy(update={"problem": ""})


@breaks("a-share-that-is-away-is-never-an-empty-one")
class Empty(ReferenceDriver):
    """A share that does not answer has no files."""

    @override
    def disk_files(self, query, /):
        try:
            yield from super().disk_files(query)
        except DriverError:
            return


@breaks("the-room-is-told")
class Roomy(ReferenceDriver):
    """Tells the size of the share as its room."""

    @override
    def share_spaces(self, cluster, /):
        for one in super().share_spaces(cluster):
            twice = one.free_bytes and one.free_bytes * 2
            yield one.model_copy(update={"free_bytes": twice})


def test_every_rule_has_its_mutant() -> None:
    assert set(MUTANTS.of) == set(MUTANTS.rules)


@pytest.mark.parametrize("rule", sorted(MUTANTS.rules))
def test_a_mutant_breaks_its_rule_and_no_other(rule: str) -> None:
    assert MUTANTS.broken_by(MUTANTS.of[rule]) == {rule}
