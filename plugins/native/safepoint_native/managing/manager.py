"""`CanManage` of the native driver: observing and writing the registrations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from safepoint.errors import ConflictError
from safepoint.models.attributes import Attributes
from safepoint.models.plans import Action, Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Marker, Resource, ResourceQuery
from safepoint_native.managing.preflight import Preflight
from safepoint_native.managing.registry import Entry, Registry
from safepoint_native.managing.translating import REPOSITORY, job_address
from safepoint_native.repository.layout import Layout
from safepoint_native.shelf import Shelf
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["Manager"]


class Manager:
    """The managed objects of one connection.

    Args:
        connection: Its name, for handles and errors.
        shelf: Opens the repository.
        files: The operations on it.
        preflight: Looks at hosts, shares and guests.
    """

    def __init__(
        self,
        connection: str,
        shelf: Shelf,
        files: FileSystem,
        preflight: Preflight,
    ) -> None:
        self._connection = connection
        self._path = shelf.path
        self._shelf = shelf
        self._files = files
        self._registry = Registry(shelf.path, files)
        self._preflight = preflight

    def observe(self, query: ResourceQuery) -> Iterator[Resource]:
        """Return the repository, every registered job, and the checks unless left out."""
        is_there = self._is_repository()
        if is_there:
            yield self._repository()
            for entry in self._registry.jobs():
                yield self._registered(entry)
        if query.with_preflight:
            free = self._files.free_bytes(self._path) if is_there else None
            yield from self._preflight.checks(free)

    def _is_repository(self) -> bool:
        """Tell whether it is there; a creation that was cut off counts as not.

        Raises:
            ConflictError: the folder holds something else.
        """
        layout = Layout(self._path)
        if self._files.exists(layout.marker):
            return True
        strange = [name for name in self._files.names(self._path) if not layout.is_ours(name)]
        if strange:
            msg = f"{self._path} is no safepoint repository: it holds {strange[0]}"
            hint = "Check the path, and that the disk is mounted."
            raise ConflictError(msg, hint=hint, operation="observe", system=self._connection)
        return False

    def _repository(self) -> Resource:
        label = self._registry.label()
        content = label.content if label else {}
        return Resource(
            address=REPOSITORY,
            attributes=Attributes({"label": content.get("label")}),
            facts=Attributes({"path": str(self._path), "digest": label.digest if label else None}),
            marker=_marker(content),
            native=self._ref("repository", "main"),
            holds_data=True,
        )

    def _registered(self, entry: Entry) -> Resource:
        marker = _marker(entry.content)
        return Resource(
            address=marker.address if marker is not None else job_address(entry.name),
            attributes=Attributes(entry.content["job"]),
            facts=Attributes({"policy": entry.content.get("policy"), "digest": entry.digest}),
            marker=marker,
            native=self._ref("job", entry.name),
            depends_on=(REPOSITORY,),
        )

    # --- apply ---------------------------------------------------------------------------------

    def apply(self, change: Change, key: str) -> Resource | None:
        """Carry out one change; the key stands in the file, so that it has one effect."""
        if change.address == REPOSITORY:
            return self._label(change, key)
        before = change.before.native if change.before is not None else None
        # A file that somebody renamed is still the job that its marker says.
        name = before.id if before is not None else change.address.partition("/")[2]
        if change.after is None:
            found = self._registry.job(name)
            if found is not None:
                self._check_unchanged(change, found)
                self._registry.remove_job(name)
            return None
        self._shelf.open()
        found = self._registry.job(name)
        if found is None or found.content.get("key") != key:
            self._check_unchanged(change, found)
            wish = change.after
            content = {"job": wish.attributes.nested(), "policy": wish.facts.get("policy")}
            self._registry.put_job(name, content | _signature(wish, key), key)
            found = self._registry.job(name)
        return self._registered(found) if found is not None else None

    def _label(self, change: Change, key: str) -> Resource:
        if change.after is None:
            msg = f"the repository {self._path} is never deleted by safepoint"
            hint = "Remove its folder by hand when no restore point is needed any more."
            raise ConflictError(msg, hint=hint, operation="apply", system=self._connection)
        self._shelf.make()
        found = self._registry.label()
        if found is None or found.content.get("key") != key:
            self._check_unchanged(change, found)
            content = {"label": change.after.attributes.get("label")}
            self._registry.put_label(content | _signature(change.after, key), key)
        return self._repository()

    def _check_unchanged(self, change: Change, found: Entry | None) -> None:
        expected = change.before.facts.get("digest") if change.before is not None else None
        actual = found.digest if found is not None else None
        if change.action is Action.CREATE and found is not None:
            problem = "exists already"
        elif actual != expected:
            problem = "was written by somebody else in between"
        else:
            return
        msg = f"{change.address} in {self._path} {problem}"
        raise ConflictError(msg, hint="Plan again.", operation="apply", system=self._connection)

    def _ref(self, kind: str, ident: str) -> Ref:
        return Ref(kind=kind, system=self._connection, id=ident)


def _signature(wish: Resource, key: str) -> dict[str, Any]:
    marker = wish.marker.model_dump(mode="json") if wish.marker is not None else None
    return {"marker": marker, "key": key}


def _marker(content: Any) -> Marker | None:
    found = content.get("marker")
    return Marker.model_validate(found) if found else None
