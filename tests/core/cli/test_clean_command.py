"""`safepoint checkpoint clean` and `doctor` from the outside, where a person slips."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from safepoint.cli import session
from safepoint.cli.app import main
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import World

Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def our_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the journal's clock be the world's, so that time passes when the test says so."""
    monkeypatch.setattr(session, "Store", lambda home: Store(home, clock=world.clock.now))


def findings(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    main([*words, "-o", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    return found


def test_a_vm_that_nobody_has_is_no_estate_in_order(world: World, capsys: Capture) -> None:
    assert main(["checkpoint", "clean", "--vm", "alhpa"]) == 2
    assert "no VM is called alhpa" in capsys.readouterr().err
    assert main(["checkpoint", "clean", "--vm", "ALPHA"]) == 0


def test_doctor_tells_of_an_expired_checkpoint_also_after_it_has_fixed_the_rest(
    world: World, capsys: Capture
) -> None:
    assert main(["checkpoint", "create", "alpha", "--expires", "1s"]) == 0
    world.clock.sleep(60)

    assert [one["code"] for one in findings(capsys, "doctor")] == ["checkpoint-expired"]
    (told,) = findings(capsys, "doctor", "--fix")
    assert told["code"] == "checkpoint-expired"
    assert main(told["hint"].split()[1:]) == 0
    assert not world.checkpoint_ids()
    assert findings(capsys, "doctor") == []


def test_whoever_interrupts_a_clean_up_is_told_how_it_stands(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["checkpoint", "create", "alpha", "--expires", "1s"]) == 0
    world.clock.sleep(60)
    world.faults.slow("merge")

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    waiter = Waiter(interrupt, world.clock.monotonic)
    monkeypatch.setattr(session, "Waiter", lambda: waiter)
    assert main(["checkpoint", "clean", "--apply"]) == 130
    assert "interrupted in step 1 of 1" in capsys.readouterr().err
