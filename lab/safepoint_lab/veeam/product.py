"""The simulated server as a product that a lab can carry."""

from __future__ import annotations

from collections.abc import Mapping

from safepoint_lab.products.port import LabProduct, SettingValue, Surroundings
from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.veeam.profiles import PROFILES
from safepoint_lab.veeam.server import VeeamServer
from safepoint_lab.veeam.settings import VeeamSettings

__all__ = ["VEEAM"]

_NAME = "veeam"
_ACCOUNT = "svc-veeam"


def _open(around: Surroundings) -> VeeamServer:
    """Make a server with an account of its own; the account of hosts is the lab's."""
    settings = VeeamSettings(
        username=_ACCOUNT,
        password=around.secret(_NAME).read(),
        fabric_username=around.username,
        fabric_password=around.password.read(),
        speed=around.speed,
    )
    return VeeamServer(
        around.world,
        around.folder,
        around.tls,
        profile=around.profile,
        port=around.port,
        settings=settings,
    )


def _settings(around: Surroundings, url: str) -> Mapping[str, SettingValue]:
    return {
        "url": url,
        "username": _ACCOUNT,
        "password": around.secret(_NAME),
        "ca": around.tls.ca,
        "fabric": {"username": around.username, "password": around.password},
        "clusterNames": {cluster.name: cluster.fqdn for cluster in around.world.clusters()},
        "repository": "Repo A",
    }


VEEAM = LabProduct(
    name=_NAME,
    title="Veeam Backup & Replication",
    profiles=tuple(PROFILES),
    faults=VEEAM_FAULTS,
    open=_open,
    settings=_settings,
)
"""For the lab's catalogue of products."""
