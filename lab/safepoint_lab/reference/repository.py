"""Where copies go: unsealed ones by tag, restore points by id. Bytes in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from safepoint.errors import NotFoundError
from safepoint.models.restore_points import RestorePoint, VerifyFinding, VerifyReport

__all__ = ["Copy", "Repository"]


@dataclass
class Copy:
    """The bytes of a VM, with the digests taken while they were read from the source."""

    tag: str
    point: RestorePoint
    guest_os: str
    contents: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def store(self, disk: str, data: bytes) -> None:
        """Append what was read of a disk."""
        self.contents[disk] = self.contents.get(disk, b"") + data

    def complete(self, disk: str, source: bytes) -> None:
        """Note what the source held, to compare with later."""
        self.digests[disk] = hashlib.sha256(source).hexdigest()

    def flip_byte(self) -> None:
        """Damage the first stored byte, as a bad disk does."""
        disk = next(iter(self.contents))
        data = self.contents[disk]
        self.contents[disk] = bytes([data[0] ^ 0xFF]) + data[1:]

    def verify(self) -> VerifyReport:
        """Read everything back and compare."""
        findings = tuple(
            VerifyFinding(file=f"{self.point.ref.id}/{disk}", disk=disk, problem="digest differs")
            for disk, digest in self.digests.items()
            if hashlib.sha256(self.contents.get(disk, b"")).hexdigest() != digest
        )
        size = sum(len(data) for data in self.contents.values())
        return VerifyReport(point=self.point.ref, checked_bytes=size, findings=findings)


class Repository:
    """Holds copies. Nothing unsealed is ever listed."""

    def __init__(self) -> None:
        self.unsealed: dict[str, Copy] = {}
        """By tag."""
        self.points: dict[str, Copy] = {}
        """By the id of the restore point, oldest first."""

    def begin(self, copy: Copy) -> None:
        """Start an unsealed copy; what was there of its tag is gone."""
        self.unsealed[copy.tag] = copy

    def find_unsealed(self, tag: str) -> Copy:
        """Return the copy; NotFoundError when it was discarded meanwhile."""
        if tag not in self.unsealed:
            msg = f"the repository has no unsealed copy {tag}: it was discarded"
            raise NotFoundError(msg, operation="copy", system="repository")
        return self.unsealed[tag]

    def seal(self, tag: str) -> RestorePoint:
        """Turn the copy into a restore point; again for a sealed one changes nothing."""
        for copy in self.points.values():
            if copy.tag == tag:
                return copy.point
        copy = self.find_unsealed(tag)
        del self.unsealed[tag]
        self.points[copy.point.ref.id] = copy
        return copy.point

    def discard(self, tag: str) -> None:
        """Remove the unsealed copy, if there is one."""
        self.unsealed.pop(tag, None)

    def find_point(self, ident: str) -> Copy:
        """Return a sealed copy; NotFoundError when there is none."""
        if ident not in self.points:
            msg = f"the repository has no restore point {ident}"
            raise NotFoundError(msg, operation="restore_points", system="repository")
        return self.points[ident]

    def damaged(self) -> tuple[str, ...]:
        """Return the ids of restore points that do not verify."""
        return tuple(k for k, copy in self.points.items() if not copy.verify().is_good)
