"""The harness of the reference driver as a managed product."""

from __future__ import annotations

import functools
from pathlib import Path

from typing_extensions import override

from safepoint.drivers import CanManage, DriverContext
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import NeutralDocument
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint.testing import ManageHarness
from safepoint_lab.reference.driver import ReferenceDriver
from safepoint_lab.reference.harness import ReferenceHarness
from safepoint_lab.reference.managing import address_of
from safepoint_lab.reference.product import ProductObject
from safepoint_lab.reference.session import ReferenceSettings

__all__ = ["ReferenceManageHarness"]

_OTHER = "ref2"


class ReferenceManageHarness(ReferenceHarness, ManageHarness):
    """The product's database is the truth."""

    driver_name = "reference"

    @override
    def _open(self, settings: ReferenceSettings) -> ReferenceDriver:
        clusters = tuple(
            ClusterInfo(name=name, nodes=(NodeAddress(name="node1", address="node1"),))
            for name in (self.cluster, _OTHER)
        )
        now = self.world.clock.now
        context = DriverContext(self.connection, now, Path("unused"), clusters)
        return self.driver_class(self.world, settings, context)

    @override
    def open_managing(self) -> CanManage:
        return self._open(ReferenceSettings())

    @override
    def clusters(self) -> tuple[Cluster, ...]:
        return _clusters(self.connection, self.cluster, _OTHER)

    @override
    def true_objects(self) -> frozenset[str]:
        return frozenset(self.world.product.objects)

    @override
    def add_by_hand(self) -> str:
        body = {"cluster": self.cluster, "plan": "rule-policy", "include": [{"name": "x"}]}
        self.world.product.create("job", "by-hand", "made by Ann", body)
        return "job/by-hand"

    @override
    def change_by_hand(self, address: str) -> None:
        self._find(address).body["verify"] = False

    @override
    def delete_by_hand(self, address: str) -> None:
        del self.world.product.objects[self._find(address).id]

    @override
    def remove_marker(self, address: str) -> None:
        self._find(address).description = "Ann's own"

    @override
    def rename_by_hand(self, address: str) -> bool:
        self._find(address).name = "Ann's job"
        return True

    @override
    def beyond_update(
        self, documents: tuple[NeutralDocument, ...]
    ) -> tuple[NeutralDocument, ...] | None:
        return tuple(
            one.model_copy(update={"spec": one.spec.model_copy(update={"cluster": _OTHER})})
            if isinstance(one, ProtectionJob)
            else one
            for one in documents
        )

    def _find(self, address: str) -> ProductObject:
        for one in self.world.product.objects.values():
            if address_of(one) == address:
                return one
        msg = f"{address} is not there"
        raise LookupError(msg)


@functools.cache
def _clusters(connection: str, *names: str) -> tuple[Cluster, ...]:
    spec = {"hypervisor": connection, "nodes": [{"name": "node1", "address": "node1"}]}
    return tuple(
        Cluster.model_validate({"metadata": {"name": name}, "spec": spec}) for name in names
    )
