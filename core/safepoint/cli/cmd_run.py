"""`safepoint run JOB`: protect the VMs of a job now."""

from __future__ import annotations

from typing import Annotated

import typer

from safepoint.cli.exits import exit_of_run
from safepoint.cli.interrupts import cancel_on_interrupt
from safepoint.cli.products import occupants
from safepoint.cli.rows import TASK_COLUMNS, run_facts, task_line
from safepoint.cli.run_in_product import ProductWish, run_in_product
from safepoint.cli.selecting import selected
from safepoint.cli.session import Session
from safepoint.cli.show_run import ShowRun
from safepoint.cli.spans import deadline, span
from safepoint.drivers import Ability, CanCopy, CanRunJobs
from safepoint.errors import UsageError
from safepoint.models.checkpoints import Consistency
from safepoint.models.runs import RunLevel
from safepoint.models.workloads import Workload
from safepoint.runs.coordinate import Coordinate, new_run_id
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.local import LocalEngine
from safepoint.runs.protect import Order
from safepoint.runs.recover import settle_runs
from safepoint.runs.slots import Limit

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("run")(run)


def run(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A ProtectionJob of the estate.")],
    vm: Annotated[
        list[str] | None, typer.Option("--vm", help="Only this VM of the job; repeatable.")
    ] = None,
    parallel: Annotated[
        int, typer.Option(min=1, max=64, help="How many VMs at once, limits permitting.")
    ] = 4,
    checkpoint_deadline: Annotated[
        str, typer.Option(help="How long a checkpoint may take to come or to go: 90s, 15m, 4h.")
    ] = "15m",
    merge_deadline: Annotated[
        str, typer.Option(help="How long a merge may take: 90s, 15m, 4h.")
    ] = "4h",
    wait: Annotated[
        str,
        typer.Option(
            help="How long to wait for whoever else works on the VMs: 90s, 30m, 4h. Without it "
            "they are refused."
        ),
    ] = "",
    level: Annotated[
        RunLevel, typer.Option(help="What a product that runs the job itself shall read.")
    ] = RunLevel.AUTO,
    *,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Join a run of the job that the product began by itself."),
    ] = False,
) -> int:
    """Run a job now: checkpoint, copy, verify, release, prove, record.

    When the job's product runs jobs itself, it carries the run out, and safepoint follows it and
    proves on the hosts that every checkpoint is gone and merged. A VM that fails does not stop
    the others. Exit 0: all done, perhaps with warnings; 3: some VMs failed, or a checkpoint is
    left or could not be looked at; 9: every VM failed; 130: cancelled, or left with a second
    Ctrl-C.
    """
    session: Session = context.obj
    document = session.estate.job(job)
    wait_seconds = span(wait, "--wait").total_seconds() if wait else 0.0
    gone = deadline(checkpoint_deadline, "--checkpoint-deadline")
    deadlines = Deadlines(
        create_seconds=gone,
        delete_seconds=gone,
        merge_seconds=deadline(merge_deadline, "--merge-deadline"),
    )
    connection = document.spec.connection
    runner: type[CanRunJobs] = CanRunJobs  # type: ignore[type-abstract]  # asked for, never made
    if session.has(connection, Ability.RUN_JOBS, runner) or _must_run_it(session, connection):
        wish = ProductWish(tuple(vm or ()), level, wait_seconds, follow, deadlines)
        return run_in_product(session, document, wish)
    if level is not RunLevel.AUTO or follow:
        option = "--follow" if follow else f"--level {level}"
        msg = f"{option} is for products that run jobs themselves; {connection!r} does not"
        raise UsageError(msg, hint="safepoint itself runs this job: leave the option out.")
    kind: type[CanCopy] = CanCopy  # type: ignore[type-abstract]  # asked for, never made
    others = occupants(session)
    copier = session.able(document.spec.connection, Ability.COPY, kind)
    crew = session.crew(document.spec.cluster, deadlines)
    for interrupted in settle_runs(session.store):
        session.output.say(f"run {interrupted} had died; it is marked as interrupted")
    workloads = selected(session, crew, document, only=tuple(vm or ()))
    policy = session.estate.policy(document.spec.policy).spec
    limits = session.estate.cluster(document.spec.cluster).spec.limits
    order = Order(
        job=job,
        run=new_run_id(session.store.clock()),
        connection=document.spec.connection,
        consistency=Consistency(policy.consistency.value),
        may_fall_back=policy.fallback.value == "allow",
        verify=document.spec.verify,
        limits=lambda workload: limits_of(workload, limits.per_node, limits.per_share),
        occupied=lambda workload: found.text if (found := others.of(workload)) else "",
        wait_seconds=wait_seconds,
    )
    engine = LocalEngine(parallel=parallel)
    try:
        with cancel_on_interrupt(session.output) as cancel, ShowRun(session.output) as shown:
            result = Coordinate(crew, copier, engine, shown).run(order, workloads, cancel)
    finally:
        engine.close()
    if not session.output.is_document:
        rows = [task_line(task) for task in result.tasks]
        session.output.rows(
            "TaskList", rows, TASK_COLUMNS, title=f"run {result.id}: {result.state}"
        )
        for task in result.tasks:
            if task.error is not None and task.error.get("hint"):
                session.output.say(f"{task.workload_name}: hint: {task.error['hint']}")
    else:
        session.output.facts("Run", run_facts(result))
    return exit_of_run(result.state)


def _must_run_it(session: Session, connection: str) -> bool:
    """Tell whether nobody but the product could run the job, because it alone moves the bytes."""
    driver = session.driver(connection)
    return isinstance(driver, CanRunJobs) and not isinstance(driver, CanCopy)


def limits_of(workload: Workload, per_node: int, per_share: int) -> tuple[Limit, ...]:
    """Return the limits that a VM is subject to: its node's and its shares'."""
    shares = {share_of(disk.path) for disk in workload.disks} - {""}
    return (
        Limit(f"node {workload.cluster}/{workload.node}", per_node),
        *(Limit(f"share {share.casefold()}", per_share) for share in sorted(shares)),
    )


def share_of(path: str) -> str:
    r"""Return `\\server\share` of a UNC path; empty for any other path."""
    parts = path.replace("/", "\\").split("\\")
    is_unc = len(parts) > 3 and parts[0] == parts[1] == ""
    return "\\".join(parts[:4]) if is_unc else ""
