"""Credentials records."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, after, any_of, before, like
from safepoint_lab.veeam.problems import ApiError, invalid
from safepoint_lab.veeam.records import Credential, Job, Server, new_id
from safepoint_lab.veeam.wording import iso

__all__ = ["CredentialCalls"]

_PATH = f"{API}/credentials"
_SPECS = {
    "Standard": "StandardCredentialsSpec",
    "ManagedService": "ManagedServiceCredentialsSpec",
    "Linux": "LinuxCredentialsSpec",
}


def _model(item: Credential, call: Call) -> dict[str, Any]:
    body = {
        "id": item.id,
        "username": item.username,
        "description": item.description,
        "type": item.type,
        "creationTime": iso(item.created_at),
        "uniqueId": item.unique_id,
    }
    return body | ({"isDefaultAppliance": False} if call.rev2 else {})


_LISTING = Listing[Credential](
    _model,
    lambda item: item.created_at,
    {
        "nameFilter": lambda item, v: like(v[0], item.username) or like(v[0], item.description),
        "typeFilter": lambda item, v: any_of(v, item.type),
        "createdAfterFilter": lambda item, v: after(item.created_at, v),
        "createdBeforeFilter": lambda item, v: before(item.created_at, v),
    },
    {
        "username": lambda item: item.username.casefold(),
        "description": lambda item: item.description.casefold(),
        "type": lambda item: item.type,
        "creationtime": lambda item: item.created_at,
    },
)


class CredentialCalls:
    """Handlers of credentials; the password never comes back [S]."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one = f"{_PATH}/{{id}}"
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("POST", _PATH, self.create, shape=_SPECS),
            Operation("GET", one, self.get),
            Operation("PUT", one, self.change, shape="StandardCredentialsModel"),
            Operation("DELETE", one, self.delete, deletion=True),
            Operation(
                "POST",
                f"{one}/changepassword",
                self.password,
                shape="CredentialsPasswordChangeSpec",
            ),
        ]

    def list_all(self, call: Call) -> Answer:
        """List them."""
        return _LISTING.answer(call, self._shelf.all(Credential))

    def create(self, call: Call) -> Answer:
        """Add one; `uniqueId` may come from the caller and must be free [X]."""
        body = call.body
        unique = body.get("uniqueId") or new_id()
        if any(item.unique_id == unique for item in self._shelf.all(Credential)):
            raise invalid(
                field="uniqueId",
                reason="Credentials with this uniqueId exist already.",
                value=unique,
            )
        item = Credential(
            id=new_id(),
            username=body["username"],
            description=body.get("description", ""),
            type=body["type"],
            created_at=self._engine.now(),
            unique_id=unique,
            password=body.get("password", ""),
        )
        self._shelf.save(item)
        return Answer(201, _model(item, call))

    def get(self, call: Call) -> Answer:
        """Return one."""
        return Answer(200, _model(self._shelf.get(Credential, call.path["id"]), call))

    def change(self, call: Call) -> Answer:
        """Change name and description."""
        item = self._shelf.get(Credential, call.path["id"])
        if call.body["id"] != item.id:
            raise invalid(
                field="id", reason="'Id' is not the id of this record.", value=call.body["id"]
            )
        item.username, item.description = call.body["username"], call.body["description"]
        self._shelf.save(item)
        return Answer(200, _model(item, call))

    def password(self, call: Call) -> Answer:
        """Change the password."""
        item = self._shelf.get(Credential, call.path["id"])
        item.password = call.body["password"]
        self._shelf.save(item)
        return Answer(200, {})

    def delete(self, call: Call) -> Answer:
        """Remove one; while something uses it the answer is 500 [C for refused, X for 500]."""
        item = self._shelf.get(Credential, call.path["id"])
        users = [server.name for server in self._shelf.all(Server) if _uses(server, item)]
        users += [job.name for job in self._shelf.all(Job) if item.id in str(job.body)]
        if users:
            message = f"The credentials are in use by {users[0]} (simulated text)"
            raise ApiError(500, "UnknownError", message, resource=item.id)
        self._shelf.remove(item)
        return Answer(204)


def _uses(server: Server, item: Credential) -> bool:
    return server.credentials_id == item.id
