"""`safepoint restore`: a restore point becomes a VM again."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from safepoint.cli.confirm import confirm
from safepoint.cli.interrupts import cancel_on_interrupt
from safepoint.cli.points import Found, find_point, latest_point
from safepoint.cli.session import Session
from safepoint.drivers import Ability, CanRecoverInstantly, CanRestore
from safepoint.errors import ConflictError, NotFoundError, UsageError
from safepoint.models.instant_recovery import InstantRecoveryRequest
from safepoint.models.refs import Ref
from safepoint.models.restores import RestoreRequest
from safepoint.models.sizes import size_text
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.instant import Instant
from safepoint.runs.replicated import refuse_restore_over_replicated
from safepoint.runs.restore import Restore

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("restore")(restore)


def _refuse_over_replica(
    session: Session, request: RestoreRequest | InstantRecoveryRequest, workload: Ref
) -> None:
    """In place: look at the VM on its hosts, whichever product restores it."""
    cluster = request.cluster
    if not request.in_place or cluster not in session.estate.clusters:
        return
    hosts = session.driver(session.estate.cluster(cluster).spec.hypervisor)
    try:
        there = list(hosts.workloads(WorkloadQuery(cluster=cluster, ids=(workload.id,))))
    except NotFoundError:
        return  # gone: there is nothing to be put out of step
    for one in there:
        refuse_restore_over_replicated(one)


def restore(
    context: typer.Context,
    vm: Annotated[str, typer.Argument(help="The VM that the restore point is of.")],
    point: Annotated[
        str, typer.Option(help="A restore point by id or its beginning, or `latest`.")
    ] = "latest",
    to_name: Annotated[
        str, typer.Option("--to-name", help="Restore as a new VM of this name.")
    ] = "",
    cluster: Annotated[
        str, typer.Option(help="Restore to this cluster; default: where it came from.")
    ] = "",
    node: Annotated[str, typer.Option(help="Register the VM on this node.")] = "",
    share: Annotated[str, typer.Option(help="Put a new VM's files below this UNC path.")] = "",
    yes: Annotated[str, typer.Option(help="The VM's name, instead of being asked.")] = "",
    *,
    network: Annotated[
        str, typer.Option(help="Connect a new VM to this virtual switch, where the product can.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Written into the product's own record.")] = "",
    instant: Annotated[
        bool,
        typer.Option(
            "--instant",
            help="Run the VM from the backup storage at once; see `safepoint instant`.",
        ),
    ] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the VM itself.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="In place: turn the VM off if it runs.")
    ] = False,
    start: Annotated[bool, typer.Option("--start", help="Start the VM afterwards.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would happen, and do nothing.")
    ] = False,
) -> int:
    """Restore a VM: as a new one (--to-name) or over itself (--in-place).

    The connection that keeps the restore point does the work. With --instant the VM runs from the
    backup storage first, where the product can.
    """
    session: Session = context.obj
    if in_place == bool(to_name):
        msg = "say either --to-name NAME (a new VM) or --in-place (replace the VM)"
        raise UsageError(msg)
    found = latest_point(session, vm) if point == "latest" else find_point(session, point)
    if found.point.workload_name.casefold() != vm.casefold() and found.point.workload.id != vm:
        msg = f"restore point {found.point.ref.id} is of {found.point.workload_name!r}, not {vm!r}"
        raise UsageError(msg)
    if instant:
        if preview or stop:
            option = "--preview" if preview else "--stop"
            msg = f"{option} has no meaning with --instant"
            raise UsageError(msg)
        wish = InstantRecoveryRequest(
            point=found.point.ref,
            cluster=cluster or found.point.cluster,
            node=node,
            in_place=in_place,
            new_name=to_name,
            network=network,
            storage=share,
            start=start,
            reason=reason,
        )
        return _instantly(session, found, wish, yes)
    kind: type[CanRestore] = CanRestore  # type: ignore[type-abstract]  # asked for, never made
    driver = session.able(found.connection, Ability.RESTORE, kind)
    request = RestoreRequest(
        point=found.point.ref,
        cluster=cluster or found.point.cluster,
        node=node,
        in_place=in_place,
        new_name=to_name,
        share=share,
        network=network,
        reason=reason,
        stop_running=stop,
        start=start,
    )
    _refuse_over_replica(session, request, found.point.workload)
    plan = driver.preview_restore(request)
    for warning in plan.warnings:
        session.output.warn(warning)
    if preview or plan.blockers:
        facts = plan.model_dump(mode="json")
        lines = [f"{number}. {step}" for number, step in enumerate(plan.steps, 1)]
        session.output.facts("RestorePreview", facts, lines)
    if plan.blockers:
        msg = f"cannot restore {plan.target_name}: {'; '.join(plan.blockers)}"
        raise ConflictError(msg, operation="restore", system=found.connection)
    if preview:
        return 0
    if in_place:
        confirm(
            f"replace {vm} by its state of {found.point.created_at:%Y-%m-%d %H:%M} UTC", vm, yes
        )
    with cancel_on_interrupt(session.output) as cancel:
        key = f"restore {found.point.ref} {plan.target_name}"
        status = Restore(driver, session.output.say).follow(request, key, cancel)
    facts = {"vm": plan.target_name, "point": found.point.ref.id, **status.model_dump(mode="json")}
    done = f", {size_text(status.done_bytes)}" if status.done_bytes else ""
    session.output.facts(
        "Restore", facts, [f"{plan.target_name}: restored from {found.point.ref.id}{done}"]
    )
    return 0


def _instantly(session: Session, found: Found, wish: InstantRecoveryRequest, yes: str) -> int:
    """Run the VM from its restore point, in the product that keeps it."""
    kind: type[CanRecoverInstantly] = CanRecoverInstantly  # type: ignore[type-abstract]  # as above
    driver = session.able(found.connection, Ability.INSTANT_RECOVERY, kind)
    _refuse_over_replica(session, wish, found.point.workload)
    if wish.in_place:
        name = found.point.workload_name
        moment = f"{found.point.created_at:%Y-%m-%d %H:%M} UTC"
        confirm(f"replace {name} by its state of {moment}, run from backup storage", name, yes)
    key = f"instant {secrets.token_hex(8)}"
    with cancel_on_interrupt(session.output) as cancel:
        made = Instant(driver, session.output.say, session.waiter).start(wish, key, cancel)
    lines = [f"{made.workload_name}: runs from backup storage ({made.native_state})"]
    facts = {"connection": found.connection, **made.model_dump(mode="json")}
    session.output.facts("InstantRecovery", facts, lines)
    session.output.say(
        f"`safepoint instant migrate {made.workload_name}` moves it to production storage, "
        f"`safepoint instant stop {made.workload_name}` removes it"
    )
    return 0
