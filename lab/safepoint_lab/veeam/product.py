"""The simulated server as a product that a lab can carry."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from safepoint_lab.products.port import (
    LabProduct,
    RunningProduct,
    SecretFile,
    SettingValue,
    Surroundings,
)
from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.veeam.profiles import PROFILES
from safepoint_lab.veeam.server import VeeamServer
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.faults import FaultBook

__all__ = ["VEEAM", "VeeamInLab"]

_ACCOUNT = "svc-veeam"


class VeeamInLab(RunningProduct):
    """A backup server with an account of its own, whose fabric account is the lab's."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._password_file = around.secret("veeam")
        settings = VeeamSettings(
            username=_ACCOUNT,
            password=self._password_file.read_text(encoding="utf-8").strip(),
            fabric_username=around.username,
            fabric_password=around.password_file.read_text(encoding="utf-8").strip(),
            speed=around.speed,
        )
        self.server = VeeamServer(
            around.world,
            around.folder,
            around.tls,
            profile=around.profile,
            port=around.port,
            settings=settings,
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
            "url": self.url,
            "username": _ACCOUNT,
            "password": SecretFile(self._password_file),
            "ca": self._around.tls.ca,
            "fabric": {
                "username": self._around.username,
                "password": SecretFile(self._around.password_file),
            },
            "clusterNames": {cluster.name: cluster.fqdn for cluster in clusters},
            "repository": "Repo A",
        }

    @override
    def start(self) -> None:
        self.server.start()

    @override
    def stop(self) -> None:
        self.server.stop()


VEEAM = LabProduct(
    name="veeam",
    title="Veeam Backup & Replication",
    profiles=tuple(PROFILES),
    faults=VEEAM_FAULTS,
    open=VeeamInLab,
)
"""For the lab's catalogue of products."""
