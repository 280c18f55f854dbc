"""`safepoint run` and `safepoint runs` for jobs that a product carries out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from safepoint.cli.app import main
from safepoint.cli.places import state_dir
from safepoint.errors import AuthenticationError, UnreachableError
from safepoint.models.runs import RunLevel
from safepoint.models.workloads import workload_ref
from safepoint.runs.recover import lease_key
from safepoint.store import Store
from safepoint_lab.reference import Failure, World

Capture: TypeAlias = pytest.CaptureFixture[str]


def answer(capsys: Capture) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def test_run_shows_each_vm_with_its_checkpoint_proved_gone(world: World, capsys: Capture) -> None:
    assert main(["run", "gold"]) == 0

    out, err = capsys.readouterr()
    assert "succeeded" in out
    assert "alpha" in out
    assert "alpha: copying" in err
    assert not world.checkpoint_ids()


def test_run_as_a_document_has_the_products_word_and_handle(world: World, capsys: Capture) -> None:
    assert main(["run", "gold", "-o", "json"]) == 0

    run = answer(capsys)
    (theirs,) = world.backups.runs
    assert (run["state"], run["native_state"], run["ref"]["id"]) == ("succeeded", "done", theirs)
    assert [task["is_released"] for task in run["tasks"]] == [True, True]


def test_checkpoint_left_behind_is_exit_3_with_owner_and_advice(
    world: World, capsys: Capture
) -> None:
    """Though the product said success."""
    world.faults.leave_checkpoint()

    assert main(["run", "gold", "--checkpoint-deadline", "30s"]) == 3

    out, err = capsys.readouterr()
    assert "is left on node1" in out
    assert "'acme'" in out
    assert "what to do:" in err


def test_doctor_tells_what_a_product_left_until_it_is_gone(world: World, capsys: Capture) -> None:
    world.faults.leave_checkpoint()
    assert main(["run", "gold", "--checkpoint-deadline", "30"]) == 3
    capsys.readouterr()

    assert main(["doctor", "-o", "json"]) == 3
    findings = answer(capsys)["items"]
    assert [(one["code"], one["field"]) for one in findings] == [("product-left", "alpha")]
    assert "run" in findings[0]["summary"]
    assert "checkpoint audit" in findings[0]["hint"]

    for machine in world.machines.values():
        for frozen in tuple(machine.frozen):
            world.thaw(machine, frozen)
    world.drain()
    assert main(["doctor"]) == 0


def test_doctor_tells_of_a_checkpoint_whose_end_nobody_waited_for(
    world: World, capsys: Capture
) -> None:
    world.faults.leave_checkpoint()
    refusal = AuthenticationError("no access to the hosts")
    world.faults.refuse("checkpoints", refusal, times=1000)
    assert main(["run", "gold"]) == 3
    world.faults = type(world.faults)()
    capsys.readouterr()

    assert main(["doctor", "-o", "json"]) == 3
    (finding,) = answer(capsys)["items"]
    assert (finding["code"], finding["field"]) == ("product-left", "alpha")
    assert "nobody saw run" in finding["summary"]


def test_partial_is_exit_3_and_total_failure_exit_9(world: World) -> None:
    world.faults.fail("backup", Failure("quiesce", "the guest does not answer"))
    assert main(["run", "gold"]) == 3

    world.faults.fail("backup", Failure("quiesce", "the guest does not answer"), times=2)
    assert main(["run", "gold"]) == 9


def test_hosts_out_of_reach_do_not_keep_the_product_from_working(
    world: World, capsys: Capture
) -> None:
    """It is said that nothing is proved, and the exit code says it too."""
    refusal = AuthenticationError("no access to the hosts")
    world.faults.refuse("checkpoints", refusal, times=1000)

    assert main(["run", "gold", "-o", "json"]) == 3

    assert [task["is_released"] for task in answer(capsys)["tasks"]] == [None, None]


def test_single_vm_and_level_reach_the_product(world: World, capsys: Capture) -> None:
    assert main(["run", "gold", "--vm", "BETA", "--level", "full", "-o", "json"]) == 0

    run = answer(capsys)
    assert [task["workload_name"] for task in run["tasks"]] == ["beta"]
    assert run["level"] == "full"


def test_vm_that_the_job_does_not_select_is_refused(world: World, capsys: Capture) -> None:
    assert main(["run", "gold", "--vm", "gamma"]) == 2
    assert not world.backups.runs


def test_level_the_product_has_not_is_exit_5(world: World, capsys: Capture) -> None:
    assert main(["run", "gold", "--level", "synthetic-full"]) == 5
    assert "no synthetic-full run" in capsys.readouterr().err


def test_held_vm_is_exit_7_before_the_product_is_asked(world: World, capsys: Capture) -> None:
    with Store(state_dir()) as store:
        other = store.executors.enter()
        alpha = workload_ref("ref1", next(iter(world.machines)))
        store.leases.take(lease_key(alpha), other.id, purpose="another run")

        assert main(["run", "gold"]) == 7

        store.executors.leave(other)
    assert not world.backups.runs
    assert "alpha" in capsys.readouterr().err


def test_products_own_run_is_exit_8_or_joined(world: World, capsys: Capture) -> None:
    alpha, beta, _ = world.machines
    world.backups.start(world, "gold", [alpha, beta], RunLevel.FULL)

    assert main(["run", "gold"]) == 8
    assert "--follow" in capsys.readouterr().err

    assert main(["run", "gold", "--follow"]) == 0
    assert len(world.backups.runs) == 1


def test_waiting_gives_the_products_own_run_its_time(world: World, capsys: Capture) -> None:
    alpha, beta, _ = world.machines
    world.backups.start(world, "gold", [alpha, beta], RunLevel.FULL)

    assert main(["run", "gold", "--wait", "10m"]) == 0

    assert len(world.backups.runs) == 2
    assert "waiting: job 'gold' runs already" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["soon", "5", "0s"])
def test_wait_that_is_no_length_of_time_is_refused(
    world: World, capsys: Capture, text: str
) -> None:
    assert main(["run", "gold", "--wait", text]) == 2
    assert "--wait" in capsys.readouterr().err


# --- runs ------------------------------------------------------------------------------------------


def test_list_has_ours_and_theirs_each_once(world: World, capsys: Capture) -> None:
    main(["run", "gold"])
    alpha = next(iter(world.machines))
    world.backups.start(world, "gold", [alpha], RunLevel.FULL)
    capsys.readouterr()

    assert main(["runs", "list", "-o", "json"]) == 0

    items = answer(capsys)["items"]
    begun = sorted((one["begun_by"], one["ref"]["id"]) for one in items)
    ours, theirs = world.backups.runs
    assert begun == [("product", theirs), ("safepoint", ours)]


def test_dead_connection_hides_no_other_and_is_named(world: World, capsys: Capture) -> None:
    main(["run", "gold"])
    add_dead_connection()
    capsys.readouterr()

    assert main(["runs", "list"]) == 8

    out, err = capsys.readouterr()
    assert "succeeded" in out
    assert "'gone'" in err
    assert main(["runs", "list", "--ours"]) == 0


def add_dead_connection() -> None:
    path = Path("estate.yaml")
    dead = (
        "---\napiVersion: safepoint/v1\nkind: Connection\nmetadata: {name: gone}\n"
        "spec: {driver: reference, settings: {world: nowhere}}\n"
    )
    path.write_text(path.read_text("utf-8") + dead, "utf-8")


def test_run_of_the_products_schedule_can_be_shown_paused_and_cancelled(
    world: World, capsys: Capture
) -> None:
    alpha, beta, _ = world.machines
    theirs = world.backups.start(world, "gold", [alpha, beta], RunLevel.FULL)

    assert main(["runs", "show", theirs.id]) == 0
    assert "begun by the product" in capsys.readouterr().out
    words: list[bool] = []
    for verb in ("suspend", "resume"):
        assert main(["runs", verb, theirs.id]) == 0
        words.append(theirs.is_on_hold)
    assert words == [True, False]
    assert main(["runs", "cancel", theirs.id]) == 0
    assert theirs.is_stopped


def test_run_that_was_given_up_can_be_followed_to_its_end(world: World, capsys: Capture) -> None:
    world.faults.refuse("follow_runs", UnreachableError("no route"), times=1000)
    assert main(["run", "gold", "-o", "json"]) == 8
    world.faults.refusals._waiting.clear()
    assert answer(capsys)["error"]["code"] == "unreachable"
    assert main(["runs", "list", "--ours", "-o", "json"]) == 0
    run = answer(capsys)["items"][0]
    assert run["state"] == "interrupted"
    assert main(["doctor", "-o", "json"]) == 3
    assert "run-unfollowed" in {one["code"] for one in answer(capsys)["items"]}

    assert main(["runs", "follow", run["id"]]) == 0

    assert main(["runs", "show", run["id"], "-o", "json"]) == 0
    capsys.readouterr()
    assert len(world.backups.runs) == 1


def test_unknown_run_names_what_could_not_be_asked(world: World, capsys: Capture) -> None:
    add_dead_connection()

    assert main(["runs", "cancel", "no-such-run"]) == 2

    assert "gone" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "0.5", "soon", "inf", "-1"])
def test_deadline_that_is_none_is_refused_before_anything_is_done(
    world: World, capsys: Capture, text: str
) -> None:
    assert main(["run", "gold", f"--checkpoint-deadline={text}"]) == 2

    assert "--checkpoint-deadline" in capsys.readouterr().err
    assert not world.backups.runs
