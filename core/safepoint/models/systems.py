"""What a connection can see and do: the answer to `probe`, and who the cluster is."""

from __future__ import annotations

from pydantic import Field, SecretStr

from safepoint.models.base import Model, UtcTime

__all__ = ["ClusterInfo", "NodeAddress", "NodeHealth", "ShareInfo", "ShareServer", "SystemInfo"]


class NodeAddress(Model):
    """A cluster node and where its management service listens."""

    name: str
    address: str


class ShareServer(Model):
    """How to reach a share over SMB when it is not mounted."""

    server: str
    port: int = 445
    username: str = ""
    password: SecretStr = SecretStr("")
    encrypt: bool = False


class ShareInfo(Model):
    """An SMB share that holds VM files, and how this machine reads it.

    Exactly one of `mount` and `smb` is set, or neither on Windows, where the UNC path itself
    opens.
    """

    path: str
    r"""The UNC path as the VMs know it, such as `\\fs01\vmstore1`."""
    mount: str = ""
    smb: ShareServer | None = None


class ClusterInfo(Model):
    """A failover cluster as the estate declares it, with secrets resolved."""

    name: str
    nodes: tuple[NodeAddress, ...]
    shares: tuple[ShareInfo, ...] = ()
    scvmm: str = ""
    """The SCVMM server above it; empty when there is none."""
    per_node: int = 2
    """How many VMs of one node may be processed at once."""
    per_share: int = 4
    """How many VMs of one share may be processed at once."""


class NodeHealth(Model):
    """One node as `probe` found it."""

    cluster: str
    node: str
    reachable: bool
    version: str = ""
    can_manage: bool = False
    """True when the account may control VMs, not merely log in."""
    clock_skew_seconds: float | None = None
    """Host clock minus our clock; None when it could not be read."""
    problem: str = ""
    """One line; empty when all is well."""
    hint: str = ""


class SystemInfo(Model):
    """The answer to `probe`: who answered, and what is in the way."""

    product: str
    version: str = ""
    probed_at: UtcTime
    nodes: tuple[NodeHealth, ...] = ()
    shares: dict[str, str] = Field(default_factory=dict)
    """Share path → problem; empty text means readable."""
    problems: tuple[str, ...] = ()
