"""Stored credentials in the V4 dialect; passwords go in and never come out [O]."""

from __future__ import annotations

from typing import Any

from safepoint_lab.commvault.api.entities import done
from safepoint_lab.commvault.bodies import decoded, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import PLAN, Problem, invalid, not_found
from safepoint_lab.commvault.records import Credential, Hypervisor

__all__ = ["CredentialCalls"]

_PATH = "V4/Credential"
_BY_ID = "V5/Credential/{id}"
_WINDOWS = "WINDOWSACCOUNT"


class CredentialCalls:
    """Handlers of stored credentials."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one = f"{_PATH}/{{name}}"
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("POST", _PATH, self.create),
            Operation("GET", one, self.get),
            Operation("PUT", one, self.change),
            Operation("DELETE", one, self.delete),
            Operation("GET", _BY_ID, self.get),
            Operation("PUT", _BY_ID, self.change),
            Operation("DELETE", _BY_ID, self.delete),
            Operation("GET", "Commcell/Credentials", self.list_legacy, PLAN),
        ]

    def list_all(self, _: Call) -> Answer:
        """List credentials."""
        return Answer({"credentialManager": [_model(item) for item in self._all()]})

    def list_legacy(self, _: Call) -> Answer:
        """List credentials in the legacy shape [S]."""
        found = [
            {
                "credentialRecord": {
                    "credentialId": item.id,
                    "credentialName": item.name,
                    "description": item.description,
                },
                "recordType": 1,
                "userName": item.user_name,
            }
            for item in self._all()
        ]
        return Answer({"credentialRecordInfo": found})

    def create(self, call: Call) -> Answer:
        """Store a credential."""
        name = text(call.body, "name", required=True)
        kind = text(call.body, "accountType", required=True)
        if kind.upper() != _WINDOWS:
            raise invalid(field="accountType", reason=f"'{kind}' is not supported here")
        with self._shelf.lock:
            if self._shelf.named(Credential, name) is not None:
                message = f"Credential [{name}] already exists (simulated text)"
                raise Problem(message, status=400)
            made = Credential(
                id=self._shelf.next_id("credential"),
                name=name,
                account_type=_WINDOWS,
                user_name=text(call.body, "userAccount", required=True),
                description=text(call.body, "description"),
                created_at=self._engine.now(),
                password=decoded(call.body, "password"),
            )
            self._shelf.save(made)
        return Answer(done(id=made.id, name=made.name))

    def get(self, call: Call) -> Answer:
        """Describe a credential."""
        return Answer(_model(self._find(call)))

    def change(self, call: Call) -> Answer:
        """Change a credential; what the body leaves out stays."""
        item = self._find(call)
        password = decoded(call.body, "newPassword") or decoded(call.body, "password")
        item.name = text(call.body, "newName") or item.name
        item.user_name = text(call.body, "userAccount") or item.user_name
        item.password = password or item.password
        if "description" in call.body:
            item.description = text(call.body, "description")
        self._shelf.save(item)
        return Answer(done(id=item.id, name=item.name))

    def delete(self, call: Call) -> Answer:
        """Delete a credential; refused while a hypervisor uses it [?]."""
        item = self._find(call)
        for hypervisor in self._shelf.all(Hypervisor):
            if hypervisor.credential_id == item.id:
                message = f"Credential [{item.name}] is used by {hypervisor.name} (simulated text)"
                raise Problem(message, status=400)
        self._shelf.remove(item)
        return Answer(done())

    def _all(self) -> list[Credential]:
        return sorted(self._shelf.all(Credential), key=lambda item: item.id)

    def _find(self, call: Call) -> Credential:
        if "id" in call.path:
            return self._shelf.get(Credential, call.ident())
        found = self._shelf.named(Credential, call.path["name"])
        if found is None:
            raise not_found(what="Credential", ident=call.path["name"])
        return found


def _model(item: Credential) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "accountType": item.account_type,
        "userAccount": item.user_name,
        "description": item.description,
    }
