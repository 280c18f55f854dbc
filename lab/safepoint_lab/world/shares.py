"""UNC paths and the folders behind them."""

from __future__ import annotations

import ntpath
from collections.abc import Iterable
from pathlib import Path

from safepoint_lab.world.enums import ReturnValue
from safepoint_lab.world.model import Refused, Share

__all__ = ["folder_of", "offline_folder", "share_of", "to_host"]


def share_of(unc: str, shares: Iterable[Share]) -> tuple[Share, str]:
    """Return the share of a UNC path and the path inside it (with backslashes).

    Raises:
        Refused: FILE_NOT_FOUND; the path is on no share of the lab.
    """
    path = ntpath.normpath(unc.replace("/", "\\"))
    for share in shares:
        head = share.unc.casefold()
        if path.casefold() == head or path.casefold().startswith(head + "\\"):
            return share, path[len(head) + 1 :]
    raise Refused(ReturnValue.FILE_NOT_FOUND, f"{unc} is on no share of this cluster")


def to_host(unc: str, shares: Iterable[Share]) -> Path:
    """Return the file behind a UNC path; it need not exist. Names are found in any case."""
    share, inside = share_of(unc, shares)
    path = folder_of(share)
    for part in filter(None, inside.split("\\")):
        path = _child(path, part)
    return path


def folder_of(share: Share) -> Path:
    """Return the folder behind a share."""
    return Path(share.folder)


def offline_folder(share: Share) -> Path:
    """Return where the folder of a share is put while the share is offline."""
    folder = folder_of(share)
    return folder.with_name(f".{folder.name}.offline")


def _child(folder: Path, name: str) -> Path:
    exact = folder / name
    if exact.exists() or not folder.is_dir():
        return exact
    folded = name.casefold()
    same = (entry for entry in folder.iterdir() if entry.name.casefold() == folded)
    return next(same, exact)
