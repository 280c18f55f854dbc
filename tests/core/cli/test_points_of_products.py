"""Restore points, restores and instant recoveries of products, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from safepoint.cli.app import main
from safepoint.cli.places import state_dir
from safepoint.models.runs import RunLevel
from safepoint.models.workloads import workload_ref
from safepoint.runs.recover import lease_key
from safepoint.store import Store
from safepoint_lab.reference import Failure, World

Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def backed_up(world: World, capsys: Capture) -> None:
    """A product that keeps restore points of its own run, and knows no repository of ours."""
    alpha, beta, _ = world.machines
    world.backups.start(world, "gold", [alpha, beta], RunLevel.FULL)
    world.drain()
    world.pace.restore_seconds = 0.1


def answer(capsys: Capture) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def add_dead_connection() -> None:
    path = Path("estate.yaml")
    dead = (
        "---\napiVersion: safepoint/v1\nkind: Connection\nmetadata: {name: gone}\n"
        "spec: {driver: reference, settings: {world: nowhere}}\n"
    )
    path.write_text(path.read_text("utf-8") + dead, "utf-8")


# --- points ----------------------------------------------------------------------------------------


def test_points_of_a_product_are_neither_missing_nor_damaged(capsys: Capture) -> None:
    assert main(["points", "list", "--connection", "acme", "-o", "json"]) == 0

    items = answer(capsys)["items"]
    assert [one["workload_name"] for one in items] == ["alpha", "beta"]
    assert [one["problem"] for one in items] == ["", ""]


def test_points_that_the_product_aged_out_are_not_called_missing(
    world: World, capsys: Capture
) -> None:
    """What a product keeps is its own to age: nothing of it was recorded."""
    main(["run", "gold"])
    world.repository.points.clear()
    capsys.readouterr()

    assert main(["points", "list"]) == 0
    assert "missing" not in capsys.readouterr().out


def test_dead_connection_hides_no_points_and_is_named(capsys: Capture) -> None:
    add_dead_connection()

    assert main(["points", "list"]) == 8

    out, err = capsys.readouterr()
    assert "alpha" in out
    assert "'gone'" in err


def test_restore_of_the_latest_says_who_may_have_a_newer_one(
    world: World, capsys: Capture
) -> None:
    add_dead_connection()

    assert main(["restore", "alpha", "--to-name", "alpha2", "--point", point(world)]) == 0
    assert main(["restore", "alpha", "--to-name", "alpha3"]) == 0

    assert "'gone' may have a newer restore point" in capsys.readouterr().err
    assert {"alpha2", "alpha3"} <= {machine.name for machine in world.machines.values()}


def point(world: World) -> str:
    return next(iter(world.repository.points))


# --- instant recovery --------------------------------------------------------------------------------


def test_vm_runs_at_once_and_is_moved_to_production(world: World, capsys: Capture) -> None:
    assert main(["restore", "alpha", "--instant", "--to-name", "quick", "--start"]) == 0
    assert "runs from backup storage" in capsys.readouterr().out

    assert main(["instant", "list", "-o", "json"]) == 0
    (one,) = answer(capsys)["items"]
    assert (one["workload_name"], one["state"]) == ("quick", "mounted")

    assert main(["instant", "migrate", "quick"]) == 0
    assert "quick" in {machine.name for machine in world.machines.values()}
    assert not world.mounts.mounts


def test_stopping_needs_the_name_and_removes_the_vm(world: World, capsys: Capture) -> None:
    main(["restore", "alpha", "--instant", "--to-name", "quick"])

    assert main(["instant", "stop", "quick"]) == 2
    assert "quick" in {machine.name for machine in world.machines.values()}
    assert main(["instant", "stop", "quick", "--yes", "quick"]) == 0
    assert "quick" not in {machine.name for machine in world.machines.values()}


def test_lost_answer_is_settled_by_looking(world: World, capsys: Capture) -> None:
    world.faults.lose_answer("start_instant_recovery")

    assert main(["restore", "alpha", "--instant", "--to-name", "quick"]) == 0
    assert len(world.mounts.mounts) == 1


def test_failed_mount_and_failed_move_are_exit_9_with_the_products_words(
    world: World, capsys: Capture
) -> None:
    world.faults.fail("start_instant_recovery", Failure("storage", "the mount server is full"))
    assert main(["restore", "alpha", "--instant", "--to-name", "slow"]) == 9
    assert "the mount server is full" in capsys.readouterr().err

    main(["restore", "alpha", "--instant", "--to-name", "quick"])
    world.faults.fail("migrate_instant_recovery", Failure("storage", "no space on the share"))
    assert main(["instant", "migrate", "quick"]) == 9
    assert "no space on the share" in capsys.readouterr().err


def test_vm_that_somebody_stopped_while_it_was_moved_is_not_called_moved(
    world: World, capsys: Capture
) -> None:
    main(["restore", "alpha", "--instant", "--to-name", "quick"])
    (mount,) = world.mounts.mounts.values()
    sleep = world.clock.sleep

    def stopped_by_somebody(seconds: float) -> None:
        sleep(seconds)
        if mount.word == "being moved":
            world.mounts.stop(world, mount)

    world.clock.sleep = stopped_by_somebody  # type: ignore[method-assign]

    assert main(["instant", "migrate", "quick"]) == 9
    assert "no VM either" in capsys.readouterr().err


def test_instant_in_place_needs_the_name(world: World, capsys: Capture) -> None:
    assert main(["restore", "alpha", "--instant", "--in-place"]) == 2
    assert not world.mounts.mounts
    assert main(["restore", "alpha", "--instant", "--in-place", "--yes", "alpha"]) == 0


@pytest.mark.parametrize("how", [[], ["--instant"]])
def test_vm_that_is_replicated_is_not_replaced(
    world: World, capsys: Capture, how: list[str]
) -> None:
    """Whichever way it would be restored: both sides would be out of step."""
    alpha, _, _ = world.machines
    world.replication.relate(alpha, "ref2")
    assert main(["restore", "alpha", *how, "--in-place", "--yes", "alpha"]) == 8

    assert "is replicated (primary)" in capsys.readouterr().err
    assert not world.mounts.mounts


# --- restores in place wait or refuse as runs do ---------------------------------------------------


def test_restore_in_place_of_a_vm_that_is_worked_on_is_refused(
    world: World, capsys: Capture
) -> None:
    """A run of safepoint is told by its lease, a run of the product by the product."""
    ref = workload_ref(world.cluster, next(iter(world.machines)))
    wish = ["restore", "alpha", "--in-place", "--stop", "--yes", "alpha"]
    with Store(state_dir()) as store:
        executor = store.executors.enter()
        lease = store.leases.take(lease_key(ref), executor.id, purpose="run of job gold")
        assert main(wish) == 7
        assert "VM alpha" in capsys.readouterr().err
        store.leases.give_back(lease)
        store.executors.leave(executor)
    world.backups.start(world, "gold", list(world.machines)[:2], RunLevel.FULL)
    assert main(wish) == 8
    assert "is being worked on by run" in capsys.readouterr().err

    assert main([*wish, "--wait", "2h"]) == 0
    assert "waiting: VM alpha" in capsys.readouterr().err


def test_checkpoint_of_the_run_that_is_waited_for_stands_in_nobodys_way(
    world: World, capsys: Capture
) -> None:
    """It goes with its run; so checkpoints are looked at after the wait."""
    machine = next(iter(world.machines.values()))
    world.backups.start(world, "gold", [machine.id], RunLevel.FULL)
    world.clock.sleep(world.pace.create_seconds + 0.1)
    world.settle()
    assert machine.frozen

    wish = ["restore", "alpha", "--in-place", "--stop", "--yes", "alpha", "--wait", "2h"]
    assert main(wish) == 0
    assert "waiting: VM alpha" in capsys.readouterr().err


def test_restore_in_place_spares_what_another_product_holds(world: World, capsys: Capture) -> None:
    machine = next(iter(world.machines.values()))
    world.add_foreign_checkpoint(machine.id, name="Bareos JobId 4711")

    assert main(["restore", "alpha", "--in-place", "--stop", "--yes", "alpha"]) == 8

    assert "is not ours: 'Bareos JobId 4711'" in capsys.readouterr().err
    assert [one.name for one in machine.frozen] == ["Bareos JobId 4711"]


def test_waiting_is_for_restores_in_place(capsys: Capture) -> None:
    assert main(["restore", "alpha", "--to-name", "new", "--wait", "2h"]) == 2
    assert "--wait" in capsys.readouterr().err
