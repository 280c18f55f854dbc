"""The simulated CommServe as a product that a lab can carry."""

from __future__ import annotations

from collections.abc import Mapping

from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.commvault.plans import POOL_NAME
from safepoint_lab.commvault.profiles import PROFILES
from safepoint_lab.commvault.server import CommvaultServer
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.products.port import LabProduct, SettingValue, Surroundings

__all__ = ["COMMVAULT"]

_NAME = "commvault"
_ACCOUNT = "svc-commvault"


def _open(around: Surroundings) -> CommvaultServer:
    """Make a CommServe with an account of its own; the account of hosts is the lab's."""
    profile = PROFILES[around.profile]
    settings = CommvaultSettings(
        username=_ACCOUNT,
        password=around.secret(_NAME).read(),
        fabric_username=around.username,
        fabric_password=around.password.read(),
        release=profile.release,
        v4=profile.v4,
        access_token_seconds=profile.access_token_seconds,
        speed=around.speed,
    )
    return CommvaultServer(
        around.world, around.folder, around.tls, port=around.port, settings=settings
    )


def _settings(around: Surroundings, url: str) -> Mapping[str, SettingValue]:
    return {
        "server": url,
        "username": _ACCOUNT,
        "password": around.secret(_NAME),
        "ca": around.tls.ca,
        "hypervUsername": around.username,
        "hypervPassword": around.password,
        "storagePool": POOL_NAME,
        "clusterAddresses": {cluster.name: cluster.fqdn for cluster in around.world.clusters()},
    }


COMMVAULT = LabProduct(
    name=_NAME,
    title="Commvault",
    profiles=tuple(PROFILES),
    faults=COMMVAULT_FAULTS,
    open=_open,
    settings=_settings,
)
"""For the lab's catalogue of products."""
