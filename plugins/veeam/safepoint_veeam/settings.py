"""The settings of a connection with `driver: veeam`."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from safepoint.models.estate import DocumentPath, EstateModel, refuse
from safepoint.models.policies import TimeZone
from safepoint_veeam.revisions import REVISIONS

__all__ = ["FabricAccount", "VeeamSettings"]

_Word = Annotated[str, StringConstraints(min_length=1)]


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        refuse("url", "not a usable address")
    if parts.scheme != "https" or not parts.hostname or port == 0:
        refuse("url", "expected https://HOST:9419")
    if parts.username is not None or parts.password is not None:
        refuse("url", "the address must not carry a user or a password")
    return text.rstrip("/")


def _check_revision(text: str) -> str:
    if text and text not in REVISIONS:
        refuse("revision", f"expected one of {', '.join(REVISIONS)}")
    return text


class FabricAccount(EstateModel):
    """The account by which the backup server opens hosts, clusters and SCVMM."""

    username: Annotated[_Word, Field(examples=["CORP\\svc-veeam-hv"])]
    """`DOMAIN\\user`, a local administrator of every host."""
    password: Annotated[SecretStr | None, Field(examples=["env:VEEAM_FABRIC_PASSWORD"])] = None
    """A reference to its password. Without it the account must be stored in Veeam already, and is
    never written."""


class VeeamSettings(EstateModel):
    """How to log in to the backup server, and what it is given."""

    url: Annotated[
        str, AfterValidator(_check_url), Field(examples=["https://vbr01.corp.example:9419"])
    ]
    """The REST service of the backup server."""
    username: Annotated[_Word, Field(examples=["CORP\\svc-safepoint"])]
    """The account; with multi-factor authentication it must be a service account."""
    password: Annotated[SecretStr, Field(examples=["env:VEEAM_PASSWORD"])]
    """A reference to its password, such as `env:VEEAM_PASSWORD`."""
    ca: DocumentPath | None = None
    """PEM file of the authority that signed the server's certificate."""
    fingerprint: str = ""
    """SHA-256 of exactly the server's certificate, in place of an authority."""
    api_version: Annotated[str, AfterValidator(_check_revision)] = ""
    """Exactly this revision of the REST API; empty takes the newest that both sides know."""
    fabric: FabricAccount | None = None
    """The account for hosts. Without it nothing is registered: clusters must be there already."""
    cluster_names: dict[str, _Word] = Field(default_factory=dict)
    """Name of a `Cluster` document to the DNS name of the cluster or host, where they differ."""
    repository: _Word = "Default Backup Repository"
    """The backup repository of jobs that name none."""
    timezone: TimeZone | None = None
    """The zone of the backup server's clock: job times are meant in it."""

    @model_validator(mode="after")
    def _check_trust(self) -> Self:
        if self.ca is not None and self.fingerprint:
            refuse("trust", "give either ca or fingerprint, not both")
        return self
