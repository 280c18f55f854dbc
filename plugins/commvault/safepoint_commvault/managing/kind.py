"""What the writers of all kinds of objects share: find, make, change, remove, look again."""

from __future__ import annotations

from abc import ABC, abstractmethod

from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError
from safepoint.models.plans import Action, Change
from safepoint.models.resources import Resource

__all__ = ["Kind", "marked", "native_id", "wish_of"]


class Kind(ABC):
    """Writes one kind of object.

    The product knows no operation keys. Names are unique there, upper and lower case being the
    same, so every creation looks for its name first: a second request makes no second object.
    """

    @abstractmethod
    def find(self, change: Change) -> Resource | None:
        """Return the object as it is: the one that was observed, else one of the wished name."""

    @abstractmethod
    def create(self, change: Change) -> str:
        """Make it and return its id."""

    @abstractmethod
    def modify(self, change: Change, found: Resource) -> str:
        """Bring it into line, mark it, and return its id."""

    @abstractmethod
    def remove(self, change: Change, found: Resource) -> None:
        """Remove it."""

    @abstractmethod
    def look(self, change: Change, ident: str) -> Resource:
        """Return it as it is now."""

    def is_ours(self, change: Change, found: Resource) -> bool:
        """Tell whether what is found where something was to be created is of that very wish."""
        return change.after is not None and found.marker == change.after.marker

    def apply(self, change: Change) -> Resource | None:
        """Carry out a change and return the object as it is then.

        Raises:
            ConflictError: another object has the name, or it was changed since it was observed.
            NotFoundError: what was to be changed is gone.
        """
        found = self.find(change)
        if change.after is None:
            if found is not None:
                self.remove(change, found)
            return None
        if found is None:
            if change.action is not Action.CREATE:
                msg = f"{change.address} is not there any more"
                raise NotFoundError(msg, operation="apply")
            return self.look(change, self.create(change))
        if found.attributes == change.after.attributes and found.marker == change.after.marker:
            return found  # an earlier request with this key had its effect
        self._check_expected(change, found)
        return self.look(change, self.modify(change, found))

    def _check_expected(self, change: Change, found: Resource) -> None:
        if change.action is Action.CREATE:
            if not self.is_ours(change, found):
                name = found.attributes.get("name")
                msg = f"{change.address}: something else is called {name!r} already"
                raise ConflictError(msg, operation="apply", hint="Plan again; it will show.")
        elif change.before is not None and found.attributes != change.before.attributes:
            msg = f"{change.address} was changed by somebody else since the plan was made"
            raise ConflictError(msg, operation="apply", hint="Plan again; it will show.")


def marked(text: str, wished: Resource) -> str:
    """Return a description with the marker of the wish, keeping what people wrote."""
    return wished.marker.written_into(text) if wished.marker is not None else text


def wish_of(change: Change) -> Resource:
    """Return what is wished; for changes that are no deletion."""
    if change.after is None:
        msg = f"the change of {change.address} wishes for nothing"
        raise InvalidRequestError(msg, operation="apply")
    return change.after


def native_id(resource: Resource | None) -> str | None:
    """Return the product's id of an observed object."""
    return resource.native.id if resource is not None and resource.native is not None else None
