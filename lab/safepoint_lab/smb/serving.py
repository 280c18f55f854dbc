"""How the lab's shares can be reached, whatever serves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override

from safepoint_lab.world.model import Share

__all__ = ["FolderServing", "ShareAccess", "ShareServing"]


@dataclass(frozen=True, slots=True)
class ShareAccess:
    """How one share is reached: by `mount` (a folder), or by SMB at `server` and `port`.

    The SMB account's password lies in the file `password_file`.
    """

    unc: str
    mount: str = ""
    server: str = ""
    port: int = 0
    username: str = ""
    password_file: str = ""
    encrypt: bool = False


class ShareServing(Protocol):
    """Serves every share of a lab from `start` to `stop`."""

    @property
    def note(self) -> str:
        """One line for people: how the shares are served, and why."""
        ...

    def start(self) -> None:
        """Begin to serve; SafepointError when it cannot."""
        ...

    def stop(self) -> None:
        """End; may be called twice."""
        ...

    def access(self, share: Share) -> ShareAccess:
        """Return how a share is reached; valid after `start`."""
        ...

    def cut(self, share: Share) -> None:
        """Break open connections to a share, as far as that is possible."""
        ...

    def tell_room(self, share: Share, free_bytes: int | None) -> None:
        """Tell clients that a share has that much room; None tells what it really has."""
        ...


class FolderServing(ShareServing):
    """The shares are folders, as if mounted; nothing runs.

    Args:
        reason: Why no SMB server is used, for the note.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    @override
    def note(self) -> str:
        return f"shares are folders, as if mounted ({self._reason})"

    @override
    def start(self) -> None:
        """Nothing is to be started."""

    @override
    def stop(self) -> None:
        """Nothing is to be stopped."""

    @override
    def access(self, share: Share) -> ShareAccess:
        return ShareAccess(unc=share.unc, mount=share.folder)

    @override
    def cut(self, share: Share) -> None:
        """Open files of a folder stay readable; only new opens fail."""

    @override
    def tell_room(self, share: Share, free_bytes: int | None) -> None:
        """A folder has the room of the real disk, whatever is wished."""
