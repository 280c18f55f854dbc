"""Login, and what the server says of itself."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import page
from safepoint_lab.veeam.records import BackupObject
from safepoint_lab.veeam.wording import iso

__all__ = ["ServiceCalls", "certificate_model"]

_OAUTH = "/api/oauth2"
_LICENSED_INSTANCES = 100.0


class ServiceCalls:
    """Handlers of login, service and license."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("POST", f"{_OAUTH}/token", self.token, anonymous=True, reads=True),
            Operation("POST", f"{_OAUTH}/logout", self.logout, reads=True),
            Operation("GET", f"{API}/serverInfo", self.info),
            Operation("GET", f"{API}/serverTime", self.time, anonymous=True),
            Operation("GET", f"{API}/serverCertificate", self.certificate, anonymous=True),
            Operation("GET", f"{API}/license", self.license),
            Operation("GET", f"{API}/services", self.services),
        ]

    def token(self, call: Call) -> Answer:
        """Grant tokens."""
        return Answer(200, self._engine.tokens.grant(call.form))

    def logout(self, call: Call) -> Answer:
        """End a login."""
        self._engine.tokens.log_out(call.token)
        return Answer(200, {})

    def info(self, _: Call) -> Answer:
        """Describe the server; the id stays the same for a name."""
        name = self._engine.settings.name
        body = {
            "vbrId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "name": name,
            "buildVersion": self._engine.profile.build,
            "patches": [],
            "databaseVendor": "PostgreSQL",
            "sqlServerEdition": "",
            "sqlServerVersion": "PostgreSQL 17.5",
            "databaseSchemaVersion": "9688",
            "databaseContentVersion": "9688",
            "veeamRegistration": {"isRegistered": False},
            "platform": "Windows",
        }
        return Answer(200, body)

    def time(self, call: Call) -> Answer:
        """Tell the server's time."""
        body = {"serverTime": iso(self._engine.now()), "timeZone": "UTC"}
        return Answer(200, body | ({"ianaTimeZoneId": "Etc/UTC"} if call.rev2 else {}))

    def certificate(self, _: Call) -> Answer:
        """Describe the authority of the server's certificate."""
        return Answer(200, certificate_model(self._engine))

    def license(self, call: Call) -> Answer:
        """Describe the license: an instance per protected VM; dates moved in 1.3-rev2 [S]."""
        used = float(len({item.vm for item in self._engine.shelf.all(BackupObject)}))
        is_exceeded = self._engine.faults.take("veeam-licence-exceeded") is not None
        used += is_exceeded
        expires = {"expirationDate": iso(self._engine.now() + timedelta(days=365))}
        instances: dict[str, Any] = {
            "licensedInstancesNumber": used - 1 if is_exceeded else _LICENSED_INSTANCES,
            "usedInstancesNumber": used,
            "newInstancesNumber": 0.0,
            "rentalInstancesNumber": 0.0,
        }
        body = {
            "status": "Valid",
            "type": "Subscription",
            "edition": "EnterprisePlus",
            "licensedTo": "safepoint lab",
            "instanceLicenseSummary": instances,
            "supportId": "0",
            "autoUpdateEnabled": False,
            "freeAgentInstanceConsumptionEnabled": False,
            "cloudConnect": "Disabled",
            "IsMultiSection": False,
            "proactiveSupportEnabled": False,
        }
        (instances if call.rev2 else body).update(expires)
        return Answer(200, body)

    def services(self, _: Call) -> Answer:
        """List the services behind the API."""
        rows = [{"name": "VeeamBackupSvc", "port": 9392}, {"name": "VeeamRESTSvc", "port": 9419}]
        return Answer(200, page(rows, len(rows), 0, 200))


def certificate_model(engine: Engine) -> dict[str, Any]:
    """Return the model of the certificate that signs for the lab."""
    found = x509.load_pem_x509_certificate(engine.certificate.read_bytes())
    name = found.subject.rfc4514_string()
    return {
        "thumbprint": found.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - its name
        "serialNumber": f"{found.serial_number:X}",
        "keyAlgorithm": "ECDSA",
        "keySize": "256",
        "subject": name,
        "issuedTo": name,
        "issuedBy": found.issuer.rfc4514_string(),
        "validFrom": iso(found.not_valid_before_utc),
        "validBy": iso(found.not_valid_after_utc),
        "isTrusted": True,
    }
