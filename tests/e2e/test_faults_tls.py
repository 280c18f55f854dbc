"""Certificates that are not trusted: nothing is sent, and the hint says how to trust them."""

from __future__ import annotations

import pytest
import yaml

from safepoint_lab.daemon import Lab
from safepoint_lab.daemon.tls import LabTls


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """Two nodes, one VM."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=1, disk_bytes=8 << 20, smb="path", speed=8) as lab:
        yield lab


@pytest.fixture
def settings(site):
    """Change the connection's settings; they are put back afterwards."""
    before = site.lab.estate.read_text("utf-8")

    def change(**values):
        documents = list(yaml.safe_load_all(before))
        for document in documents:
            if document["kind"] == "Connection":
                kept = document["spec"]["settings"] | values
                document["spec"]["settings"] = {k: v for k, v in kept.items() if v is not None}
        site.lab.estate.write_text(yaml.safe_dump_all(documents), "utf-8")

    yield change
    site.lab.estate.write_text(before, "utf-8")


def refused(site):
    """Return the error of a run that must not get through, having reached no host."""
    requests = site.lab.operations.calls().total
    said = site.safepoint("run", "everything", "-o", "json")
    assert said.code == 8
    assert site.lab.operations.calls().total == requests
    error = said.json["error"]
    assert error["code"] == "certificate"
    assert error["message"].startswith("hv01: ")
    return error


def test_an_unknown_authority(site, settings) -> None:
    """Without `ca` only public authorities count."""
    settings(ca=None)
    error = refused(site)
    assert "not trusted" in error["message"]
    assert "`ca`" in error["hint"]
    assert "`fingerprints`" in error["hint"]


def test_another_authority(site, settings, tmp_path) -> None:
    """A certificate of the right name from the wrong authority."""
    other = LabTls(tmp_path / "tls")
    other.ensure(["hv01"])
    settings(ca=str(other.ca))
    assert "not trusted" in refused(site)["message"]


def test_another_fingerprint(site, settings) -> None:
    """A pinned host that presents something else is named with what it presented."""
    settings(ca=None, fingerprints={"hv01": "ab" * 32})
    error = refused(site)
    assert "not the pinned one" in error["message"]
    assert "openssl" in error["hint"]


def test_a_reset_in_the_handshake_is_no_certificate_problem(site) -> None:
    """A dying host breaks the handshake: it is unreachable, and worth another try."""
    site.lab.operations.arm_fault("node-unreachable", times=None)
    said = site.safepoint("vm", "list", "-o", "json")
    assert said.json["error"]["code"] == "unreachable"
