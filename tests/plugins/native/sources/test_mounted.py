"""UNC paths, and folders of this machine that show shares."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from safepoint.errors import (
    BusyError,
    ConflictError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    UnreachableError,
)
from safepoint_native.sources.mounted import MountedShares, ShareMap
from safepoint_native.sources.os_errors import from_os_error, os_errors
from safepoint_native.sources.unc import UncPath


@pytest.mark.parametrize(
    "text",
    [
        r"\\FS01\VmStore\VM 1\disk0.vhdx",
        "//FS01/VmStore/VM 1/disk0.vhdx",
        r"\\?\UNC\FS01\VmStore\VM 1\disk0.vhdx",
        r"\\FS01\VmStore\\VM 1\disk0.vhdx",
    ],
)
def test_all_spellings_of_a_unc_path_are_one(text: str) -> None:
    path = UncPath.parse(text)
    assert str(path) == r"\\FS01\VmStore\VM 1\disk0.vhdx"
    assert path.root == r"\\FS01\VmStore"
    assert path.inner == r"VM 1\disk0.vhdx"
    assert [str(one) for one in path.parents()] == [r"\\FS01\VmStore\VM 1"]
    assert path.folded() == UncPath.parse(text.lower()).folded()


def test_the_longest_prefix_wins_and_case_does_not_matter(tmp_path: Path) -> None:
    share_map = ShareMap.of(
        {r"\\fs01\a": tmp_path / "a", r"\\fs01\a\deep": tmp_path / "d", r"\\fs02\a": tmp_path}
    )
    assert share_map.local(r"\\FS01\A\x\y") == tmp_path / "a" / "x" / "y"
    assert share_map.local(r"\\fs01\a\Deep\y") == tmp_path / "d" / "y"
    assert share_map.local(r"\\fs01\a\deeper") == tmp_path / "a" / "deeper"
    assert share_map.local(r"\\fs02\a") == tmp_path


def test_nothing_leads_out_of_a_share(tmp_path: Path) -> None:
    shares = MountedShares(ShareMap.of({r"\\fs01\a": tmp_path / "a"}))
    for path in (r"\\fs01\a\..\b", r"\\fs01\a\x\..\..\b", "\\\\fs01\\a\\b\0c"):
        with pytest.raises(InvalidRequestError):
            shares.exists(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows opens UNC paths by itself")
def test_an_unmapped_share_says_what_to_do() -> None:
    with pytest.raises(NotFoundError, match="fs09") as raised:
        MountedShares(ShareMap()).open(r"\\fs09\a\b")
    assert "Map the share" in raised.value.hint


def test_a_source_is_named_by_its_unc_path(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    source = MountedShares(ShareMap.of({r"\\fs01\a": tmp_path})).open(r"\\fs01\a\x")
    assert getattr(source, "name", "") == r"\\fs01\a\x"
    source.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOENT, NotFoundError),
        (errno.EACCES, PermissionDeniedError),
        (errno.EROFS, PermissionDeniedError),
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EEXIST, ConflictError),
        (errno.EBUSY, BusyError),
        (errno.EIO, UnreachableError),
        (errno.ESTALE, UnreachableError),
        (errno.EHOSTDOWN, UnreachableError),
    ],
)
def test_errors_of_the_system_become_kinds_that_name_the_path(
    code: int, kind: type[DriverError]
) -> None:
    error = from_os_error(OSError(code, os.strerror(code)), "read", r"\\fs01\a\x")
    assert type(error) is kind
    assert error.message.startswith(r"cannot read \\fs01\a\x: ")
    assert error.native_code == errno.errorcode[code]


def test_a_sharing_violation_of_windows_is_busy() -> None:
    error = OSError(errno.EACCES, "in use")
    error.winerror = 32  # type: ignore[attr-defined]  # only Windows declares it
    with pytest.raises(BusyError), os_errors("open", "x"):
        raise error
