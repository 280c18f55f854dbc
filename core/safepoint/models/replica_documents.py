"""Replication as documents: which VMs, to where, how often; and groups that fail over in order."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from safepoint.models.durations import Duration
from safepoint.models.estate import Document, EstateModel, Name, refuse
from safepoint.models.jobs import NameGlob, Selector
from safepoint.models.policies import TimeOfDay, TimeZone

__all__ = [
    "ExtendedReplica",
    "InitialCopy",
    "InitialMethod",
    "Replica",
    "ReplicaAuthentication",
    "ReplicaDrill",
    "ReplicaFrequency",
    "ReplicaGroup",
    "ReplicaGroupSpec",
    "ReplicaLogin",
    "ReplicaMember",
    "ReplicaNetwork",
    "ReplicaPointPolicy",
    "ReplicaServer",
    "ReplicaSpec",
    "ReplicaWindow",
    "ResyncPolicy",
]

Text = Annotated[str, StringConstraints(min_length=1)]
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|.*:.*")
_THUMBPRINT: Final = re.compile(r"[0-9A-F]{40}")


def _check_host_name(text: str) -> str:
    if not text or any(c.isspace() for c in text):
        refuse("replica_server", "a server name is not empty and has no blanks")
    if _ADDRESS.fullmatch(text):
        refuse(
            "replica_server", "expected a name, not an address: Kerberos and certificates check it"
        )
    return text


def _check_thumbprint(text: str) -> str:
    digits = re.sub(r"[\s:]", "", text).upper()
    if _THUMBPRINT.fullmatch(digits) is None:
        refuse(
            "thumbprint", "expected the SHA-1 thumbprint of a certificate: 40 hexadecimal digits"
        )
    return digits


#: The name under which other servers reach a replica server or a broker: never an IP address.
HostName = Annotated[str, AfterValidator(_check_host_name), Field(title="host name")]
Thumbprint = Annotated[str, AfterValidator(_check_thumbprint), Field(title="thumbprint")]


class ReplicaFrequency(StrEnum):
    """How often changes are sent."""

    SECONDS_30 = "30s"
    MINUTES_5 = "5m"
    MINUTES_15 = "15m"

    @property
    def seconds(self) -> int:
        """The length of a cycle."""
        return {"30s": 30, "5m": 300, "15m": 900}[self.value]


class ReplicaPointPolicy(EstateModel):
    """Which states of the past a replica keeps beside the newest one."""

    additional_hours: Annotated[int, Field(ge=0, le=24)] = 0
    """How many hourly points are kept beside the newest; 0 keeps the newest only."""
    application_consistent_every_hours: Annotated[int, Field(ge=1, le=12)] | None = None
    """Every so many hours the guest is quiesced for a point; needs hourly points."""

    @model_validator(mode="after")
    def _check_has_points(self) -> Self:
        if self.application_consistent_every_hours is not None and not self.additional_hours:
            refuse(
                "replica_points",
                "applicationConsistentEveryHours needs additionalHours of at least 1",
            )
        return self


class ReplicaLogin(StrEnum):
    """How the two servers prove who they are."""

    KERBEROS = "kerberos"
    """Over HTTP; both in one domain or in domains that trust each other."""
    CERTIFICATE = "certificate"
    """Over HTTPS; the traffic is encrypted."""


class ReplicaAuthentication(EstateModel):
    """How the two servers prove who they are."""

    method: ReplicaLogin = ReplicaLogin.KERBEROS
    """`kerberos` or `certificate`."""
    thumbprint: Thumbprint | None = None
    """The primary's own certificate, with `method: certificate`."""

    @model_validator(mode="after")
    def _check_thumbprint(self) -> Self:
        if (self.method is ReplicaLogin.CERTIFICATE) != (self.thumbprint is not None):
            refuse(
                "replica_login", "thumbprint goes with method: certificate, and is needed there"
            )
        return self


class ReplicaServer(EstateModel):
    """A host or cluster that receives replicas, and how it is set up for that."""

    cluster: Name
    """The `Cluster` with its hosts."""
    server: HostName | None = None
    """The name that primaries connect to: the broker of a cluster, or the host. The only node's
    name when left out."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port; 80 with Kerberos and 443 with certificates when left out."""
    storage: Text
    """The folder, as the host sees it, that holds the disks of replicas: `D:\\Replica` or a share."""
    thumbprint: Thumbprint | None = None
    """The server's own certificate, when the authentication is by certificate."""
    trust_group: Text = "safepoint"
    """The word that tells which primaries may see each other's replicas."""
    allow_from: tuple[Text, ...] = ()
    """Which servers may send; the nodes of the other cluster when left out."""


class InitialMethod(StrEnum):
    """How the first full copy gets to the other side."""

    NETWORK = "network"
    MEDIA = "media"
    """Exported into a folder, carried there by you, and imported."""
    EXISTING = "existing"
    """A VM that is there already, such as one restored from a backup, is brought up to date."""


class InitialCopy(EstateModel):
    """The first full copy. Used once, when the relationship is made."""

    method: InitialMethod = InitialMethod.NETWORK
    """`network`, `media` or `existing`."""
    at: TimeOfDay | None = None
    """Begin when the clock shows this next; at once when left out."""
    timezone: TimeZone | None = None
    """Whose clock; goes with `at`."""
    folder: Text | None = None
    """With `media`: the folder to export into, as the primary's host sees it."""

    @model_validator(mode="after")
    def _check_folder(self) -> Self:
        if (self.method is InitialMethod.MEDIA) != (self.folder is not None):
            refuse("initial_folder", "folder goes with method: media, and is needed there")
        if (self.at is None) != (self.timezone is None):
            refuse("initial_time", "at and timezone go together")
        return self


class ReplicaWindow(EstateModel):
    """A part of the day, by the host's clock; may go past midnight."""

    start: TimeOfDay
    """When it opens."""
    end: TimeOfDay
    """When it closes."""

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.start == self.end:
            refuse("window", "the window must not begin and end at the same time")
        return self


class ResyncPolicy(EstateModel):
    """What happens when both sides have to be compared block by block."""

    automatic: bool = False
    """Whether it begins by itself."""
    window: ReplicaWindow | None = None
    """When it may begin by itself; at any time when left out."""

    @model_validator(mode="after")
    def _check_automatic(self) -> Self:
        if self.window is not None and not self.automatic:
            refuse("resync_window", "a window needs automatic: true")
        return self


class ReplicaNetwork(EstateModel):
    """Where one network adapter goes."""

    adapter: NameGlob = "*"
    """A pattern for the name of the adapter."""
    connect_to: Text | None = None
    """The virtual switch on the replica's host after a failover; not connected when left out."""
    test_with: Text | None = None
    """The virtual switch during a test; not connected when left out."""


class ExtendedReplica(EstateModel):
    """The third copy: from the replica to one more server."""

    target: ReplicaServer
    """Where it goes."""
    frequency: ReplicaFrequency = ReplicaFrequency.MINUTES_15
    """`5m` or `15m`, and never more often than the first leg."""
    recovery_points: ReplicaPointPolicy = Field(default_factory=ReplicaPointPolicy)
    """What it keeps; never application-consistent: the replica that feeds it is off."""
    networks: tuple[ReplicaNetwork, ...] = ()
    """Where its adapters go, by the same rules as `networks` of the replica."""


class ReplicaSpec(EstateModel):
    """Which VMs are replicated, to where and how."""

    connection: Name
    """The `Connection` whose product replicates; changing it is switching products."""
    cluster: Name
    """The `Cluster` the VMs run on."""
    include: Annotated[tuple[Selector, ...], Field(min_length=1)]
    """The VMs: those that at least one selector matches."""
    exclude: tuple[Selector, ...] = ()
    """The VMs to leave out, even when `include` matches."""
    target: ReplicaServer
    """Where the replicas go."""
    reverse: ReplicaServer | None = None
    """How the primary's own side receives after a failover; without it nothing can be reversed
    to it until it is set up by hand."""
    frequency: ReplicaFrequency = ReplicaFrequency.MINUTES_5
    """`30s`, `5m` or `15m`."""
    recovery_points: ReplicaPointPolicy = Field(default_factory=ReplicaPointPolicy)
    """What is kept beside the newest state."""
    exclude_disks: tuple[NameGlob, ...] = ()
    """Patterns for disks to leave out, such as `scsi0-3`: page files, scratch space."""
    compression: bool = True
    """Whether changes are compressed on their way."""
    authentication: ReplicaAuthentication = Field(default_factory=ReplicaAuthentication)
    """How the servers prove who they are."""
    initial: InitialCopy = Field(default_factory=InitialCopy)
    """The first full copy."""
    resync: ResyncPolicy = Field(default_factory=ResyncPolicy)
    """What happens when both sides have to be compared."""
    networks: tuple[ReplicaNetwork, ...] = ()
    """Where adapters of the replica go: the first pattern that matches counts, an adapter that
    none matches is connected to nothing. Without it nobody touches them."""
    extended: ExtendedReplica | None = None
    """A third copy."""
    manage: bool = True
    """`false`: only compared with the product; `safepoint apply` never writes it."""

    @property
    def has_networks(self) -> bool:
        """True when it says where adapters of a copy go."""
        return bool(self.networks or (self.extended is not None and self.extended.networks))


class Replica(Document):
    """VMs that one connection keeps a second, running-ready copy of. Not a backup."""

    kind: Literal["Replica"] = "Replica"
    """Always `Replica`."""
    spec: ReplicaSpec
    """What is replicated."""


class ReplicaMember(EstateModel):
    """Some VMs of a group."""

    replica: Name
    """The `Replica` they belong to."""
    vms: tuple[NameGlob, ...] = ("*",)
    """Patterns for the names of its VMs."""
    start_order: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Lower numbers start first; equal ones together."""
    wait: Duration | None = None
    """A pause after these have started and before the next number begins."""


class ReplicaDrill(EstateModel):
    """How a test failover of the group is judged."""

    boot_within: Duration | None = None
    """How long a VM may take until its guest answers; 10 minutes when left out."""
    check: tuple[Text, ...] = ()
    """A program of this machine and its arguments, run for every test VM; 0 means its
    application is consistent. `{vm}`, `{test_vm}`, `{test_id}`, `{cluster}` and `{node}` are
    replaced."""


class ReplicaGroupSpec(EstateModel):
    """Which VMs fail over together, and in which order."""

    members: Annotated[tuple[ReplicaMember, ...], Field(min_length=1)]
    """The VMs."""
    drill: ReplicaDrill = Field(default_factory=ReplicaDrill)
    """How a drill judges them."""


class ReplicaGroup(Document):
    """VMs that fail over together, such as all of one application."""

    kind: Literal["ReplicaGroup"] = "ReplicaGroup"
    """Always `ReplicaGroup`."""
    spec: ReplicaGroupSpec
    """What belongs together."""
