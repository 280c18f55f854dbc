"""Vendor objects as typed resources: an address, a normal form, an owner, dependencies."""

from __future__ import annotations

import re
from typing import Final, Self

from safepoint.models.attributes import Attributes
from safepoint.models.base import Model
from safepoint.models.refs import Ref

__all__ = ["DEFAULT_OWNER", "Marker", "Resource", "ResourceQuery"]

#: The owner in markers when nobody says who is planning.
DEFAULT_OWNER: Final = "default"

_MARK: Final = re.compile(r"\[safepoint:([A-Za-z0-9._-]{1,63}):([^\[\]]{1,200})\]")


class Marker(Model):
    """The sign on a vendor object that says: made by safepoint, from this address, for this owner.

    It travels in a description field, so that the object is recognised after a rename, by
    another machine and without our journal.
    """

    owner: str = DEFAULT_OWNER
    """Who plans: two estates that use one product need different owners."""
    address: str
    """The address of the resource it was made from."""

    @property
    def text(self) -> str:
        """The text form, to be put into a description field."""
        return f"[safepoint:{self.owner}:{self.address}]"

    def written_into(self, description: str) -> str:
        """Return the description with this marker in place of any other."""
        rest = _MARK.sub("", description).strip()
        return f"{rest} {self.text}".strip()

    @classmethod
    def found_in(cls, description: str) -> Self | None:
        """Return the marker in a description; None without one or with several."""
        found = _MARK.findall(description)
        return cls(owner=found[0][0], address=found[0][1]) if len(found) == 1 else None

    @staticmethod
    def removed_from(description: str) -> str:
        """Return what people wrote around the marker."""
        return _MARK.sub("", description).strip()


class Resource(Model):
    """One vendor object, as wished or as observed, in the driver's normal form.

    Normal form means: equal meaning gives equal attributes, whatever order, defaults or spelling
    the product uses. What the product adds by itself belongs into `facts`, which nobody compares.
    No field ever holds a secret.
    """

    address: str
    """`kind/name`, unique within a connection, such as `job/gold-sql`. An observed object with
    a marker bears the marker's address, one without bears `kind/` and its name."""
    attributes: Attributes = Attributes()
    """Everything that is managed. All fields are compared; None is the same as absent."""
    facts: Attributes = Attributes()
    """What is only known: server-side defaults, figures, a reason. Never compared."""
    write_only: tuple[str, ...] = ()
    """Names of fields that the product never gives back, such as passwords: sent by the driver
    from its own settings, never compared, never in a plan."""
    immutable: tuple[str, ...] = ()
    """Fields that cannot be changed in place: a difference there means replacement."""
    depends_on: tuple[str, ...] = ()
    """Addresses that must exist before this one."""
    documents: tuple[str, ...] = ()
    """The estate documents it was translated from, as `Kind/name`."""
    marker: Marker | None = None
    """Whose it is; None for an observed object that bears no marker."""
    native: Ref | None = None
    """The product's own handle; None while it is only wished."""
    holds_data: bool = False
    """True when deleting it may cost restore points."""
    is_shared: bool = False
    """True for what no estate owns, such as software on a host: it bears no marker, is found by
    its address, brought into line without being adopted, and never deleted."""
    is_observe_only: bool = False
    """True for what is looked at and never written, such as a preflight check."""

    @property
    def kind(self) -> str:
        """The part of the address before the slash."""
        return self.address.partition("/")[0]

    @property
    def name(self) -> str:
        """The part of the address after the first slash."""
        return self.address.partition("/")[2]


class ResourceQuery(Model):
    """Which resources to observe. Empty means all."""

    with_preflight: bool = True
    """False leaves out observe-only resources, when only the effect of a write is looked for."""
