"""Where everything of a lab lies in its folder."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LabFolder", "write_private"]


@dataclass(frozen=True, slots=True)
class LabFolder:
    """The folder of one lab (absolute)."""

    root: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> LabFolder:
        """Return the lab folder at a path, made absolute; nothing is created."""
        return cls(Path(path).expanduser().absolute())

    @property
    def config(self) -> Path:
        """What the lab is made of."""
        return self.root / "lab.json"

    @property
    def estate(self) -> Path:
        """The estate file for safepoint."""
        return self.root / "estate.yaml"

    @property
    def repository(self) -> Path:
        """Where the estate file lets restore points be kept."""
        return self.root / "repository"

    @property
    def world(self) -> Path:
        """State, templates and ground truth."""
        return self.root / "world"

    @property
    def shares(self) -> Path:
        """The shares' folders."""
        return self.root / "shares"

    @property
    def smb(self) -> Path:
        """The private smbd's own files."""
        return self.root / "smb"

    @property
    def tls(self) -> Path:
        """The lab's certificate authority and server certificate."""
        return self.root / "tls"

    @property
    def password(self) -> Path:
        """The one account's password."""
        return self.root / "secrets" / "hyperv"

    def secret(self, name: str) -> Path:
        """Return a private file with a random password, made once, by name."""
        path = self.password.with_name(name)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(18) + "\n")
        return path

    def product(self, name: str) -> Path:
        """Where a simulated product keeps its state."""
        return self.root / "products" / name

    @property
    def control(self) -> Path:
        """How to reach the running lab: port, token and process id. Its presence means ready."""
        return self.root / "daemon" / "control.json"

    @property
    def failure(self) -> Path:
        """Why the lab could not start."""
        return self.root / "daemon" / "failure.json"

    @property
    def planted(self) -> Path:
        """Its presence means that what the scenario leaves about is in its place."""
        return self.root / "daemon" / "planted"

    @property
    def lock(self) -> Path:
        """Held by the one process that runs the lab."""
        return self.root / "daemon" / "lock"

    @property
    def log(self) -> Path:
        """What the server process says."""
        return self.root / "daemon" / "lab.log"

    def prepare(self) -> None:
        """Create the folders and the password."""
        for folder in (self.root, self.control.parent, self.password.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.password.parent.chmod(0o700)
        self.secret(self.password.name)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
