"""Looking at everything once, in as few requests as there are nodes, products and shares.

Nothing that cannot be looked at ends the audit: it is told as unread, and nothing is concluded from
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from safepoint.audit.chains import Chains
from safepoint.audit.picture import ClusterPicture, OurRow, Picture, ProductView
from safepoint.audit.report import Unread
from safepoint.drivers import CanCheckpoint, CanInspectStorage, CanRunJobs, Driver
from safepoint.errors import NotFoundError, SafepointError, UnsupportedError
from safepoint.models.checkpoints import CheckpointQuery, MergeState
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunQuery
from safepoint.models.storage import DiskFile, DiskFileQuery, ShareSpace
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.recover import is_wanted, lease_key
from safepoint.store import Store

__all__ = ["ClusterSource", "Gather", "ProductSource"]

#: So many of a product's last runs are read to find the one that made a checkpoint.
_RECENT_RUNS: Final = 100
_ACTIVE_RUNS: Final = 1000
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class ClusterSource:
    """A cluster, and how its hypervisor is reached."""

    name: str
    connection: str


@dataclass(frozen=True)
class ProductSource:
    """A connection whose product runs jobs of its own."""

    connection: str
    driver: str
    title: str


@dataclass
class Gather:
    """Looks at an estate.

    Args:
        store: The journal, for what is ours.
        open_driver: Opens a connection by name; raises for one that cannot be opened.
        now: The clock.
    """

    store: Store
    open_driver: Callable[[str], Driver]
    now: Callable[[], datetime]
    _unread: list[Unread] = field(default_factory=list)

    def picture(
        self, clusters: Iterable[ClusterSource], products: Iterable[ProductSource]
    ) -> Picture:
        """Return what is there now.

        Products are asked before hypervisors: a job that ends in between leaves at worst a
        checkpoint that is called in use.
        """
        self._unread = []
        began = self.now()
        views = self.products(products)
        opened: list[tuple[ClusterSource, Driver]] = []
        for source in clusters:  # here, because opening is not for several threads
            try:
                opened.append((source, self.open_driver(source.connection)))
            except SafepointError as error:
                self._tell(f"cluster {source.name}", error)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="audit") as pool:
            looked = pool.map(lambda each: self._cluster(*each), opened)
            found = [one for one in looked if one is not None]
        return Picture(
            began_at=began,
            clusters=tuple(found),
            products=views,
            ours=self.ours(),
            unread=tuple(self._unread),
        )

    def products(self, sources: Iterable[ProductSource]) -> tuple[ProductView, ...]:
        """Ask products for their runs; one that runs no jobs of its own is left out."""
        return tuple(view for one in sources if (view := self._product(one)) is not None)

    def ours(self) -> tuple[OurRow, ...]:
        """Return the open rows of our journal."""
        return tuple(self._ours())

    def _product(self, source: ProductSource) -> ProductView | None:
        try:
            driver = self.open_driver(source.connection)
            if not isinstance(driver, CanRunJobs):
                return None
            active = driver.runs(RunQuery(only_active=True, with_tasks=True, limit=_ACTIVE_RUNS))
            recent = driver.runs(RunQuery(with_tasks=True, limit=_RECENT_RUNS))
            runs, is_complete = _newest_first([*active, *recent]), True
        except UnsupportedError:
            return None
        except SafepointError as error:
            self._tell(f"jobs of {source.connection}", error)
            runs, is_complete = (), False
        return ProductView(source.connection, source.driver, source.title, runs, is_complete)

    def _cluster(self, source: ClusterSource, driver: Driver) -> ClusterPicture | None:
        try:
            if not isinstance(driver, CanCheckpoint):
                msg = f"connection {source.connection!r} cannot list checkpoints"
                raise UnsupportedError(msg)
            # VMs before checkpoints before files: what goes meanwhile is asked for once more.
            workloads = tuple(driver.workloads(WorkloadQuery(cluster=source.name)))
            checkpoints = tuple(driver.checkpoints(CheckpointQuery(cluster=source.name)))
        except SafepointError as error:
            self._tell(f"cluster {source.name}", error)
            return None
        spaces, files, is_whole = self._storage(driver, source.name)
        picture = ClusterPicture(
            name=source.name,
            connection=source.connection,
            workloads=workloads,
            checkpoints=checkpoints,
            nodes=len({one.node for one in workloads}),
            spaces=spaces,
            files=files,
            has_files=is_whole,
        )
        settled = self._settled(driver, picture)
        return replace(picture, settled=settled)

    def _storage(
        self, driver: Driver, cluster: str
    ) -> tuple[tuple[ShareSpace, ...], tuple[DiskFile, ...], bool]:
        if not isinstance(driver, CanInspectStorage):
            return (), (), False
        files: list[DiskFile] = []
        is_whole = True
        try:
            spaces = tuple(driver.share_spaces(cluster))
        except SafepointError as error:
            self._tell(f"shares of {cluster}", error)
            return (), (), False
        for space in spaces:
            if space.problem:
                self._unread.append(Unread(where=f"share {space.path}", problem=space.problem))
                is_whole = False
                continue
            try:
                query = DiskFileQuery(cluster=cluster, share=space.path)
                files += driver.disk_files(query)
            except SafepointError as error:
                self._tell(f"share {space.path}", error)
                is_whole = False
        return spaces, tuple(files), is_whole and bool(spaces)

    def _settled(self, driver: CanCheckpoint, picture: ClusterPicture) -> frozenset[Ref]:
        """Ask once more for every VM that looks unmerged: a listing is no single moment."""
        chains = [one for one in Chains(picture).all if one.unexplained]
        suspects = {one.workload.ref for one in chains}
        # The hypervisor's word is about the file in use; it says nothing of one further down.
        deep = {c.workload.ref for c in chains if set(c.unexplained) - {c.layers[0]}}
        settled = set()
        for ref in sorted(suspects, key=str):
            try:
                status = driver.merge_status(ref)
            except NotFoundError:
                settled.add(ref)  # the VM is no more
                continue
            except SafepointError as error:
                self._tell(f"merge of {ref.id}", error)
                continue
            is_held = status.state is MergeState.HELD and ref not in deep
            if status.state is MergeState.MERGED or is_held:
                settled.add(ref)
        return frozenset(settled)

    def _ours(self) -> Iterator[OurRow]:
        held = self.store.leases.held()
        for row in self.store.checkpoints.open():
            holder = held.get(lease_key(row.workload))
            is_live = holder is not None and self.store.executors.is_alive(holder)
            yield OurRow(row, is_worked_on=is_live, is_wanted=is_wanted(row))

    def _tell(self, where: str, error: SafepointError) -> None:
        self._unread.append(Unread(where=where, problem=error.message, hint=error.hint))


def _newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return each run once, newest first."""
    once = {run.id: run for run in runs}
    return tuple(
        sorted(once.values(), key=lambda run: run.started_at or run.requested_at, reverse=True)
    )
