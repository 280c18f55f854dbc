"""What is not done to a VM that takes part in a replication."""

from __future__ import annotations

import pytest

from safepoint.errors import ConflictError
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState, Workload
from safepoint.runs.replicated import refuse_checkpoint_on_replica, refuse_restore_over_replicated


def vm(replication: str, power: PowerState = PowerState.OFF) -> Workload:
    return Workload(
        ref=Ref(kind="workload", system="dr", id="A1"),
        name="sql01",
        cluster="dr",
        node="hv11",
        power=power,
        is_replica=replication == "replica",
        replication=replication,
    )


def test_a_receiving_replica_takes_no_checkpoint() -> None:
    with pytest.raises(ConflictError, match="is a replica"):
        refuse_checkpoint_on_replica(vm("replica"))
    refuse_checkpoint_on_replica(vm("replica", PowerState.RUNNING))  # failed over
    refuse_checkpoint_on_replica(vm("primary", PowerState.RUNNING))
    refuse_checkpoint_on_replica(vm(""))


@pytest.mark.parametrize("side", ["primary", "replica", "extended-replica"])
def test_nothing_is_restored_over_either_side(side: str) -> None:
    with pytest.raises(ConflictError, match=f"replicated \\({side}\\)") as caught:
        refuse_restore_over_replicated(vm(side))
    assert "--to-name" in caught.value.hint
    refuse_restore_over_replicated(vm(""))
