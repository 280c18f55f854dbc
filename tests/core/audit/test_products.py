"""What a product's runs say of a VM."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from safepoint.audit import ProductView
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunState, Task

VM = Ref(kind="workload", system="clu1", id="VM1")
OTHER = Ref(kind="workload", system="clu1", id="VM2")


def view(state: RunState, *tasks: tuple[Ref, RunState]) -> ProductView:
    made = tuple(
        Task(id=vm.id, run="r", workload=vm, workload_name=vm.id, state=of_vm)
        for vm, of_vm in tasks
    )
    began = datetime(2026, 1, 5, tzinfo=UTC)
    run = Run(id="r", job="gold", connection="vbr", state=state, requested_at=began, tasks=made)
    return ProductView("vbr", "veeam", "Veeam Backup & Replication", (run,))


@pytest.mark.parametrize("of_vm", [RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED])
def test_a_run_has_its_vms_until_it_has_ended(of_vm: RunState) -> None:
    """Whatever it says of one of them: the product may come back to it."""
    assert view(RunState.RUNNING, (VM, of_vm)).running(VM) is not None
    assert view(RunState.SUCCEEDED, (VM, of_vm)).running(VM) is None


def test_a_run_of_other_vms_is_none_of_this_one() -> None:
    assert view(RunState.RUNNING, (OTHER, RunState.RUNNING)).running(VM) is None


def test_a_run_that_does_not_say_its_vms_may_have_any() -> None:
    assert view(RunState.RUNNING).running(VM) is not None
