"""The lab's shares: as plain folders, or really served over SMB 3 by a private smbd."""

from __future__ import annotations

from safepoint_lab.smb.choosing import open_shares
from safepoint_lab.smb.serving import ShareAccess, ShareServing

__all__ = ["ShareAccess", "ShareServing", "open_shares"]
