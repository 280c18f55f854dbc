"""How a restore point is named: a job and a VM in it."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint.errors import InvalidRequestError
from safepoint.models.refs import Ref

__all__ = ["PointId"]


@dataclass(frozen=True, slots=True)
class PointId:
    """A job and a VM in it; together they are a restore point."""

    job: str
    guid: str

    def to_ref(self, connection: str) -> Ref:
        """Return the handle."""
        return Ref(kind="point", system=connection, id=f"{self.job}/{self.guid.upper()}")

    @classmethod
    def of(cls, ref: Ref) -> PointId:
        """Read a handle back; InvalidRequestError when it is none of this driver."""
        job, slash, guid = ref.id.partition("/")
        if ref.kind != "point" or not slash or not job.isdecimal():
            msg = f"{ref} is no restore point of Commvault"
            raise InvalidRequestError(msg)
        return cls(job, guid)
