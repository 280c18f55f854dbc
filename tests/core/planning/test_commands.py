"""The planning commands, on the reference product."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, SecretStr

from safepoint.cli.app import main
from safepoint.cli.session import Session
from safepoint.drivers import DriverSpec
from safepoint.errors import ConflictError
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World

from_estate = "estate.yaml"


@pytest.fixture
def world(monkeypatch, tmp_path, estate_text) -> World:
    """A world whose driver the command line finds under the name `reference`."""
    world = World()
    for name in ("sql01", "web01"):
        world.add_machine(name, disks=1)
    spec = DriverSpec(
        name="reference",
        title="Reference",
        settings=ReferenceSettings,
        open=lambda settings, context: ReferenceDriver(world, settings, context),
    )
    host = SimpleNamespace(
        drivers={"reference": spec},
        driver=lambda _name: spec,
        plugins=(),
        add_commands=lambda _registrar: (),
    )
    monkeypatch.setattr(Session, "host", host)
    monkeypatch.chdir(tmp_path)
    Path(from_estate).write_text(estate_text, "utf-8")
    return world


@pytest.fixture
def run(capsys) -> Callable[..., SimpleNamespace]:
    def go(*words: str) -> SimpleNamespace:
        code = main(words)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return go


def edit(old: str, new: str) -> None:
    text = Path(from_estate).read_text("utf-8")
    assert old in text
    Path(from_estate).write_text(text.replace(old, new), "utf-8")


def test_plan_shows_changes_losses_and_changes_nothing(world, run) -> None:
    done = run("plan")

    assert done.code == 0
    assert "create" in done.out
    assert "job/sql" in done.out
    assert "the product counts whole days" in done.out
    assert "4 to create" in done.err
    assert world.writes == []
    assert run("plan", "--detailed-exitcode").code == 20


def test_saved_plan_is_applied_then_nothing_is_left(world, run) -> None:
    assert run("plan", "--out", "p.json").code == 0
    done = run("apply", "p.json")

    assert done.code == 0, done.err
    assert "[4/4]" in done.err
    assert "nothing left to do" in done.err
    again = run("plan", "--detailed-exitcode")
    assert again.code == 0
    assert "no changes" in again.err


def test_stale_and_foreign_plans_are_refused_with_exit_6(world, run) -> None:
    run("plan", "--out", "p.json")
    world.product.create("plan", "gold", "", {"consistency": "crash"})
    stale = run("apply", "p.json")
    assert stale.code == 6
    assert "the world moved" in stale.err
    edit("keepAtLeast: 3", "keepAtLeast: 5")
    other = run("apply", "p.json", "--json")
    assert other.code == 6
    assert json.loads(other.out)["error"]["code"] == "plan-stale"


def test_apply_asks_and_takes_silence_for_a_no(world, run, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    assert run("apply").code == 2
    assert world.writes == []
    assert run("apply", "--auto-approve").code == 0


def test_failure_says_what_was_done_and_how_to_go_on(world, run) -> None:
    world.faults.refusals.add("apply", None, 1)
    world.faults.refuse("apply", ConflictError("licence exceeded"))
    done = run("apply", "--auto-approve")

    assert done.code == 8
    assert "licence exceeded" in done.err
    assert "1 done, 3 not done" in done.err
    outcomes = [line.split()[0] for line in done.out.splitlines() if "/" in line]
    assert "failed" in outcomes
    assert run("apply", "--auto-approve").code == 0


def test_failure_in_json_tells_every_step_and_the_error(world, run) -> None:
    world.faults.refusals.add("apply", None, 1)
    world.faults.refuse("apply", ConflictError("licence exceeded"))
    done = run("apply", "--auto-approve", "--json")

    report = json.loads(done.out)
    assert done.code == 8
    assert report["error"]["message"] == "licence exceeded"
    assert [step["outcome"] for step in report["steps"]][:2] == ["done", "failed"]


def test_ctrl_c_stops_after_the_change_under_way_and_apply_goes_on(
    world, run, monkeypatch
) -> None:
    real = ReferenceDriver.apply

    def interrupted(self, change, /, *, key):
        done = real(self, change, key=key)
        if len(world.writes) == 2:
            signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(ReferenceDriver, "apply", interrupted)
    stopped = run("apply", "--auto-approve")

    assert stopped.code == 130
    assert "2 done, 2 not done" in stopped.err
    assert len(world.writes) == 2
    assert run("apply", "--auto-approve").code == 0
    assert len(world.product.objects) == 4


def test_guard_blocks_with_exit_6_until_named(world, run) -> None:
    run("apply", "--auto-approve")
    text = Path(from_estate).read_text("utf-8")
    Path(from_estate).write_text("---".join(text.split("---")[:-2]), "utf-8")

    assert run("plan").code == 3
    refused = run("apply", "--auto-approve")
    assert refused.code == 6
    assert "[deletes-many]" in refused.err
    going = ("job/web", "job/sql", "plan/gold", "server/ref1")
    named = [part for a in going for part in ("--allow-delete", a)]
    assert run("apply", "--auto-approve", *named).code == 0
    assert world.product.named("job", "web") == []


def test_a_job_with_restore_points_is_retired_and_only_deleted_by_name(world, run) -> None:
    run("apply", "--auto-approve")
    world.product.named("job", "web")[0].points = 3
    text = Path(from_estate).read_text("utf-8")
    Path(from_estate).write_text(text.rpartition("---")[0], "utf-8")

    shown = run("plan")
    assert (shown.code, "1 to retire" in shown.err) == (0, True)
    assert run("apply", "--auto-approve").code == 0
    assert world.product.named("job", "web")[0].body["paused"] is True
    assert run("apply", "--auto-approve", "--allow-delete", "job/web").code == 0
    assert world.product.named("job", "web") == []


def test_what_is_named_and_does_not_exist_is_told(world, run) -> None:
    misspelt = run("plan", "--accept", "observation-shrunkk")
    assert misspelt.code == 2
    assert "observation-shrunk" in misspelt.err
    idle = run("plan", "--allow-delete", "job/nobody")
    assert idle.code == 0
    assert "does not delete job/nobody" in idle.err
    run("plan", "--out", "p.json")
    assert run("apply", "p.json", "--allow-delete", "job/web").code == 2


def test_drift_by_field_with_exit_20(world, run) -> None:
    run("apply", "--auto-approve")
    assert run("drift", "--detailed-exitcode").code == 0
    world.product.named("plan", "gold")[0].body["fallback"] = "allow"
    done = run("drift", "--detailed-exitcode", "--json")

    assert done.code == 20
    (item,) = json.loads(done.out)["items"]
    assert (item["address"], item["field"], item["side"]) == ("plan/gold", "fallback", "product")
    assert (item["declared"], item["observed"]) == ("fail", "allow")


def test_import_writes_a_file_that_validates_and_plans_empty(world, run) -> None:
    run("apply", "--auto-approve")
    text = Path(from_estate).read_text("utf-8")
    Path(from_estate).write_text("---".join(text.split("---")[:2]), "utf-8")
    done = run("import", "acme", "--out", "imported")

    assert done.code == 0, done.err
    assert run("-e", from_estate, "-e", "imported", "validate").code == 0
    assert run("-e", from_estate, "-e", "imported", "plan", "--detailed-exitcode").code == 0
    assert run("import", "acme", "--out", "imported").code == 2
    kinds = [one["kind"] for one in json.loads(run("import", "acme", "--json").out)["documents"]]
    assert sorted(kinds) == ["Policy", "ProtectionJob", "ProtectionJob"]


def test_plan_file_holds_no_secret(world, run) -> None:
    run("plan", "--out", "p.json")

    assert world.password not in Path("p.json").read_text("utf-8")


@pytest.mark.parametrize("ident", ["deletes-data", "plan-stale", "vm-in-two-jobs"])
def test_explain(world, run, ident: str) -> None:
    done = run("explain", ident)

    assert done.code == 0
    assert len(done.out) > 80
    assert run("explain", "delets-data").code == 2
    assert ident in run("explain").out or ident == "plan-stale"


def test_what_many_documents_lose_alike_is_one_line(world, run) -> None:
    gold, web = "metadata: {name: gold}", "policy: gold, include: [{name: 'web*'}]"
    text = Path(from_estate).read_text("utf-8")
    silver = next(d for d in text.split("---\n") if gold in d).replace("gold", "silver")
    Path(from_estate).write_text(f"{text}---\n{silver}", "utf-8")
    edit(web, web.replace("gold", "silver"))
    done = run("plan")

    (line,) = [one for one in done.out.splitlines() if "spec.rpo" in one]
    assert "Policy/gold, Policy/silver" in line


def test_rules_that_only_read_are_tried_on_a_product_in_service(world, run) -> None:
    run("apply", "--auto-approve")
    writes = len(world.writes)
    done = run("plugin", "check", "acme", "--json")

    assert done.code == 0, done.out
    items = json.loads(done.out)["items"]
    assert {one["verdict"] for one in items} == {"kept"}
    assert {"refs-are-stable", "the-normal-form-is-idempotent"} <= {one["rule"] for one in items}
    assert len(world.writes) == writes


def test_an_unset_secret_is_not_looked_for_in_texts(world, run, monkeypatch) -> None:
    """An empty one is in every text; a set one that shows is still found."""

    class Settings(ReferenceSettings):
        second_password: SecretStr = SecretStr("")

    host = vars(Session)["host"]
    spec = replace(host.driver("reference"), settings=Settings)
    monkeypatch.setattr(host, "driver", lambda _name: spec)
    assert run("plugin", "check", "acme").code == 0

    monkeypatch.setattr(ReferenceDriver, "__repr__", lambda _self: World.password)
    done = run("plugin", "check", "acme")

    assert done.code == 3
    (line,) = [one for one in done.out.splitlines() if one.startswith("broken")]
    assert "secrets-stay-secret" in line


def test_a_secret_of_an_inner_account_is_looked_for_too(world, run, monkeypatch) -> None:
    class Account(BaseModel):
        password: SecretStr = SecretStr("of the inner account")

    class Settings(ReferenceSettings):
        accounts: tuple[Account, ...] = (Account(),)

    host = vars(Session)["host"]
    spec = replace(host.driver("reference"), settings=Settings)
    monkeypatch.setattr(host, "driver", lambda _name: spec)
    monkeypatch.setattr(ReferenceDriver, "__repr__", lambda _self: "of the inner account")
    done = run("plugin", "check", "acme")

    assert done.code == 3
    (line,) = [one for one in done.out.splitlines() if one.startswith("broken")]
    assert "secrets-stay-secret" in line


def test_a_broken_rule_is_told_with_exit_3(world, run, monkeypatch) -> None:
    real = ReferenceDriver.translate

    def forgetful(self, desired, /):
        done = real(self, desired)
        told = tuple(one for one in done.losses if one.field != "spec.rpo")
        return done.model_copy(update={"losses": told})

    monkeypatch.setattr(ReferenceDriver, "translate", forgetful)
    done = run("plugin", "check", "acme")

    assert done.code == 3
    (line,) = [one for one in done.out.splitlines() if one.startswith("broken")]
    assert "translating-is-total" in line
    assert "spec.rpo" in line


def test_a_product_that_does_not_answer_cannot_be_tried(world, run) -> None:
    world.password = "changed"
    assert run("plugin", "check", "acme").code == 8
    assert run("plugin", "check", "acmee").code == 2
