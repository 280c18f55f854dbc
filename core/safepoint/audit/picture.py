"""What was seen: the input of judging, plain and complete in itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from safepoint.audit.report import Unread
from safepoint.models.checkpoints import Checkpoint
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, Task
from safepoint.models.storage import DiskFile, ShareSpace
from safepoint.models.workloads import Workload
from safepoint.store import CheckpointRow

__all__ = ["ClusterPicture", "OurRow", "Picture", "ProductView"]


@dataclass(frozen=True)
class OurRow:
    """An open row of our journal, with what the journal alone can tell."""

    row: CheckpointRow
    is_worked_on: bool
    """A live process holds the VM."""
    is_wanted: bool


@dataclass(frozen=True)
class ProductView:
    """What one product says of its runs."""

    connection: str
    driver: str
    title: str
    runs: tuple[Run, ...] = ()
    """Active and recent ones, newest first."""
    is_complete: bool = True
    """False when it could not be asked: then it disowns nothing."""

    def running(self, workload: Ref) -> Run | None:
        """Return a run that has the VM in it, or that does not say which VMs it has.

        Also when it says that it is done with this VM: until a run has ended, its product may
        come back to any of them, and nothing of it is disowned.
        """
        for run in self.runs:
            if not run.is_over and (not run.tasks or task_of(run, workload) is not None):
                return run
        return None

    def latest(self, workload: Ref) -> Run | None:
        """Return the newest run that had the VM in it, ended or not."""
        return next((run for run in self.runs if task_of(run, workload) is not None), None)


def task_of(run: Run, workload: Ref) -> Task | None:
    """Return the VM in a run."""
    return next((task for task in run.tasks if task.workload == workload), None)


@dataclass(frozen=True)
class ClusterPicture:
    """One cluster, as its hypervisor and its shares showed it."""

    name: str
    connection: str
    workloads: tuple[Workload, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    nodes: int = 0
    spaces: tuple[ShareSpace, ...] = ()
    files: tuple[DiskFile, ...] = ()
    has_files: bool = False
    """Whether the files of every share were read; without them nothing is called stray."""
    settled: frozenset[Ref] = frozenset()
    """VMs that looked unmerged in the listing and proved merged when asked alone."""


@dataclass(frozen=True)
class Picture:
    """The whole estate at about one moment."""

    began_at: datetime
    clusters: tuple[ClusterPicture, ...] = ()
    products: tuple[ProductView, ...] = ()
    ours: tuple[OurRow, ...] = ()
    unread: tuple[Unread, ...] = field(default=())
