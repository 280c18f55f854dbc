"""What can be chosen about the simulated CommServe."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CommvaultSettings"]


@dataclass(frozen=True, slots=True)
class CommvaultSettings:
    r"""Choices of one simulated CommServe.

    Attributes:
        username: The one account of the API; a ``DOMAIN\`` before it is accepted.
        password: Its password.
        fabric_username: The account that opens hosts and clusters.
        fabric_password: Its password; empty accepts any.
        name: Short name of the CommServe.
        domain: Its DNS domain.
        release: Its feature release (the number of ``currentSPVersion``).
        v4: Whether the V4 dialect is there; older releases have the legacy one only.
        speed: Divides every duration below that is lab time.
        idle_seconds: How long a QSDK token lives without activity [D].
        access_token_seconds: Life of an access token (2 h in 11.44) [D].
        lock_after: Failed logins in a row that lock the account [?].
        lock_seconds: How long it stays locked [?].
        install_seconds: What a package takes to install on a node.
        vm_seconds: What a VM takes besides its checkpoint and its bytes.
        pending_seconds: How long a job waits for an access node before it fails [?].
        vm_lag_seconds: How far `GET VM` is behind the jobs [D/3].
        parallel_vms: VMs of a job that are worked on at a time.
        remote_owner: Whether a VM whose owner node is no access node with the VSA is read over
            the network by another one; else it fails. The product's real rule is not known [?].
    """

    username: str = "admin"
    password: str = "commvault-lab"  # noqa: S105 - the password of a simulated server
    fabric_username: str = ""
    fabric_password: str = ""
    name: str = "commserve01"
    domain: str = "lab.example.test"
    release: int = 44
    v4: bool = True
    speed: float = 1.0
    idle_seconds: int = 1800
    access_token_seconds: int = 7200
    lock_after: int = 5
    lock_seconds: int = 300
    install_seconds: float = 0.3
    vm_seconds: float = 0.3
    pending_seconds: float = 30.0
    vm_lag_seconds: float = 60.0
    parallel_vms: int = 4
    remote_owner: bool = False

    @property
    def host_name(self) -> str:
        """The CommServe's full name."""
        return f"{self.name}.{self.domain}"
