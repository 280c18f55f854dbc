"""The certificates that hosts identify themselves with to a replica server: real ones, one a site."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safepoint_lab.world.model import Cluster
from safepoint_lab.world.registry import Registry

__all__ = ["Certificates", "SiteCertificate"]

_VALID = timedelta(days=730)


@dataclass(slots=True)
class SiteCertificate:
    """A certificate as base64 of its DER form; the thumbprint is the SHA-1 that Windows shows."""

    cluster: str
    encoded: str

    @property
    def thumbprint(self) -> str:
        """The thumbprint, upper case."""
        der = base64.b64decode(self.encoded)
        return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


class Certificates:
    """Makes the certificate of a site when it is first asked for, and keeps it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def of(self, cluster: Cluster) -> SiteCertificate:
        """Return the certificate of a cluster (its broker) or standalone host."""
        with self._registry.lock:
            kept = self._registry.state.get(SiteCertificate, cluster.name)
            if kept is None:
                kept = SiteCertificate(cluster.name, self._make(cluster.broker or cluster.fqdn))
                self._registry.state.put(cluster.name, kept)
            return kept

    def _make(self, subject: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        now = self._registry.now()
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
