"""The driver for Veeam Backup & Replication. The class statement is its data sheet."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from typing_extensions import override

from safepoint.drivers import (
    Ability,
    CanFollowChanges,
    CanRecoverInstantly,
    CanRestore,
    CanRetire,
    CanRunJobs,
    DriverContext,
    Support,
)
from safepoint.drivers.https import Trust
from safepoint.errors import ConflictError
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.instant_recovery import InstantRecovery, InstantRecoveryRequest
from safepoint.models.plans import Change, DescribeRequest, Description, Desired, Translation
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.runs import Run, RunQuery, RunRequest
from safepoint.models.systems import SystemInfo
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import short
from safepoint_veeam.instant import InstantRecoveries
from safepoint_veeam.jobs.translating import known_name
from safepoint_veeam.managing.job_changes import retired
from safepoint_veeam.managing.manager import Manager
from safepoint_veeam.places import Places
from safepoint_veeam.points import Points
from safepoint_veeam.probing import probe, read_license
from safepoint_veeam.restoring import Restores
from safepoint_veeam.running import Runs
from safepoint_veeam.settings import VeeamSettings
from safepoint_veeam.support import support_of
from safepoint_veeam.vms import Vms

__all__ = ["VeeamDriver", "open_veeam"]


class VeeamDriver(CanFollowChanges, CanRetire, CanRunJobs, CanRestore, CanRecoverInstantly):
    """One backup server by its REST API."""

    def __init__(self, settings: VeeamSettings, context: DriverContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._support: Mapping[Ability, Support] | None = None
        self._is_closed = False
        self.client = VeeamClient(
            settings.url,
            settings.username,
            settings.password,
            trust=Trust(ca=str(settings.ca or ""), fingerprint=settings.fingerprint),
            api_version=settings.api_version,
        )
        connection = context.connection
        names = {one.name: known_name(settings, one) for one in context.recognised}
        self._documents = {name: document for document, name in names.items()}
        self._used = {names[one.name]: one.name for one in context.clusters}
        self._vms = Vms(self.client, self._documents)
        places = Places(self.client, connection, names)
        expected = tuple(
            (names[one.name], short(node.name)) for one in context.clusters for node in one.nodes
        )
        self._manager = Manager(self.client, connection, settings, expected)
        self._points = Points(self.client, connection, self._vms)
        self._runs = Runs(self.client, connection, self._vms, context.now)
        self._restores = Restores(self.client, connection, self._vms, places)
        self._instant = InstantRecoveries(self.client, connection, self._vms, places)

    # -- required -----------------------------------------------------------------------------

    @override
    def probe(self) -> SystemInfo:
        self._check_open()
        return probe(self.client, self._used, self._context.now())

    @override
    def support(self) -> Mapping[Ability, Support]:
        self._check_open()
        with self._lock:
            if self._support is None:
                self._support = support_of(self.client.revision, read_license(self.client))
            return self._support

    @override
    def workloads(self, query: WorkloadQuery, /) -> Iterator[Workload]:
        self._check_open()
        for one in self._vms.look().workloads:
            if query.cluster in {None, one.cluster} and (
                not query.ids or one.ref.id in {ident.upper() for ident in query.ids}
            ):
                yield one

    @override
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        self._check_open()
        yield from self._points.all(query)

    @override
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        self._check_open()
        yield from self._runs.all(query)

    @override
    def close(self) -> None:
        self._is_closed = True
        self.client.close()

    # -- managed by declaration ---------------------------------------------------------------

    @override
    def translate(self, desired: Desired, /) -> Translation:
        return self._manager.translate(desired)

    @override
    def observe(self, query: ResourceQuery, /) -> Iterator[Resource]:
        self._check_open()
        yield from self._manager.observe(query)

    @override
    def describe(self, request: DescribeRequest, /) -> Description:
        return self._manager.describe(request)

    @override
    def apply(self, change: Change, /, *, key: str) -> Resource | Ref | None:
        self._check_open()
        return self._manager.apply(change)

    @override
    def retired(self, resource: Resource, /) -> Resource:
        return retired(resource)

    @override
    def change_status(self, change: Ref, /) -> OperationStatus:
        self._check_open()
        return self._manager.change_status(change)

    # -- runs ---------------------------------------------------------------------------------

    @override
    def start_run(self, request: RunRequest, /, *, key: str) -> Ref:
        self._check_open()
        return self._runs.start(request, key)

    @override
    def follow_runs(self, runs: tuple[Ref, ...], /) -> Iterator[Run]:
        self._check_open()
        yield from self._runs.follow(runs)

    @override
    def cancel_run(self, run: Ref, /, *, key: str) -> None:
        self._check_open()
        self._runs.cancel(run)

    # -- restores -----------------------------------------------------------------------------

    @override
    def preview_restore(self, request: RestoreRequest, /) -> RestorePreview:
        self._check_open()
        return self._restores.preview(request)

    @override
    def start_restore(self, request: RestoreRequest, /, *, key: str) -> Ref:
        self._check_open()
        return self._restores.start(request, key)

    @override
    def restore_status(self, restore: Ref, /) -> RestoreStatus:
        self._check_open()
        return self._restores.status(restore)

    @override
    def cancel_restore(self, restore: Ref, /) -> None:
        self._check_open()
        self._restores.cancel(restore)

    @override
    def start_instant_recovery(self, request: InstantRecoveryRequest, /, *, key: str) -> Ref:
        self._check_open()
        return self._instant.start(request, key)

    @override
    def instant_recoveries(self) -> Iterator[InstantRecovery]:
        self._check_open()
        yield from self._instant.all()

    @override
    def migrate_instant_recovery(self, recovery: Ref, /, *, key: str) -> Ref:
        self._check_open()
        return self._instant.migrate(recovery)

    @override
    def stop_instant_recovery(self, recovery: Ref, /, *, key: str) -> None:
        self._check_open()
        self._instant.stop(recovery)

    def _check_open(self) -> None:
        if self._is_closed:
            msg = f"the driver of {self._context.connection} is closed"
            raise ConflictError(msg, system=self._context.connection)


def open_veeam(settings: VeeamSettings, context: DriverContext) -> VeeamDriver:
    """Make a driver; connects nowhere yet.

    Raises:
        ConfigError: the CA file or the fingerprint cannot be used.
    """
    return VeeamDriver(settings, context)
