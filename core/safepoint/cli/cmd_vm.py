"""`safepoint vm`: the virtual machines that connections can see."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.estate.selectors import Selection
from safepoint.models.workloads import Workload, WorkloadQuery

__all__ = ["add"]

app = typer.Typer(help="Virtual machines, as the hosts show them.", no_args_is_help=True)

_COLUMNS = (
    Column("name", "VM"),
    Column("cluster", "CLUSTER"),
    Column("node", "NODE"),
    Column("power", "POWER"),
    Column("generation", "GEN", right=True),
    Column("guest_os", "GUEST"),
    Column("guest", "QUIESCE"),
    Column("disks", "DISKS", right=True),
    Column("activity", "BUSY"),
    Column("jobs", "JOBS"),
    Column("id", "ID"),
)


@app.callback()
def group() -> None:
    """Virtual machines, as the hosts show them."""


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="vm")


@app.command("list")
def list_vms(
    context: typer.Context,
    cluster: Annotated[
        list[str] | None, typer.Option(help="Only this cluster; repeatable.")
    ] = None,
) -> None:
    """List every VM with the node that owns it and the jobs that select it."""
    session: Session = context.obj
    names = tuple(cluster or session.estate.clusters)
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for name in names:
        crew = session.crew(session.estate.cluster(name).name)
        jobs_here = [j for j in session.estate.jobs.values() if j.spec.cluster == name]
        selections = {job.name: Selection(job) for job in jobs_here}
        for workload in crew.hypervisor.workloads(WorkloadQuery(cluster=name)):
            jobs = [job for job, chosen in selections.items() if chosen.includes(workload)]
            rows.append({**workload.model_dump(mode="json"), "jobs": jobs})
            shown.append(_line(workload, jobs))
    session.output.rows("VmList", rows, _COLUMNS, show=shown, empty="no VM on these clusters")


def _line(workload: Workload, jobs: list[str]) -> dict[str, Any]:
    activity = workload.activity.value
    return {
        "name": workload.name,
        "cluster": workload.cluster,
        "node": workload.node,
        "power": workload.power.value,
        "generation": workload.generation or "",
        "guest_os": workload.guest_os,
        "guest": workload.guest.value,
        "disks": len(workload.disks),
        "activity": "" if activity == "none" else activity,
        "jobs": jobs or "none",
        "id": workload.ref.id,
    }
