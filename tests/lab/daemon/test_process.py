"""The lab as a process of its own, on the command line."""

from __future__ import annotations

import json
import os
import signal

import pytest

from safepoint.cli.app import main
from safepoint_lab.daemon import Lab, LabClient
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, is_running

UP = ["--vms", "2", "--disk-size", "8M", "--bulk", "1M", "--smb", "path", "--speed", "25"]


@pytest.fixture
def folder(tmp_path):
    """A folder whose lab is ended after the test, however that went."""
    place = LabFolder.at(tmp_path / "lab")
    yield place
    end_lab(place)


@pytest.fixture
def say(folder, capsys):
    """Run `safepoint lab …`; return exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["lab", *words, "--dir", str(folder.root)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_life_of_a_lab_on_the_command_line(say, folder):
    code, out, err = say("up", *UP)
    assert code == 0, err
    assert f"SAFEPOINT_ESTATE={folder.estate}" in err
    assert "2, 2 running" in out
    assert folder.estate.exists()

    code, out, err = say("up", *UP)
    assert (code, "runs already" in err) == (2, True)

    code, out, err = say("status", "--json")
    assert code == 0
    assert [node["name"] for node in json.loads(out)["nodes"]] == ["hv01", "hv02"]

    code, out, err = say("vm")
    assert (code, "sql01" in out, "web01" in out) == (0, True, True)

    code, out, err = say("guest", "sql01", "patch", "--json")
    assert (code, json.loads(out)["healthy"]) == (0, False)
    code, out, err = say("guest", "sql01", "judge")
    assert (code, "sql01 is not sound: broken files: /APP/" in err) == (3, True)
    code, out, err = say("guest", "web01")
    assert (code, err.strip()) == (0, "")
    assert say("guest", "sql01", "write", "/SYSTEM/N.TXT", "hello")[0] == 0
    assert say("guest", "sql01", "read", "/SYSTEM/N.TXT")[1].strip() == "hello"
    assert say("guest", "sql01", "read")[0] == 2

    assert say("fault", "disk-full", "--vm", "sql01", "--times", "3")[0] == 0
    code, out, err = say("status")
    assert "disk-full (3 times)" in out
    code, out, err = say("fault", "--clear", "--json")
    assert (code, json.loads(out)["cleared"]) == (0, 1)
    code, out, err = say("fault", "disk-ful")
    assert (code, "disk-full" in err) == (2, True)
    assert say("fault", "stall", "--set", "seconds")[0] == 2
    assert say("fault")[0] == 2

    assert say("vm", "web01", "shutdown")[0] == 0
    assert say("vm", "web01", "migrate")[0] == 0
    assert say("node", "hv01", "fail")[0] == 0
    assert say("node", "hv01", "restore")[0] == 0
    assert say("compare", "none", "web01")[0] == 2

    code, out, err = say("down")
    assert (code, "has stopped" in err) == (0, True)
    assert not is_running(folder)
    code, out, err = say("down", "--json")
    assert (code, json.loads(out)["was_running"]) == (0, False)
    code, out, err = say("status")
    assert (code, "no lab runs" in err) == (8, True)


def test_every_fault_is_listed_without_a_lab(say):
    code, out, _ = say("fault", "--list", "--json")
    names = {row["name"] for row in json.loads(out)["items"]}
    assert code == 0
    assert {"wrong-password", "lost-answer-create", "merge-stalls", "share-offline"} <= names


def test_options_that_cannot_be_are_told_by_the_command(say):
    for words in (["--disk-size", "64X"], ["--vms", "-1"], ["--disk-size", "1M"]):
        code, _, err = say("up", *words)
        assert (code, bool(err.strip())) == (2, True), words


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_lab_comes_back(say, folder):
    assert say("up", *UP)[0] == 0
    client = LabClient(folder.root)
    client.write_file("web01", "/SYSTEM/NOTE.TXT", "kept")
    os.kill(client.status().pid, signal.SIGKILL)
    while is_running(folder):
        pass
    code, _, err = say("up")
    assert code == 0, err
    assert client.read_file("web01", "/SYSTEM/NOTE.TXT") == "kept"
    assert say("down")[0] == 0


def test_a_lab_that_cannot_start_says_why(say, folder, small):
    with Lab.start(folder.root, **small):
        pass
    code, _, err = say("up", "--vms", "9")
    assert (code, "vms=2, not 9" in err) == (2, True)
