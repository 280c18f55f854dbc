"""The wire misbehaves: what passes is ridden out, what stays is said in one line."""

from __future__ import annotations

from functools import partial

import pytest

from safepoint_lab.daemon import Lab
from safepoint_native.cim.client import CimClient


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


LASTING = [
    ("html-instead-of-soap", "protocol", "HTML page", "proxy"),
    ("malformed-xml", "protocol", "not well-formed XML", "proxy"),
    ("envelope-too-large", "invalid-request", "exceed the envelope size", "max_envelope_kib"),
    ("http-413", "invalid-request", "too large for the host", "less at a time"),
    ("http-503", "throttled", "busy or not started", "WinRM service"),
    ("quota", "throttled", "quota is used up", "fewer VMs"),
    ("operation-timeout", "throttled", "did not finish in time", "fewer VMs"),
    ("fault-in-200", "transient", "could not complete the call", "event log"),
    ("truncated-body", "unreachable", "broke before the answer was complete", "host is up"),
]


@pytest.mark.parametrize(
    ("fault", "code", "message", "hint"), LASTING, ids=[row[0] for row in LASTING]
)
def test_what_stays_broken_is_said_in_one_line(site, fault, code, message, hint) -> None:
    """Class, node, reason and hint; nothing was begun, so nothing is left."""
    site.lab.operations.arm_fault(fault, times=None)

    said = site.safepoint("vm", "list", "-o", "json")

    assert said.code == 8
    error = said.json["error"]
    assert error["code"] == code
    assert "hv0" in error["message"]
    assert message in error["message"]
    assert hint in error["hint"]
    assert "\n" not in error["message"]
    findings = site.safepoint("doctor", "-o", "json")
    assert findings.code == 3
    assert {each["code"] for each in findings.json["items"]} == {"node-unreachable"}


@pytest.mark.parametrize(
    "fault", ["truncated-body", "fault-in-200", "http-503", "operation-timeout", "quota"]
)
def test_what_passes_is_ridden_out(site, fault) -> None:
    """Two bad answers in the middle of a run cost a moment and nothing else."""
    armed = site.lab.world.arm_fault(fault, times=2, skip=6, operation="Enumerate.*")

    said = site.safepoint("run", "everything", "-o", "json")

    assert armed.hits == 2
    assert said.code == 0, said.err
    site.assert_clean()


@pytest.mark.parametrize("fault", ["reset-in-pull", "context-expired"])
def test_a_listing_that_breaks_in_the_middle_is_asked_anew(site, monkeypatch, fault) -> None:
    """A short list never passes for a whole one: with pages of one row, every VM is there."""
    monkeypatch.setattr("safepoint_native.nodes.CimClient", partial(CimClient, page_rows=1))
    armed = site.lab.world.arm_fault(fault, times=2)

    said = site.safepoint("vm", "list", "-o", "json")

    assert armed.hits == 2
    assert said.code == 0, said.err
    names = {vm["name"] for vm in said.json["items"]}
    assert names == {vm.name for vm in site.lab.operations.vms()}


@pytest.mark.parametrize("operation", ["CreateSnapshot", "DestroySnapshot"])
def test_a_lost_answer_is_looked_for_never_repeated(site, operation) -> None:
    """The host acted and the answer was lost: the deed is found, and done only once."""
    name = "lost-answer-create" if operation == "CreateSnapshot" else "lost-answer-delete"
    armed = site.lab.world.arm_fault(name, vm="sql01")
    before = site.lab.operations.calls().by_operation

    said = site.safepoint("run", "everything", "--vm", "sql01", "-o", "json")

    assert armed.hits == 1
    assert said.code == 0, said.err
    method = f"Msvm_VirtualSystemSnapshotService.{operation}"
    after = site.lab.operations.calls().by_operation
    assert after[method] - before.get(method, 0) == 1
    site.assert_clean()
    copy = f"sql01-{operation}"
    assert site.safepoint("restore", "sql01", "--to-name", copy).code == 0
    frozen = site.frozen_by(said.json["tasks"][0])
    differences = site.lab.operations.compare_vm(frozen, copy)
    assert differences
    assert not any(differences.values())


def test_a_host_in_another_language_is_understood(site) -> None:
    """Nothing rests on words: a run, a refusal and a failed job on a German host."""
    site.lab.operations.arm_fault("localised")
    assert site.safepoint("run", "everything").code == 0

    site.lab.operations.arm_fault("vss-writer-failed", vm="sql01")
    said = site.safepoint("run", "everything", "--vm", "sql01", "-o", "json")

    assert said.code == 9
    assert said.json["tasks"][0]["error"]["code"] == "quiesce"
    site.assert_clean()


def test_a_missing_cluster_namespace_is_no_obstacle(site) -> None:
    """A stand-alone host, or a cluster that has just booted: the nodes themselves are asked."""
    site.lab.operations.arm_fault("namespace-missing", times=None)

    assert site.safepoint("run", "everything").code == 0
    site.assert_clean()
