"""Running a job that its product carries out, and showing how it came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safepoint.cli.exits import EXIT_INTERRUPTED, exit_of_run
from safepoint.cli.interrupts import wishes_on_interrupt
from safepoint.cli.products import entrust, hosts_of
from safepoint.cli.rows import TASK_COLUMNS, run_facts, task_line
from safepoint.cli.selecting import selected_of
from safepoint.cli.session import Session
from safepoint.cli.show_run import ShowRun
from safepoint.drivers import Ability, CanCheckpoint, CanRunJobs
from safepoint.errors import SafepointError
from safepoint.models.jobs import ProtectionJob
from safepoint.models.runs import Run, RunLevel
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.concluding import Conclusion
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.entrust import Wanted
from safepoint.runs.recover import settle_runs

__all__ = ["ProductWish", "follow_in_product", "run_in_product"]


@dataclass(frozen=True)
class ProductWish:
    """What the command line asks of a run."""

    vms: tuple[str, ...]
    level: RunLevel
    wait_seconds: float
    joins: bool
    deadlines: Deadlines


def run_in_product(session: Session, job: ProtectionJob, wish: ProductWish) -> int:
    """Have the product of the job's connection run it, and return the exit code."""
    product = _product(session, job.spec.connection)
    for died in settle_runs(session.store):
        session.output.say(f"nobody follows run {died} any more; it is marked as interrupted")
    hosts = hosts_of(session, job.spec.cluster)
    everything, hosts = _inventory(session, job, product, hosts)
    wanted = Wanted(
        job=job.name,
        cluster=job.spec.cluster,
        workloads=selected_of(session, everything, job, only=wish.vms),
        only_these=bool(wish.vms),
        level=wish.level,
        wait_seconds=wish.wait_seconds,
        joins=wish.joins,
    )
    with wishes_on_interrupt(session.output) as wishes, ShowRun(session.output) as shown:
        conclusion = entrust(
            session,
            job.spec.connection,
            product,
            hosts=hosts,
            sink=shown,
            wishes=wishes,
            deadlines=wish.deadlines,
        ).run(wanted)
    return _show_conclusion(session, conclusion)


def follow_in_product(session: Session, run: Run, deadlines: Deadlines) -> int:
    """Follow a run that a product carries out to its end, and return the exit code."""
    product = _product(session, run.connection)
    document = session.estate.jobs.get(run.job)
    clusters = [task.workload.system for task in run.tasks] or [
        document.spec.cluster if document else ""
    ]
    hosts = hosts_of(session, clusters[0])
    with wishes_on_interrupt(session.output) as wishes, ShowRun(session.output) as shown:
        conclusion = entrust(
            session,
            run.connection,
            product,
            hosts=hosts,
            sink=shown,
            wishes=wishes,
            deadlines=deadlines,
        ).resume(run.id)
    return _show_conclusion(session, conclusion)


def _show_conclusion(session: Session, conclusion: Conclusion) -> int:
    """Write how a run came out and return the exit code that says it."""
    run, output = conclusion.run, session.output
    if output.is_document:
        output.facts("Run", run_facts(run))
    else:
        rows = [task_line(task) for task in run.tasks]
        title = f"run {run.id}: {run.state} ({run.native_state or 'no word'})"
        output.rows("TaskList", rows, TASK_COLUMNS, title=title)
    for task in run.tasks:
        if task.error is not None and task.error.get("hint"):
            output.say(f"{task.workload_name}: hint: {task.error['hint']}")
        for left in task.leftovers:
            output.say(f"{task.workload_name}: what to do: {left.advice}")
    if conclusion.is_left:
        output.say(f"run {run.id} goes on in the product; `safepoint runs follow {run.id}`")
        return EXIT_INTERRUPTED
    return exit_of_run(run.state, has_findings=conclusion.has_findings)


def _product(session: Session, connection: str) -> CanRunJobs:
    kind: type[CanRunJobs] = CanRunJobs  # type: ignore[type-abstract]  # asked for, never made
    return session.able(connection, Ability.RUN_JOBS, kind)


def _inventory(
    session: Session,
    job: ProtectionJob,
    product: CanRunJobs,
    hosts: CanCheckpoint | SafepointError,
) -> tuple[Sequence[Workload], CanCheckpoint | SafepointError]:
    """List the cluster's VMs from its hosts; from the product when the hosts do not answer.

    A backup is not left out because the hosts cannot be read; it is said that nothing will be
    proved.
    """
    query = WorkloadQuery(cluster=job.spec.cluster)
    if not isinstance(hosts, SafepointError):
        try:
            return tuple(hosts.workloads(query)), hosts
        except SafepointError as error:
            hosts = error
    session.output.warn(
        f"the hosts of {job.spec.cluster} cannot be read: {hosts.message}; the VMs are taken from "
        "the product's inventory"
    )
    return tuple(product.workloads(query)), hosts
