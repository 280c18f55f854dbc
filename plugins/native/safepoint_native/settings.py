"""The settings of a connection with `driver: native`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from safepoint.models.estate import DocumentPath, EstateModel, refuse
from safepoint_native.auth import AuthKind

__all__ = ["NativeSettings"]


class NativeSettings(EstateModel):
    """How to log in to the Hyper-V hosts, and where restore points are kept."""

    username: Annotated[str, Field(examples=["CORP\\svc-backup"])] = ""
    """The account: `DOMAIN\\user` or `user@domain`; not needed with a client certificate."""
    password: Annotated[SecretStr, Field(examples=["env:HYPERV_PASSWORD"])] = SecretStr("")
    """A reference to its password, such as `env:HYPERV_PASSWORD`."""
    auth: AuthKind = AuthKind.NTLM
    """How to log in: ntlm, kerberos, credssp, certificate, or basic (over https only)."""
    ca: DocumentPath | None = None
    """PEM file of the authority that signed the hosts' certificates."""
    fingerprints: dict[str, str] = Field(default_factory=dict)
    """Node name to the SHA-256 of exactly its certificate, in place of an authority."""
    certificate: DocumentPath | None = None
    """PEM file of the client certificate, with `auth: certificate`."""
    key: DocumentPath | None = None
    """PEM file of its key."""
    repository: Annotated[DocumentPath | None, Field(examples=["./repository"])] = None
    """Folder of the repository for restore points; created when it is first needed."""
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long a host may work on one request."""
    max_envelope_kib: Annotated[int, Field(ge=8, le=8192)] = 500
    """The largest answer a host may send; its own limit is MaxEnvelopeSizekb."""
    compression_level: Annotated[int, Field(ge=0, le=19)] = 1
    """zstd level of stored data; 0 stores as it is."""

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if self.auth is AuthKind.CERTIFICATE:
            if self.certificate is None or self.key is None:
                refuse("login", "auth: certificate needs certificate and key")
        elif not self.username or not self.password.get_secret_value():
            refuse("login", f"auth: {self.auth} needs username and password")
        return self
