"""What the driver says of what it was never given to read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.errors import InvalidRequestError
from safepoint.models.checkpoints import CheckpointQuery
from safepoint.models.refs import Ref
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings


def test_a_cluster_that_is_not_in_the_estate_is_no_vm_that_is_gone(tmp_path: Path) -> None:
    """An open checkpoint on it would be taken for released, though nobody looked."""
    settings = NativeSettings(username="LAB\\svc", password=SecretStr("x"))
    context = DriverContext("hosts", lambda: datetime.now(UTC), tmp_path, ())
    driver = NativeDriver(settings, context)
    vm = Ref(kind="workload", system="clu1", id="VM1")
    with pytest.raises(InvalidRequestError, match="does not read a cluster 'clu1'"):
        list(driver.checkpoints(CheckpointQuery(cluster="clu1", workload=vm)))
    with pytest.raises(InvalidRequestError):
        driver.merge_status(vm)
