"""A lab in this process: ready to use, private, the same again when it comes back."""

from __future__ import annotations

import socket
import stat

import pytest
import requests

from safepoint.errors import SafepointError, UnsupportedError, UsageError
from safepoint.estate import load_estate
from safepoint_lab.daemon import Lab
from safepoint_lab.daemon.config import LabConfig, parse_size
from safepoint_native.settings import NativeSettings

IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:id="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
    "<s:Header/><s:Body><id:Identify/></s:Body></s:Envelope>"
)


def identify(url: str, **options) -> requests.Response:
    headers = {
        "WSMANIDENTIFY": "unauthenticated",
        "Content-Type": "application/soap+xml;charset=UTF-8",
    }
    return requests.post(url, data=IDENTIFY, headers=headers, timeout=10, **options)


def read_estate(lab):
    return load_estate(
        [str(lab.estate)],
        settings_model=lambda name: NativeSettings if name == "native" else None,
        driver_names=("native",),
    )


def test_the_estate_file_is_valid_and_fits_the_lab(lab):
    estate = read_estate(lab)
    cluster = estate.cluster("clu1")
    assert [node.address for node in cluster.spec.nodes] == [lab.url("hv01"), lab.url("hv02")]
    (share,) = cluster.spec.shares
    assert (share.path, share.mount) == (r"\\fs01\vmstore1", lab.folder.shares / "fs01/vmstore1")
    assert share.mount.is_dir()
    settings = estate.connection("hyperv").spec.settings
    assert settings["password"] == "file:secrets/hyperv"
    assert lab.password not in lab.estate.read_text()


def test_an_estate_of_several_clusters_has_a_job_each(tmp_path, small):
    with Lab.start(tmp_path / "lab", clusters=2, scheme="http", **small) as lab:
        estate = read_estate(lab)
        assert {estate.job(name).spec.cluster for name in ("all-clu1", "all-clu2")} == {
            "clu1",
            "clu2",
        }
        assert lab.url("hv03").startswith("http://127.0.0.1:")
        assert "ca" not in estate.connection("hyperv").spec.settings


def test_secrets_are_readable_for_their_owner_only(lab):
    for path in (lab.folder.password, lab.folder.tls / "server.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lab.password not in repr(lab.config)
    assert len(lab.password) >= 16


def test_nodes_speak_https_by_the_labs_own_authority(lab):
    answer = identify(lab.url("hv01"), verify=str(lab.folder.tls / "ca.pem"))
    assert "ProductVendor" in answer.text
    with pytest.raises(requests.exceptions.SSLError):
        identify(lab.url("hv01"))


def test_nodes_speak_http_too(lab):
    node = lab.world.node("hv02")
    assert identify(f"http://127.0.0.1:{node.http_port}/wsman").status_code == 200


def test_it_comes_back_with_ports_vms_password_and_data(tmp_path, small, hold):
    with Lab.start(tmp_path / "lab", **small) as lab:
        lab.operations.write_file("sql01", "/SYSTEM/NOTE.TXT", "kept")
        before = (lab.url("hv01"), lab.password, lab.estate.read_text(), lab.operations.vms())
        ports = [port for node in lab.world.nodes() for port in (node.https_port, node.http_port)]
    hold(*ports)
    with Lab.start(tmp_path / "lab") as lab:
        after = (lab.url("hv01"), lab.password, lab.estate.read_text(), lab.operations.vms())
        assert after == before
        assert lab.operations.read_file("sql01", "/SYSTEM/NOTE.TXT") == "kept"


def test_a_port_that_is_taken_meanwhile_is_replaced(tmp_path, small):
    with Lab.start(tmp_path / "lab", **small) as lab:
        port = lab.world.node("hv01").https_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with Lab.start(tmp_path / "lab") as lab:
            assert lab.world.node("hv01").https_port != port
            assert lab.url("hv01") in lab.estate.read_text()


def test_the_structure_of_a_lab_cannot_change_but_its_manner_can(tmp_path, small):
    with Lab.start(tmp_path / "lab", **small):
        pass
    with pytest.raises(UsageError, match="vms=2, not 3"):
        Lab.start(tmp_path / "lab", vms=3)
    with Lab.start(tmp_path / "lab", vms=2, scheme="http", speed=50.0) as lab:
        assert lab.url("hv01").startswith("http://")


def test_one_process_runs_a_lab_at_a_time(lab):
    with pytest.raises(UsageError, match="runs already"):
        Lab.start(lab.folder.root)


def test_an_attempt_that_failed_can_be_repeated(tmp_path, small, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safepoint_lab.world.building._make_files", fail)
        with pytest.raises(OSError, match="no space"):
            Lab.start(tmp_path / "lab", **small)
    with Lab.start(tmp_path / "lab") as lab:
        assert len(lab.operations.vms()) == 2


def test_samba_that_is_not_there_is_told_or_done_without(tmp_path, small, monkeypatch):
    monkeypatch.setattr("safepoint_lab.smb.samba.shutil.which", lambda *_, **__: None)
    with pytest.raises(UnsupportedError) as error:
        Lab.start(tmp_path / "one", **{**small, "smb": "samba"})
    assert "--smb path" in error.value.hint
    with Lab.start(tmp_path / "two", **{**small, "smb": "auto"}) as lab:
        assert "smbd is not installed" in lab.status().shares


def test_a_damaged_description_is_told(tmp_path):
    (tmp_path / "lab.json").write_text("{}}")
    with pytest.raises(UsageError, match="does not describe a lab"):
        LabConfig.load(tmp_path / "lab.json")


@pytest.mark.parametrize(
    ("text", "size"),
    [("64M", 64 << 20), ("2G", 2 << 30), ("4096k", 4 << 20), ("8MiB", 8 << 20), ("12", 12)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "1.5G", "-4M", "4T", "4MM"])
def test_other_sizes_are_refused(text):
    with pytest.raises(UsageError):
        parse_size(text)


def test_errors_carry_hints(lab):
    with pytest.raises(SafepointError) as error:
        lab.operations.power("sql01", "explode")
    assert "start" in error.value.hint
