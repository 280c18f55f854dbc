"""Logins and rights that fail: one clear line, no second try, nothing left behind."""

from __future__ import annotations

import pytest

from safepoint_lab.daemon import Lab


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, two VMs, in a hurry."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=2, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


REFUSALS = [
    ("wrong-password", "authentication", "credentials were refused", "user name and password"),
    ("access-denied", "permission-denied", "access denied", "Remote Management Users"),
    ("namespace-denied", "permission-denied", "WMI namespace denied", "Execute Methods"),
    ("not-hyperv-admin", "permission-denied", "not even the host", "Hyper-V Administrators"),
]


@pytest.mark.parametrize(
    ("fault", "code", "message", "hint"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_names_the_node_and_what_to_do(site, fault, code, message, hint) -> None:
    """The run ends before it begins; the doctor says the same; afterwards all is well."""
    site.lab.operations.arm_fault(fault, times=None)

    said = site.safepoint("run", "everything", "-o", "json")
    assert said.code == 8
    error = said.json["error"]
    assert error["code"] == code
    assert error["message"].startswith("hv01: ")
    assert message in error["message"]
    assert hint in error["hint"]
    assert "\n" not in error["message"]

    findings = site.safepoint("doctor", "-o", "json")
    assert findings.code == 3
    assert {(each["code"], each["field"]) for each in findings.json["items"]} == {
        ("node-rights", "hyperv: clu1/hv01"),
        ("node-rights", "hyperv: clu1/hv02"),
    }

    site.lab.operations.clear_fault()
    assert site.safepoint("doctor", "--fix").code == 0
    site.assert_clean()


def test_a_wrong_password_is_offered_once(site) -> None:
    """Accounts get locked: the first refusal ends the command, on every node."""
    site.lab.operations.arm_fault("wrong-password", times=None)

    assert site.safepoint("run", "everything").code == 8

    (armed,) = site.lab.operations.faults()
    assert armed.hits == 1


def test_a_login_that_expires_in_between_is_renewed(site) -> None:
    """A 401 on a connection that worked before is no wrong password."""
    armed = site.lab.world.arm_fault("ntlm-reuse-broken", skip=5)

    said = site.safepoint("run", "everything", "-o", "json")

    assert armed.hits == 1
    assert said.code == 0, said.err
    site.assert_clean()
