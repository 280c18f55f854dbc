"""What every driver must offer, and the narrow world it is given.

Rules of the boundary, each with a test in `safepoint.testing`:

1. One typed request in, one typed object out; later growth is an optional field.
2. What may take longer than a request returns a `Ref` and is followed by polling; no driver waits.
   `CanCopy` alone works in the caller's thread, because moving bytes is the work itself.
3. What changes something takes an operation key, journaled by the core before the call.
4. A listing that ends is complete; a broken one raises. An empty list is never an error in disguise.
5. A `Ref` is stable across processes and never reused.
6. Times are aware UTC; the product's own word is kept in `native_state`; an unknown word maps to
   unknown, never to a guess.
7. Only `DriverError` kinds, `UnsupportedError` and `RunError` kinds are raised.
8. A driver never retries, never sleeps, reads no environment and no global clock, logs no secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from safepoint.drivers.support import Ability, Support
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.runs import Run, RunQuery
from safepoint.models.systems import ClusterInfo, SystemInfo
from safepoint.models.workloads import Workload, WorkloadQuery

__all__ = ["DRIVER_API", "Driver", "DriverContext"]

#: The boundary version this core speaks. A changed or removed method raises it; a new ability
#: does not.
DRIVER_API = 1


@dataclass(frozen=True)
class DriverContext:
    """Everything a driver may use of the world around it."""

    connection: str
    """The name of the connection in the estate."""
    now: Callable[[], datetime]
    """The clock: aware UTC."""
    data_dir: Path
    """A folder of the driver's own, private to this connection; created on first use."""
    clusters: tuple[ClusterInfo, ...] = ()
    """The clusters that use this connection, secrets resolved."""
    replicates: bool = False
    """Whether relationships are managed here: the estate has, or had, Replica documents on this
    connection, or everything is about to be imported. Otherwise none is looked at."""
    known_clusters: tuple[ClusterInfo, ...] = ()
    """Every cluster of the estate, without its shares: a product may still hold restore points of
    VMs whose jobs have left it."""

    @property
    def recognised(self) -> tuple[ClusterInfo, ...]:
        """The clusters to recognise objects of the product by."""
        return self.known_clusters or self.clusters


class Driver(ABC):
    """A connection to one protection system. Abilities are added by further base classes.

    Instances are used from several threads at once.
    """

    @abstractmethod
    def probe(self) -> SystemInfo:
        """Look who answers and what is in the way. Problems are data here, not exceptions."""

    @abstractmethod
    def support(self) -> Mapping[Ability, Support]:
        """Answer for every ability, of *this connected system*, with level and reason."""

    @abstractmethod
    def workloads(self, query: WorkloadQuery, /) -> Iterator[Workload]:
        """List VMs. A node that cannot be read raises: a short list would look complete."""

    @abstractmethod
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        """List restore points, newest last; a damaged one is listed as damaged, never left out."""

    @abstractmethod
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        """List the product's own runs, newest first; empty when safepoint itself runs the jobs."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections. May be called twice; any other call afterwards raises."""
