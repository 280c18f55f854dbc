"""Writing the stored credential by which the CommServe reaches the clusters."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from safepoint.models.plans import Change
from safepoint.models.resources import Resource
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.kind import Kind, marked, native_id, wish_of
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.settings import CommvaultSettings
from safepoint_commvault.wire.objects import Credential

__all__ = ["CredentialKind"]


@dataclass(frozen=True, slots=True)
class CredentialKind(Kind):
    """The password is sent with every change and never read back."""

    client: CommvaultClient
    settings: CommvaultSettings
    observer: Observer

    @override
    def find(self, change: Change) -> Resource | None:
        row = self._row(change, native_id(change.before))
        return self.observer.credential(row) if row is not None else None

    @override
    def create(self, change: Change) -> str:
        wish = wish_of(change)
        name, user = str(wish.attributes["name"]), str(wish.attributes["user"])
        password = self.settings.hyperv_password
        return self.client.credentials.create(name, user, password, marked("", wish))

    @override
    def modify(self, change: Change, found: Resource) -> str:
        wish, old = wish_of(change), str(found.attributes["name"])
        text = self.client.credentials.get(old).description or ""
        self.client.credentials.modify(
            old,
            str(wish.attributes["name"]),
            str(wish.attributes["user"]),
            self.settings.hyperv_password,
            marked(text, wish),
        )
        return native_id(found) or ""

    @override
    def remove(self, change: Change, found: Resource) -> None:
        self.client.credentials.delete(str(found.attributes["name"]))

    @override
    def look(self, change: Change, ident: str) -> Resource:
        row = self._row(change, None)
        assert row is not None, "it was written under this name a moment ago"
        return self.observer.credential(row)

    def _row(self, change: Change, ident: str | None) -> Credential | None:
        rows = self.client.credentials.all()
        if ident is not None:
            return next((row for row in rows if ident in {row.id, row.name}), None)
        name = str(wish_of(change).attributes["name"]).casefold()
        return next((row for row in rows if row.name.casefold() == name), None)
