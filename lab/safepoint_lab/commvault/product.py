"""The simulated CommServe as a product that a lab can carry."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.commvault.plans import POOL_NAME
from safepoint_lab.commvault.profiles import PROFILES
from safepoint_lab.commvault.server import CommvaultServer
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.products.port import (
    LabProduct,
    RunningProduct,
    SecretFile,
    SettingValue,
    Surroundings,
)
from safepoint_lab.world.faults import FaultBook

__all__ = ["COMMVAULT", "CommvaultInLab"]

_ACCOUNT = "svc-commvault"


class CommvaultInLab(RunningProduct):
    """A CommServe with an account of its own; the account of hosts is the lab's."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._password_file = around.secret("commvault")
        profile = PROFILES[around.profile]
        settings = CommvaultSettings(
            username=_ACCOUNT,
            password=self._password_file.read_text(encoding="utf-8").strip(),
            fabric_username=around.username,
            fabric_password=around.password_file.read_text(encoding="utf-8").strip(),
            release=profile.release,
            v4=profile.v4,
            access_token_seconds=profile.access_token_seconds,
            speed=around.speed,
        )
        self.server = CommvaultServer(
            around.world, around.folder, around.tls, port=around.port, settings=settings
        )

    @property
    @override
    def port(self) -> int:
        return self.server.port

    @property
    @override
    def url(self) -> str:
        return self.server.url

    @property
    @override
    def faults(self) -> FaultBook:
        return self.server.faults

    @property
    @override
    def request_count(self) -> int:
        return sum(self.server.engine.requests.values())

    @override
    def settings(self) -> Mapping[str, SettingValue]:
        clusters = self._around.world.clusters()
        return {
            "server": self.url,
            "username": _ACCOUNT,
            "password": SecretFile(self._password_file),
            "ca": self._around.tls.ca,
            "hypervUsername": self._around.username,
            "hypervPassword": SecretFile(self._around.password_file),
            "storagePool": POOL_NAME,
            "clusterAddresses": {cluster.name: cluster.fqdn for cluster in clusters},
        }

    @override
    def start(self) -> None:
        self.server.start()

    @override
    def stop(self) -> None:
        self.server.stop()


COMMVAULT = LabProduct(
    name="commvault",
    title="Commvault",
    profiles=tuple(PROFILES),
    faults=COMMVAULT_FAULTS,
    open=CommvaultInLab,
)
"""For the lab's catalogue of products."""
