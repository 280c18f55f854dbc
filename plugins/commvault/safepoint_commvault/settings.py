"""The settings of a connection with `driver: commvault`, and the block of a job."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from safepoint.models.estate import DocumentPath, EstateModel, refuse
from safepoint.models.policies import TimeZone

__all__ = ["CommvaultJobBlock", "CommvaultSettings"]

_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _check_server(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        refuse("server", "expected https://HOST, or https://HOST/webconsole/api")
    if parts.username is not None or parts.password is not None:
        refuse("server", "user and password do not belong into the address")
    return text.rstrip("/")


class CommvaultSettings(EstateModel):
    """How to log in to the CommServe, and what it needs to reach the hosts."""

    server: Annotated[
        str, AfterValidator(_check_server), Field(examples=["https://commserve01.corp.example"])
    ]
    """The address of the web service; its path is /commandcenter/api unless one is given."""
    username: Annotated[_Text, Field(examples=["CORP\\svc-safepoint"])]
    """The account: `user`, or `DOMAIN\\user` of a directory that the CommCell knows."""
    password: Annotated[SecretStr, Field(examples=["env:COMMVAULT_PASSWORD"])]
    """A reference to its password, such as `env:COMMVAULT_PASSWORD`."""
    ca: DocumentPath | None = None
    """PEM file of the authority that signed the server's certificate."""
    fingerprint: str = ""
    """SHA-256 of exactly the server's certificate, in place of an authority."""
    hyperv_username: Annotated[str, Field(examples=["CORP\\svc-hyperv"])] = ""
    """The account by which Commvault reaches the clusters, kept there as a stored credential;
    without it nothing is managed by declaration."""
    hyperv_password: Annotated[SecretStr, Field(examples=["env:HYPERV_PASSWORD"])] = SecretStr("")
    """A reference to its password."""
    credential: str = ""
    """The name of that stored credential; `safepoint-CONNECTION` when left out."""
    install_username: str = ""
    """The account that installs the Virtual Server Agent; the one for the clusters when left
    out."""
    install_password: SecretStr = SecretStr("")
    """A reference to its password."""
    push_install: bool = True
    """Whether the agent is installed on nodes that lack it; `false` only reports them."""
    storage_pool: Annotated[str, Field(examples=["DiskPool01"])] = ""
    """The disk storage pool of plans that safepoint makes."""
    cluster_addresses: dict[str, str] = Field(default_factory=dict)
    """Name of a `Cluster` to the DNS name under which Commvault reaches it, when they differ."""
    timezone: TimeZone = "Etc/UTC"
    """The time zone in which Commvault keeps schedules of these hypervisors: that of the clients,
    which it does not tell."""

    @model_validator(mode="after")
    def _check_accounts(self) -> Self:
        pairs = (
            ("hypervUsername", self.hyperv_username, self.hyperv_password),
            ("installUsername", self.install_username, self.install_password),
        )
        for name, user, password in pairs:
            if bool(user) is not bool(password.get_secret_value()):
                refuse("account", f"{name} and its password belong together")
        if self.ca is not None and self.fingerprint:
            refuse("trust", "give either ca or fingerprint, not both")
        return self

    @property
    def installer(self) -> tuple[str, SecretStr]:
        """The account for installing."""
        if self.install_username:
            return self.install_username, self.install_password
        return self.hyperv_username, self.hyperv_password

    def address_of(self, cluster: str) -> str:
        """Return the name under which Commvault reaches a cluster."""
        for name, address in self.cluster_addresses.items():
            if name.casefold() == cluster.casefold():
                return address
        return cluster


class CommvaultJobBlock(EstateModel):
    """`vendor: commvault:` of a `ProtectionJob`: what is Commvault's own."""

    name: _Text | None = None
    """The name of the VM group; the job's own when left out."""
    plan: _Text | None = None
    """A plan that exists already. It decides schedule, retention and storage, whatever the
    policy says; safepoint never changes it."""
    change_tracking: bool = True
    """Whether increments read changed blocks only (RCT)."""
