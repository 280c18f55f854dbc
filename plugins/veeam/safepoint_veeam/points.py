"""Restore points, and which VM each belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.resources import Marker
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.workloads import Workload
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.revisions import is_at_least
from safepoint_veeam.vms import Vms, unknown_workload
from safepoint_veeam.wire.objects import Backup, JobState, Point

__all__ = ["Points", "document_of", "job_documents"]


def job_documents(states: Iterable[JobState]) -> dict[str, str]:
    """Return the id of every job and the name of the document it stands for, else its own."""
    return {state.id: document_of(state.description, state.name) for state in states}


def document_of(description: str, name: str) -> str:
    """Return the name of a job's document: what its marker says, else its own name."""
    marker = Marker.found_in(description)
    kind, _, document = marker.address.partition("/") if marker else ("", "", "")
    return document if kind == "job" and document else name


class Points:
    """Lists restore points of one backup server.

    Args:
        client: The connection.
        connection: Its name.
        vms: Who is meant by a name.
    """

    def __init__(self, client: VeeamClient, connection: str, vms: Vms) -> None:
        self._client = client
        self._connection = connection
        self._vms = vms

    def all(self, query: RestorePointQuery) -> Iterator[RestorePoint]:
        """List points, newest last; a VM that the inventory does not know keeps its name."""
        filters = {"orderColumn": "CreationTime", "orderAsc": "true"}
        if query.workload_name is not None:
            filters["nameFilter"] = query.workload_name
        rows = [
            point
            for point in self._client.backups.points(filters)
            if query.workload_name in {None, point.name}
        ]
        if not rows:
            return
        backups = {backup.id: backup for backup in self._client.backups.all()}
        documents = job_documents(self._client.jobs.states())
        owners = self._owners(rows)
        rows.sort(key=lambda point: (point.creation_time is not None, point.creation_time))
        for row in rows:
            found = self._point(row, owners.get((row.backup_id, row.name)), backups, documents)
            if found is not None and query.workload in {None, found.workload}:
                yield found

    def _owners(self, rows: list[Point]) -> dict[tuple[str, str], Workload]:
        """Return the VM behind each backup and name: by id where the revision has it."""
        index = self._vms.knowing({row.name for row in rows})
        pairs = {(row.backup_id, row.name) for row in rows}
        owners: dict[tuple[str, str], Workload] = {}
        if is_at_least(self._client.revision, "1.3-rev2"):
            for one in self._client.backups.all_objects():
                vm = index.ids.get((one.object_id or "").upper())
                if vm is not None and one.backup_id is not None:
                    owners[one.backup_id, one.name] = vm
            return owners
        return {pair: vm for pair in pairs if (vm := index.named(pair[1])) is not None}

    def _point(
        self,
        row: Point,
        vm: Workload | None,
        backups: dict[str, Backup],
        documents: dict[str, str],
    ) -> RestorePoint | None:
        if row.creation_time is None:
            return None
        backup = backups.get(row.backup_id)
        job = documents.get(backup.job_id or "", backup.name) if backup else ""
        return RestorePoint(
            ref=Ref(kind="point", system=self._connection, id=row.id),
            workload=vm.ref if vm else unknown_workload(self._connection, row.name),
            workload_name=row.name,
            cluster=vm.cluster if vm else "",
            created_at=row.creation_time,
            consistency=Consistency.UNKNOWN,
            size_bytes=row.original_size or 0,
            job=job,
            detail=_detail(row),
        )


def _detail(row: Point) -> str:
    kind = (row.type or "").lower()
    status = str((row.model_extra or {}).get("malwareStatus") or "")
    return kind if status.casefold() in {"", "clean"} else f"{kind}, malware: {status.lower()}"
