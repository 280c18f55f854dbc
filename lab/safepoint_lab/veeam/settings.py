"""What can be chosen about the simulated server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VeeamSettings"]


@dataclass(frozen=True, slots=True)
class VeeamSettings:
    r"""Choices of one simulated server.

    Attributes:
        username: The one account of the REST API; any ``DOMAIN\`` before it is accepted.
        password: Its password.
        fabric_username: The account that opens hosts, clusters and the SCVMM.
        fabric_password: Its password; empty accepts any.
        name: The backup server's own name.
        scvmm: Name of the SCVMM that manages every cluster of the world.
        speed: Divides every duration below that is lab time.
        token_seconds: Life of an access token.
        refresh_seconds: Life of a refresh token.
        component_seconds: How long one component of one node takes to deploy.
        vm_seconds: What a VM's task takes besides its checkpoint and its bytes.
        four_eyes: Deletions are refused and wait for a second person.
        parallel_vms: VMs of a job that are worked on at a time.
    """

    username: str = "svc-veeam"
    password: str = "veeam-lab"  # noqa: S105 - the password of a simulated server
    fabric_username: str = ""
    fabric_password: str = ""
    name: str = "vbr01.lab.example.test"
    scvmm: str = "scvmm01.lab.example.test"
    speed: float = 1.0
    token_seconds: int = 900
    refresh_seconds: int = 14 * 24 * 3600
    component_seconds: float = 0.3
    vm_seconds: float = 0.3
    four_eyes: bool = False
    parallel_vms: int = 4
