"""Choosing how the shares are served."""

from __future__ import annotations

from safepoint.errors import UnsupportedError
from safepoint_lab.choices import SmbMode
from safepoint_lab.smb.samba import SambaServing, SambaSetup, find_smbd
from safepoint_lab.smb.serving import FolderServing, ShareServing

__all__ = ["open_shares"]


def open_shares(mode: SmbMode, setup: SambaSetup) -> ShareServing:
    """Return a started serving of the shares.

    Raises:
        UnsupportedError: Samba was demanded and does not work here.
    """
    if mode is SmbMode.PATH:
        return FolderServing("as asked")
    if mode is SmbMode.AUTO and find_smbd() is None:
        return FolderServing("smbd is not installed")
    samba = SambaServing(setup)
    try:
        samba.start()
    except UnsupportedError as error:
        if mode is SmbMode.SAMBA:
            raise
        return FolderServing(error.message)
    return samba
