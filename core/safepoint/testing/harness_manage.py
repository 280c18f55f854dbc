"""What the author of a plugin with `CanManage` provides beside the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from safepoint.drivers import CanManage
from safepoint.models.estate import Cluster
from safepoint.models.plans import NeutralDocument
from safepoint.models.resources import DEFAULT_OWNER
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.testing.documents import catalogue
from safepoint.testing.harness import Harness, LiveHarness

__all__ = ["LiveManageHarness", "ManageHarness"]


class LiveManageHarness(LiveHarness):
    """A harness for the rules of `CanManage` that only read and compute."""

    #: The name under which the plugin registers its driver, and a job keeps its vendor block.
    driver_name: str
    #: The name of the connection, as the driver's context says it.
    connection: str = "conformance"
    #: Who plans, in markers.
    owner: str = DEFAULT_OWNER
    #: What jobs carry under `vendor: driver_name`, when the product cannot do without.
    vendor_block: Mapping[str, JsonValue] = MappingProxyType({})

    @abstractmethod
    def open_managing(self) -> CanManage:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def clusters(self) -> tuple[Cluster, ...]:
        """Return the documents of the clusters that the connection protects."""

    def workloads(self, driver: CanManage) -> tuple[Workload, ...]:
        """Return the VMs of the cluster, which jobs select.

        A product that knows none before its cluster is registered overrides it: the core asks
        the connection that reads the hosts.
        """
        return tuple(driver.workloads(WorkloadQuery(cluster=self.cluster)))

    def documents(self) -> tuple[NeutralDocument, ...]:
        """Return the documents that translations are tried with."""
        return catalogue(self.connection, self.cluster, self.vendor)

    @property
    def vendor(self) -> Mapping[str, Mapping[str, JsonValue]]:
        """The vendor blocks of a job."""
        return {self.driver_name: dict(self.vendor_block)} if self.vendor_block else {}


class ManageHarness(Harness, LiveManageHarness):
    """A harness for drivers with `CanManage`, on a product that nobody else writes to.

    `break_listing` knows one more listing, `observe`. An address that is given here is that of a
    job, as the driver observed it.
    """

    @abstractmethod
    def true_objects(self) -> frozenset[str]:
        """Return the product's ids of everything that `observe` has to list, as in `native.id`."""

    @abstractmethod
    def add_by_hand(self) -> str:
        """Let a person make a job that no document asks for; returns its address."""

    @abstractmethod
    def change_by_hand(self, address: str) -> None:
        """Let a person change a field of a job that documents decide."""

    @abstractmethod
    def delete_by_hand(self, address: str) -> None:
        """Let a person delete a job."""

    @abstractmethod
    def remove_marker(self, address: str) -> None:
        """Let a person remove our marker from a job, and nothing else."""

    @abstractmethod
    def lose_answer(self, method: str) -> None:
        """Let the next `apply` have its effect and the answer to its last request be lost."""

    def rename_by_hand(self, address: str) -> bool:
        """Let a person rename a job; False when the product cannot."""
        del address
        return False

    def beyond_update(
        self, documents: tuple[NeutralDocument, ...]
    ) -> tuple[NeutralDocument, ...] | None:
        """Return the documents with a job changed that cannot be changed in place.

        None when the product can change everything in place.
        """
        del documents
        return None
