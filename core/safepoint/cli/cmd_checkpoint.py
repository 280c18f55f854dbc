"""`safepoint checkpoint`: checkpoints on their own, such as before a patch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli import cmd_checkpoint_audit
from safepoint.cli.clusters import the_cluster
from safepoint.cli.confirm import confirm
from safepoint.cli.output import Column
from safepoint.cli.rows import local_time
from safepoint.cli.selecting import one_vm
from safepoint.cli.session import Session
from safepoint.cli.spans import span
from safepoint.lifecycle import is_our_name
from safepoint.models.checkpoints import Checkpoint, CheckpointKind, CheckpointQuery
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint.runs.finding import age_text

__all__ = ["add"]

app = typer.Typer(
    help="Checkpoints on their own: before a patch, back after a bad one. Not a backup.",
    no_args_is_help=True,
)

_COLUMNS = (
    Column("vm", "VM"),
    Column("name", "CHECKPOINT"),
    Column("kind", "KIND"),
    Column("owner", "OWNER"),
    Column("age", "AGE", right=True),
    Column("created", "CREATED"),
    Column("expires", "EXPIRES"),
    Column("node", "NODE"),
    Column("id", "ID"),
)

Cluster = Annotated[
    str | None, typer.Option(help="The cluster; needed when the estate has several.")
]
Vm = Annotated[str, typer.Argument(help="A VM by name or id.")]
Name = Annotated[str, typer.Argument(help="A checkpoint by name or id.")]


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="checkpoint")


@app.command("list")
def list_checkpoints(
    context: typer.Context,
    vm: Annotated[str | None, typer.Argument(help="Only of this VM.")] = None,
    cluster: Cluster = None,
) -> None:
    """List checkpoints of every owner."""
    session: Session = context.obj
    target = the_cluster(session, cluster)
    query = CheckpointQuery(cluster=target.name)
    if vm is not None:
        query = CheckpointQuery(
            cluster=target.name, workload=one_vm(target.crew, target.name, vm).ref
        )
    found = list(target.crew.hypervisor.checkpoints(query))
    rows = [_facts(session, checkpoint) for checkpoint in found]
    session.output.rows(
        "CheckpointList", rows, _COLUMNS, show=rows, empty="no checkpoint: nothing slows a VM"
    )


@app.command("create")
def create(
    context: typer.Context,
    vm: Vm,
    cluster: Cluster = None,
    name: Annotated[str, typer.Option(help="Its name; made up when left out.")] = "",
    kind: Annotated[
        CheckpointKind, typer.Option(help="production (quiesced disks) or standard (with memory).")
    ] = CheckpointKind.PRODUCTION,
    expires: Annotated[
        str | None, typer.Option(help="When to remind of deleting it: 30m, 4h, 2d.")
    ] = None,
    *,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Accept a standard one if the guest cannot quiesce.")
    ] = False,
) -> None:
    """Make a checkpoint that stays until you delete it."""
    session: Session = context.obj
    if kind not in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}:
        msg = f"a checkpoint of kind {kind} cannot be made by hand"
        raise typer.BadParameter(msg)
    lifetime = span(expires, "--expires") if expires else None
    target = the_cluster(session, cluster)
    workload = one_vm(target.crew, target.name, vm)
    wish = AdHocWish(
        kind=kind,
        name=name,
        may_fall_back=fallback,
        expires_at=session.store.clock() + lifetime if lifetime else None,
    )
    held = AdHoc(target.crew).create(workload, wish)
    for warning in held.warnings:
        session.output.warn(warning)
    session.output.warn(
        "a checkpoint is not a backup: it lies on the same storage and slows the VM while it lives"
    )
    facts = {"vm": workload.name, "name": held.row.name, "id": held.checkpoint.ref.id}
    facts["kind"] = held.checkpoint.kind.value
    facts["expires"] = held.row.expires_at.isoformat() if held.row.expires_at else ""
    until = f", expires {local_time(held.row.expires_at)}" if held.row.expires_at else ""
    session.output.facts(
        "Checkpoint", facts, [f"{workload.name}: checkpoint {held.row.name!r} made{until}"]
    )


@app.command("revert")
def revert(
    context: typer.Context,
    vm: Vm,
    name: Name,
    cluster: Cluster = None,
    *,
    stop: Annotated[
        bool, typer.Option("--stop", help="Turn a running VM off first and start it afterwards.")
    ] = False,
    yes: Annotated[str, typer.Option(help="The VM's name, instead of being asked.")] = "",
) -> None:
    """Put a VM back to a checkpoint. What was written since is lost."""
    session: Session = context.obj
    target = the_cluster(session, cluster)
    ad_hoc = AdHoc(target.crew)
    workload = one_vm(target.crew, target.name, vm)
    checkpoint = ad_hoc.find(target.crew.checkpoints_of(workload.ref), name)
    age = age_text(checkpoint, session.store.clock())
    confirm(f"revert {workload.name} to {checkpoint.name!r}, losing {age}", workload.name, yes)
    ad_hoc.revert(checkpoint, stop_running=stop)
    session.output.facts(
        "Revert",
        {"vm": workload.name, "checkpoint": checkpoint.name},
        [f"{workload.name}: back at {checkpoint.name!r}; the checkpoint itself still exists"],
    )


@app.command("delete")
def delete(context: typer.Context, vm: Vm, name: Name, cluster: Cluster = None) -> None:
    """Delete a checkpoint that safepoint made, and wait until its files are merged."""
    session: Session = context.obj
    target = the_cluster(session, cluster)
    ad_hoc = AdHoc(target.crew)
    workload = one_vm(target.crew, target.name, vm)
    checkpoint = ad_hoc.find(target.crew.checkpoints_of(workload.ref), name)
    row = ad_hoc.delete(checkpoint)
    session.output.facts(
        "CheckpointDeleted",
        {"vm": workload.name, "checkpoint": checkpoint.name, "state": row.state.value},
        [f"{workload.name}: {checkpoint.name!r} is deleted and merged"],
    )


def _facts(session: Session, checkpoint: Checkpoint) -> dict[str, Any]:
    rows = {r.native: r for r in session.store.checkpoints.open() if r.native}
    row = rows.get(checkpoint.ref)
    owner = "safepoint" if row else "another product or a person"
    if row is None and is_our_name(checkpoint.name):
        owner = "a safepoint with another journal"
    return {
        "vm": checkpoint.workload_name,
        "name": checkpoint.name,
        "kind": checkpoint.kind.value,
        "owner": owner,
        "age": age_text(checkpoint, session.store.clock()),
        "created": local_time(checkpoint.created_at),
        "expires": local_time(row.expires_at) if row else "",
        "node": checkpoint.node,
        "id": checkpoint.ref.id,
    }


cmd_checkpoint_audit.add(app)
