"""Files on a real Samba server, read and written by our SMB client."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from safepoint.errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    DamagedDataError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    UnreachableError,
)
from safepoint_native.sources.smb import SmbShares
from safepoint_native.sources.smb_file import SmbSource
from safepoint_native.sources.smb_link import Link

ROOT = r"\\fs01\vmstore"
MIB = 1 << 20
CONTENT = random.Random(1).randbytes(5 * MIB + 12345)


@pytest.fixture
def shares(samba: Any) -> Iterator[SmbShares]:
    made = SmbShares(ROOT, samba.server())
    yield made
    made.close()


@pytest.fixture
def disk(samba: Any) -> Iterator[str]:
    path = samba.folder / "vm" / "disk0.vhdx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    yield rf"{ROOT}\vm\disk0.vhdx"
    path.unlink()


def test_a_file_that_shrinks_while_it_is_read_is_damage(
    shares: SmbShares, disk: str, samba: Any
) -> None:
    source = shares.open(disk)
    (samba.folder / "vm" / "disk0.vhdx").write_bytes(CONTENT[:MIB])
    with pytest.raises(DamagedDataError, match="ends at"):
        source.read_at(MIB - 10, 20)
    with pytest.raises(DamagedDataError):
        source.read_at(3 * MIB, 20)
    source.close()


def test_many_reads_are_on_their_way_at_once(shares: SmbShares, disk: str) -> None:
    source = shares.open(disk).duplicate()
    cells = range(0, len(CONTENT), 1 << 18)
    buffers = [bytearray(min(1 << 18, len(CONTENT) - at)) for at in cells]
    waits = [
        source.begin_read(at, memoryview(buffer))
        for at, buffer in zip(cells, buffers, strict=True)
    ]
    for pending in reversed(waits):
        pending.wait()
    assert b"".join(buffers) == CONTENT
    source.close()


def test_threads_share_a_source(shares: SmbShares, disk: str) -> None:
    source = shares.open(disk)
    wrong: list[int] = []

    def read(seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(20):
            offset = chosen.randrange(len(CONTENT) - MIB)
            length = chosen.randrange(1, MIB)
            if source.read_at(offset, length) != CONTENT[offset : offset + length]:
                wrong.append(offset)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    source.close()


@pytest.mark.parametrize("root", [ROOT, r"\\fs01\secret"])
def test_encryption_is_used_where_asked_for_or_demanded(samba: Any, disk: str, root: str) -> None:
    shares = SmbShares(root, samba.server(encrypt=root == ROOT))
    source = shares.open(disk.replace(ROOT, root))
    assert source.read_at(0, len(CONTENT)) == CONTENT
    shares.write_file(rf"{root}\written", CONTENT)
    assert shares.read_file(rf"{root}\written") == CONTENT
    shares.remove(rf"{root}\written")
    source.close()
    shares.close()


def test_another_program_may_keep_writing(shares: SmbShares, samba: Any, disk: str) -> None:
    """As a hypervisor has it open: for writing, shared."""
    other = SmbShares(ROOT, samba.server())
    reader = other.open(disk)
    link = Link(samba.server(), other._root, timeout_seconds=10)
    from safepoint_native.sources import smb_library as library
    from safepoint_native.sources.smb_file import open_handle

    access = library.FileAccess.GENERIC_READ | library.FileAccess.GENERIC_WRITE
    writer = open_handle(link, other._parse(disk), access)
    source = shares.open(disk)
    assert source.read_at(0, 100) == CONTENT[:100]
    assert reader.read_at(0, 100) == CONTENT[:100]
    writer.close()
    reader.close()
    source.close()
    link.close()
    other.close()


def test_a_file_held_exclusively_is_busy(shares: SmbShares, samba: Any, disk: str) -> None:
    from safepoint_native.sources import smb_library as library
    from safepoint_native.sources.smb_file import open_handle

    link = Link(samba.server(), shares._root, timeout_seconds=10)
    handle = open_handle(link, shares._parse(disk), library.FileAccess.GENERIC_READ, share=0)
    with pytest.raises(BusyError, match=r"disk0\.vhdx.*sharing violation"):
        shares.open(disk)
    handle.close()
    link.close()


def test_many_entries_are_all_listed(shares: SmbShares, samba: Any) -> None:
    folder = samba.folder / "many"
    folder.mkdir()
    for number in range(700):
        (folder / f"disk-with-a-long-name-{number:04}.vhdx").touch()
    assert len(shares.entries(rf"{ROOT}\many")) == 700


def _refused(samba: Any, root: str = ROOT, **changes: object) -> DriverError:
    shares = SmbShares(root, samba.server(**changes), timeout_seconds=10)
    with pytest.raises(DriverError) as raised:
        shares.open(rf"{root}\vm\disk0.vhdx")
    assert raised.value.hint
    assert "correct horse" not in str(raised.value) + raised.value.native_message
    shares.close()
    return raised.value


def test_every_refusal_has_its_own_kind(samba: Any, disk: str) -> None:
    assert type(_refused(samba, password=SecretStr("wrong"))) is AuthenticationError
    assert type(_refused(samba, username="nobody-here")) is AuthenticationError
    assert type(_refused(samba, root=r"\\fs01\missing")) is NotFoundError
    assert type(_refused(samba, server="host.invalid")) is UnreachableError
    assert "no such share" in _refused(samba, root=r"\\fs01\missing").message
    with pytest.raises(NotFoundError):
        SmbShares(r"\\fs01\missing", samba.server()).exists(r"\\fs01\missing\x")


def test_what_is_not_allowed_is_told_with_its_path(samba: Any, disk: str) -> None:
    shares = SmbShares(r"\\fs01\locked", samba.server())
    with pytest.raises(PermissionDeniedError, match=r"\\\\fs01\\locked\\fresh"):
        shares.write_file(r"\\fs01\locked\fresh", b"x")
    with pytest.raises(InvalidRequestError, match="does not lie on"):
        shares.open(disk)
    with pytest.raises(NotFoundError, match=r"vm\\gone\.vhdx"):
        shares.open(r"\\fs01\locked\vm\gone.vhdx")
    shares.close()


def test_a_share_that_lets_nothing_be_added_is_known_without_trying(
    samba: Any, shares: SmbShares, disk: str
) -> None:
    before = sorted(samba.folder.rglob("*"))
    locked = SmbShares(r"\\fs01\locked", samba.server())

    assert shares.is_writable(r"\\fs01\vmstore")
    assert not locked.is_writable(r"\\fs01\locked")
    assert sorted(samba.folder.rglob("*")) == before
    locked.close()


def test_a_closed_port_is_unreachable(samba: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        assert type(_refused(samba, port=closed.getsockname()[1])) is UnreachableError


def test_something_else_behind_the_port_is_an_error_with_a_hint(samba: Any, proxy: Any) -> None:
    proxy.refuses = True
    assert isinstance(_refused(samba, port=proxy.port), UnreachableError)


def test_a_cut_line_is_mended_for_a_frozen_file(samba: Any, proxy: Any, disk: str) -> None:
    shares = SmbShares(ROOT, samba.server(port=proxy.port), timeout_seconds=10)
    source = shares.open(disk).duplicate()
    assert source.read_at(0, MIB) == CONTENT[:MIB]
    proxy.cut()
    assert source.read_at(MIB, MIB) == CONTENT[MIB : 2 * MIB]
    proxy.cut_after_bytes = 2 * MIB  # in the middle of several answers
    buffers = [bytearray(MIB) for _ in range(5)]
    waits = [source.begin_read(n * MIB, memoryview(b)) for n, b in enumerate(buffers)]
    for pending in waits:
        pending.wait()
    assert b"".join(buffers) == CONTENT[: 5 * MIB]
    source.close()
    assert shares.exists(disk)  # the connection for names is renewed, too
    shares.close()


def test_a_line_that_stays_cut_is_told_once(samba: Any, proxy: Any, disk: str) -> None:
    shares = SmbShares(ROOT, samba.server(port=proxy.port), timeout_seconds=10)
    source = shares.open(disk)
    proxy.refuses = True
    proxy.cut()
    before = proxy.connections
    with pytest.raises(UnreachableError, match="vmstore"):
        source.read_at(0, MIB)
    assert proxy.connections == before
    source.close()
    shares.close()


def test_a_file_that_changed_meanwhile_is_not_mixed(samba: Any, proxy: Any, disk: str) -> None:
    shares = SmbShares(ROOT, samba.server(port=proxy.port), timeout_seconds=10)
    source = shares.open(disk)
    path = samba.folder / "vm" / "disk0.vhdx"
    proxy.cut()
    path.write_bytes(bytes(len(CONTENT) + 1))
    with pytest.raises(ConflictError, match="was changed"):
        source.read_at(0, MIB)
    source.close()
    shares.close()


def test_an_unsigned_reply_is_refused(samba: Any, disk: str) -> None:
    """Strip the signature as somebody on the wire could."""
    shares = SmbShares(ROOT, samba.server(), timeout_seconds=10)
    source = shares.open(disk)
    assert isinstance(source, SmbSource)
    connection = source._link.connection
    receive = connection.transport.recv

    def stripped(timeout: float) -> bytes:
        data = bytearray(receive(timeout))
        if len(data) > 64:
            data[16] &= ~0x08 & 0xFF  # the SIGNED flag
            data[48:64] = bytes(16)
        return bytes(data)

    def read_twice() -> None:
        # The first answer may still come in by the call that was waiting when we stepped in.
        for _ in range(2):
            source._receive(source._send(0, 100), 0, memoryview(bytearray(100)))

    connection.transport.recv = stripped
    with pytest.raises(UnreachableError, match="signed as agreed"):
        read_twice()
    shares.close()


def test_passwords_stay_out_of_sight(samba: Any, shares: SmbShares) -> None:
    assert "correct horse" not in repr(samba.server())
    assert "correct horse" not in repr(vars(shares))
