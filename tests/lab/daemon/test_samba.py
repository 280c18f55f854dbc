"""The lab's own smbd: SMB 3 with the lab's account, signed, sealed when asked, cut by a fault."""

from __future__ import annotations

import uuid

import pytest
import smbclient
from smbprotocol.exceptions import SMBException, SMBOSError

from safepoint_lab.daemon import Lab
from safepoint_lab.daemon.config import USERNAME


@pytest.fixture(params=[False, True], ids=["signed", "encrypted"])
def lab(request, tmp_path, small, need_tool):
    need_tool("smbd", "samba")
    choices = {**small, "vms": 1, "smb": "samba", "smb_encrypt": request.param}
    with Lab.start(tmp_path / "lab", **choices) as running:
        yield running


@pytest.fixture
def options(lab):
    """Options for a session of its own."""
    share = lab.world.shares.shares()[0]
    cache: dict[str, object] = {}
    yield {
        "port": lab.shares.access(share).port,
        "username": USERNAME,
        "password": lab.password,
        "connection_cache": cache,
        "encrypt": lab.config.smb_encrypt,
    }
    smbclient.reset_connection_cache(connection_cache=cache, fail_on_error=False)


DISK = r"\\127.0.0.1\vmstore1\sql01\disk0.vhdx"


def test_a_disk_is_read_by_smb_as_it_lies_in_the_folder(lab, options):
    lab.operations.power("sql01", "shutdown")
    with smbclient.open_file(DISK, mode="rb", share_access="rwd", **options) as file:
        assert file.read() == lab.world.host_path(r"\\fs01\vmstore1\sql01\disk0.vhdx").read_bytes()


def test_a_wrong_password_is_refused(options):
    with pytest.raises(SMBException):
        smbclient.open_file(DISK, mode="rb", **{**options, "password": str(uuid.uuid4())})


def test_a_share_that_goes_away_breaks_open_files(lab, options):
    file = smbclient.open_file(DISK, mode="rb", share_access="rwd", buffering=0, **options)
    assert file.read(8) == b"vhdxfile"
    lab.operations.arm_fault("share-offline")
    with pytest.raises((SMBException, SMBOSError)):
        file.read(8)
    file.fd._connected = False  # the handle died with the share; smbclient would still close it
    lab.operations.clear_fault()
    fresh: dict[str, object] = {}
    anew = {**options, "connection_cache": fresh}
    with smbclient.open_file(DISK, mode="rb", share_access="rwd", **anew) as again:
        assert again.read(8) == b"vhdxfile"
    smbclient.reset_connection_cache(connection_cache=fresh)


def test_the_account_and_port_stay_the_same(tmp_path, lab, hold):
    port = lab.shares.access(lab.world.shares.shares()[0]).port
    lab.stop()
    hold(port)
    with Lab.start(tmp_path / "lab") as again:
        assert again.shares.access(again.world.shares.shares()[0]).port == port
        assert f"port: {port}" in again.estate.read_text()
