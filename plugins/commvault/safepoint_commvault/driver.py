"""The driver for Commvault. The class statement is its data sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from typing_extensions import override

from safepoint.drivers import (
    Ability,
    CanFollowChanges,
    CanRestore,
    CanRetire,
    CanSuspendRuns,
    DriverContext,
    Support,
)
from safepoint.drivers.https import Trust
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.plans import Change, DescribeRequest, Description, Desired, Translation
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.runs import Run, RunQuery, RunRequest
from safepoint.models.systems import SystemInfo
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.managing.describing import describe
from safepoint_commvault.managing.naming import Names
from safepoint_commvault.managing.observing import Observer
from safepoint_commvault.managing.translating import Translator
from safepoint_commvault.managing.vm_groups import retired
from safepoint_commvault.managing.writing import Writer
from safepoint_commvault.probing import probe, support
from safepoint_commvault.settings import CommvaultSettings
from safepoint_commvault.working.inventory import list_workloads
from safepoint_commvault.working.places import Places
from safepoint_commvault.working.points import Points
from safepoint_commvault.working.restoring import Restoring
from safepoint_commvault.working.runs import Runs

__all__ = ["CommvaultDriver", "open_commvault"]


class CommvaultDriver(CanFollowChanges, CanRetire, CanSuspendRuns, CanRestore):
    """One account on one CommServe, for the clusters that use the connection."""

    def __init__(self, settings: CommvaultSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        connection = context.connection
        self._client = CommvaultClient(
            settings.server,
            settings.username,
            settings.password,
            trust=Trust(ca=str(settings.ca or ""), fingerprint=settings.fingerprint),
            device=f"safepoint-{connection}",
        )
        names = Names(connection, settings)
        observer = Observer(self._client, names, context.recognised)
        places = Places(self._client, names, context.recognised)
        self._names = names
        self._observer = observer
        self._writer = Writer(self._client, names, context.recognised, observer)
        self._places = places
        self._runs = Runs(self._client, places, connection)
        self._points = Points(self._client, places, self._runs, connection)
        self._restoring = Restoring(self._client, places, self._points, connection)

    @property
    def request_count(self) -> int:
        """How many requests were sent so far."""
        return self._client.request_count

    # -- required -----------------------------------------------------------------------------

    @override
    def probe(self) -> SystemInfo:
        return probe(self._client, self._context.clusters, self._context.now())

    @override
    def support(self) -> Mapping[Ability, Support]:
        return support(self._client, self._settings)

    @override
    def workloads(self, query: WorkloadQuery, /) -> Iterator[Workload]:
        return list_workloads(self._client, self._places, query)

    @override
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        return self._points.listed(query)

    @override
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        return self._runs.list(query, self._context.now())

    @override
    def close(self) -> None:
        self._client.close()

    # -- managing -----------------------------------------------------------------------------

    @override
    def translate(self, desired: Desired, /) -> Translation:
        return Translator(self._names).translate(desired)

    @override
    def describe(self, request: DescribeRequest, /) -> Description:
        return describe(self._names, request)

    @override
    def observe(self, query: ResourceQuery, /) -> Iterator[Resource]:
        found = self._observer.everything()
        return (one for one in found if query.with_preflight or not one.is_observe_only)

    @override
    def apply(self, change: Change, /, *, key: str) -> Resource | Ref | None:
        return self._writer.apply(change)

    @override
    def change_status(self, change: Ref, /) -> OperationStatus:
        return self._writer.installing.status(change)

    @override
    def retired(self, resource: Resource, /) -> Resource:
        return retired(resource)

    # -- running ------------------------------------------------------------------------------

    @override
    def start_run(self, request: RunRequest, /, *, key: str) -> Ref:
        return self._runs.start(request, key)

    @override
    def follow_runs(self, runs: tuple[Ref, ...], /) -> Iterator[Run]:
        return self._runs.follow(runs, self._context.now())

    @override
    def cancel_run(self, run: Ref, /, *, key: str) -> None:
        self._runs.cancel(run)

    @override
    def suspend_run(self, run: Ref, /, *, key: str) -> None:
        self._runs.suspend(run)

    @override
    def resume_run(self, run: Ref, /, *, key: str) -> None:
        self._runs.resume(run)

    # -- restoring ----------------------------------------------------------------------------

    @override
    def preview_restore(self, request: RestoreRequest, /) -> RestorePreview:
        return self._restoring.preview(request)

    @override
    def start_restore(self, request: RestoreRequest, /, *, key: str) -> Ref:
        return self._restoring.start(request, key)

    @override
    def restore_status(self, restore: Ref, /) -> RestoreStatus:
        return self._restoring.status(restore)

    @override
    def cancel_restore(self, restore: Ref, /) -> None:
        self._restoring.cancel(restore)


def open_commvault(settings: CommvaultSettings, context: DriverContext) -> CommvaultDriver:
    """Make the driver; nothing is connected yet."""
    return CommvaultDriver(settings, context)
