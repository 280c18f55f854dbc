"""What the driver says of what it was never given to read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from safepoint.drivers import Ability, DriverContext, SupportLevel
from safepoint.errors import InvalidRequestError
from safepoint.models.checkpoints import CheckpointQuery
from safepoint.models.refs import Ref
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings
from safepoint_native.shelf import Shelf


def _driver(folder: Path) -> NativeDriver:
    settings = NativeSettings(
        username="LAB\\svc", password=SecretStr("x"), repository=folder / "repository"
    )
    context = DriverContext("hosts", lambda: datetime.now(UTC), folder / "memory", ())
    return NativeDriver(settings, context)


def test_a_cluster_that_is_not_in_the_estate_is_no_vm_that_is_gone(tmp_path: Path) -> None:
    """An open checkpoint on it would be taken for released, though nobody looked."""
    driver = _driver(tmp_path)
    vm = Ref(kind="workload", system="clu1", id="VM1")
    with pytest.raises(InvalidRequestError, match="does not read a cluster 'clu1'"):
        list(driver.checkpoints(CheckpointQuery(cluster="clu1", workload=vm)))
    with pytest.raises(InvalidRequestError):
        driver.merge_status(vm)


def test_nothing_can_be_copied_while_the_repository_is_away(tmp_path: Path) -> None:
    """A run asks before it makes a checkpoint; what is no repository at all is told, too."""
    driver = _driver(tmp_path)
    assert driver.support()[Ability.COPY].level is SupportLevel.SUPPORTED
    Shelf("hosts", tmp_path / "repository", tmp_path / "memory").open()
    assert driver.support()[Ability.COPY].level is SupportLevel.SUPPORTED
    (tmp_path / "repository").rename(tmp_path / "elsewhere")

    answer = driver.support()[Ability.COPY]
    assert answer.level is SupportLevel.NOT_AVAILABLE
    assert "any more" in answer.reason
    assert driver.support()[Ability.RESTORE].level is SupportLevel.SUPPORTED
