"""What a running lab tells about itself: plain data that travels as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

__all__ = [
    "CallCounts",
    "CheckpointView",
    "DiskView",
    "FaultView",
    "GuestView",
    "LabStatus",
    "NodeView",
    "ProductView",
    "ReplicaView",
    "VmView",
]


class View(BaseModel):
    """A frozen view."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeView(View):
    """A node and its endpoints."""

    name: str
    cluster: str
    state: str
    url: str
    vms: int
    requests: int


class ProductView(View):
    """A simulated backup product beside the hosts."""

    name: str
    title: str
    profile: str
    url: str
    requests: int


class DiskView(View):
    """A disk: where it is attached and the file it writes to; `path` is UNC, `file` local."""

    slot: str
    path: str
    file: str
    size_bytes: int


class CheckpointView(View):
    """A checkpoint that exists now."""

    guid: str
    vm: str
    vm_name: str
    name: str
    type: str
    consistency: str
    created_at: datetime
    cluster: str = ""
    by_wire: bool = False
    """Whether a client asked for it over WS-Management; others make theirs without."""


class VmView(View):
    """A VM as the host has it. `merging` tells whether a merge is under way or stuck."""

    guid: str
    name: str
    cluster: str
    node: str
    power: str
    guest_os: str
    busy: str
    merging: bool
    checkpoints: int
    disks: tuple[DiskView, ...]
    switches: tuple[str, ...] = ()
    """The virtual switches that its adapters are connected to."""


class ReplicaView(View):
    """One side of a relationship; `index` 1 is an extended leg, `partner` the other site."""

    vm: str
    cluster: str
    node: str
    power: str
    index: int
    sends: bool
    mode: str
    state: str
    health: str
    partner: str
    interval_seconds: int
    last_at: datetime
    waiting_bytes: int
    points: int
    problem: str


class CertificateView(View):
    """The certificate of a site, with which it proves itself to a replica server."""

    site: str
    thumbprint: str


class GuestView(View):
    """A look into a guest: its application's health and the state of its bank.

    `bank` is application, crash or torn, as a copy of this moment would show it.
    """

    vm: str
    power: str
    hostname: str
    version: str
    broken_files: tuple[str, ...]
    bank: str
    transaction: int
    detail: str
    problem: str

    @property
    def healthy(self) -> bool:
        """Whether application and data are sound."""
        return not self.broken_files and not self.problem and self.bank != "torn"


class FaultView(View):
    """An armed fault; `times` None lasts until cleared."""

    name: str
    title: str
    node: str
    vm: str
    operation: str
    times: int | None
    hits: int


class CallCounts(View):
    """How many requests the servers answered, in all and by method or action."""

    total: int
    by_operation: dict[str, int]


class LabStatus(View):
    """The lab as a whole."""

    folder: str
    estate: str
    pid: int
    seed: int
    shares: str
    nodes: tuple[NodeView, ...]
    products: tuple[ProductView, ...]
    vms: int
    running: int
    checkpoints: int
    merges: int
    faults: tuple[FaultView, ...]
    requests: int
    problems: tuple[str, ...]
