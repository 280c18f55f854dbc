"""Settling what dead processes left: the sweep behind `doctor --fix` and before every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safepoint.drivers import CanCopy, Driver
from safepoint.errors import DriverError, LeaseHeldError, NotFoundError, SafepointError
from safepoint.lifecycle import CheckpointEvent, CheckpointState
from safepoint.lifecycle.table import OPEN_STATES
from safepoint.models.refs import Ref
from safepoint.runs.crew import Crew
from safepoint.runs.finding import find_ours
from safepoint.runs.release import Release
from safepoint.store import CheckpointRow, Lease, Store

__all__ = [
    "Discard",
    "Settled",
    "discard_of",
    "is_wanted",
    "lease_key",
    "settle_runs",
    "settle_workload",
    "sweep",
]

#: Removes what an unsealed copy with this tag left in the repository.
Discard = Callable[[str], None]


def lease_key(workload: Ref) -> str:
    """Return the key of the VM's lease: cluster and id, never the name."""
    return f"vm {workload.system}/{workload.id}"


@dataclass(frozen=True)
class Settled:
    """What became of one leftover."""

    row: CheckpointRow
    is_settled: bool
    problem: str = ""
    hint: str = ""


def discard_of(driver: Driver) -> Discard:
    """Return what removes unsealed copies of this connection: nothing, if it never copies."""
    return driver.discard if isinstance(driver, CanCopy) else lambda _tag: None


def is_wanted(row: CheckpointRow) -> bool:
    """Tell whether a checkpoint is meant to stay: made by hand and acknowledged."""
    return row.is_ad_hoc and row.state is CheckpointState.HELD


def settle_workload(
    crew: Crew, lease: Lease, workload: Ref, *, discard: Discard
) -> tuple[CheckpointRow, ...]:
    """Finish every open checkpoint of a VM that is not meant to stay.

    To be called under the VM's lease, before anything new is begun.

    Raises:
        CheckpointLeftError: one could not be finished; nothing new may be begun.
    """
    finished = []
    for row in crew.store.checkpoints.open(workload):
        if row.connection != crew.connection or is_wanted(row):
            continue
        finished.append(_finish(crew, lease, row, discard))
    return tuple(finished)


def sweep(crew: Crew, *, discard: Discard) -> tuple[Settled, ...]:
    """Finish what dead processes left on this connection, VM by VM.

    What is meant to stay and is there no more, because somebody deleted it or removed its VM, is
    written down as gone. Nothing that a live process works on is touched. A failure on one VM does
    not keep the others from being settled.
    """
    results: list[Settled] = []
    open_rows = [r for r in crew.store.checkpoints.open() if r.connection == crew.connection]
    for row in open_rows:
        if is_wanted(row) and not _is_gone(crew, row):
            continue
        try:
            lease = crew.store.leases.take(
                lease_key(row.workload), crew.executor, purpose="settling leftovers"
            )
        except LeaseHeldError:
            continue  # a live process is on it
        try:
            # Only now does nobody else write the row: it may have ended, or become a wanted one.
            now = crew.store.checkpoints.get(row.tag)
            if is_wanted(now):
                if _is_gone(crew, now):
                    results.append(Settled(_note_gone(crew, lease, now), is_settled=True))
            elif now.state in OPEN_STATES:
                results.append(Settled(_finish(crew, lease, now, discard), is_settled=True))
        except SafepointError as error:
            now = crew.store.checkpoints.get(row.tag)
            results.append(Settled(now, is_settled=False, problem=error.message, hint=error.hint))
        finally:
            crew.store.leases.give_back(lease)
    return tuple(results)


def _is_gone(crew: Crew, row: CheckpointRow) -> bool:
    """Tell whether a checkpoint that is meant to stay is there no more, or its VM is not.

    False when it cannot be looked at: that proves nothing.
    """
    try:
        return find_ours(row, crew.checkpoints_of(row.workload)) is None
    except NotFoundError:
        return True
    except DriverError:
        return False


def _note_gone(crew: Crew, lease: Lease, row: CheckpointRow) -> CheckpointRow:
    """Write down that somebody else took it away, and wait for the merge. Nothing is deleted."""
    note = "it is there no more; not deleted by safepoint"
    row = crew.store.checkpoints.note(lease, row, CheckpointEvent.DELETED, note=note)
    return Release(crew).await_merge(lease, row)


def _finish(crew: Crew, lease: Lease, row: CheckpointRow, discard: Discard) -> CheckpointRow:
    """Delete, discard, wait for the merge.

    An unreachable repository does not keep the checkpoint alive; but the row stays open until
    the unsealed data is gone as well.
    """
    release = Release(crew)
    row = release.delete(lease, row)
    discard(row.tag)
    row = release.await_merge(lease, row)
    if row.run is not None and row.state is CheckpointState.RELEASED:
        crew.store.runs.note_released(row.run, row.workload)
    return row


def settle_runs(store: Store) -> tuple[str, ...]:
    """Mark runs whose process died as interrupted, and free its leases; returns the run ids."""
    ended = []
    for run, executor in store.runs.unfinished():
        if not store.executors.is_alive(executor) and store.runs.interrupt(run.id):
            ended.append(run.id)
    store.leases.free_dead()
    return tuple(ended)
