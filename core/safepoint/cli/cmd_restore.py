"""`safepoint restore`: a restore point becomes a VM again."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from safepoint.cli.confirm import confirm
from safepoint.cli.interrupts import cancel_on_interrupt
from safepoint.cli.points import Found, find_point, latest_point
from safepoint.cli.products import occupants
from safepoint.cli.session import Session
from safepoint.cli.spans import span
from safepoint.drivers import Ability, CanCheckpoint, CanRecoverInstantly, CanRestore
from safepoint.errors import ConflictError, NotFoundError, UsageError
from safepoint.models.instant_recovery import InstantRecoveryRequest
from safepoint.models.restore_points import RestorePoint
from safepoint.models.restores import RestoreRequest
from safepoint.models.sizes import size_text
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.admission import refuse_foreign
from safepoint.runs.claim import Claim
from safepoint.runs.instant import Instant
from safepoint.runs.replicated import refuse_restore_over_replicated
from safepoint.runs.restore import Restore

__all__ = ["add"]

#: A VM that is known by its identity; products keep points of others by their names.
_VM: Final = "workload"
_CANCELLING: Final = "cancelling the restore; what is half-done is removed …"
_STILL: Final = "still cancelling; once more ends safepoint, and the restore goes its way"


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("restore")(restore)


def _look_at_target(
    session: Session, request: RestoreRequest | InstantRecoveryRequest, point: RestorePoint
) -> Workload | None:
    """In place: look at the VM on its hosts, whichever product restores it; None when it is gone.

    Raises:
        ConflictError: it is replicated.
    """
    cluster = request.cluster
    if not request.in_place or cluster not in session.estate.clusters:
        return None
    hosts = session.driver(session.estate.cluster(cluster).spec.hypervisor)
    ids = (point.workload.id,) if point.workload.kind == _VM else ()
    try:
        found = list(hosts.workloads(WorkloadQuery(cluster=cluster, ids=ids)))
    except NotFoundError:
        return None  # gone: there is nothing to be put out of step
    if not ids:  # the product keeps the point under a name only
        found = [one for one in found if one.name.casefold() == point.workload_name.casefold()]
    for one in found:
        refuse_restore_over_replicated(one)
    return found[0] if found else None


def _refuse_held(session: Session, there: Workload) -> None:
    """Refuse a VM with a checkpoint of another product, which would go with what is replaced.

    Looked at last: the checkpoint of a job that was waited for has gone with it.
    """
    cluster = there.ref.system
    kind: type[CanCheckpoint] = CanCheckpoint  # type: ignore[type-abstract]  # asked for, never made
    if session.has(session.estate.cluster(cluster).spec.hypervisor, Ability.CHECKPOINT, kind):
        refuse_foreign(session.crew(cluster), there)


def _check_target(to_name: str, wait: str, *, in_place: bool) -> float:
    """Refuse options that do not say one target, and return how many seconds to wait for it."""
    if in_place == bool(to_name):
        msg = "say either --to-name NAME (a new VM) or --in-place (replace the VM)"
        raise UsageError(msg)
    if wait and not in_place:
        msg = "--wait has no meaning with --to-name: nobody works on a VM that is new"
        raise UsageError(msg)
    return span(wait, "--wait").total_seconds() if wait else 0.0


@contextmanager
def _claimed(
    session: Session,
    found: Found,
    there: Workload | None,
    wait_seconds: float,
    cancel: threading.Event,
    *,
    in_place: bool,
) -> Iterator[None]:
    """In place: let nobody else work on the VM meanwhile. A new VM is nobody's yet."""
    vm = there.ref if there is not None else found.point.workload
    if not in_place or vm.kind != _VM:
        yield
        return
    claim = Claim(
        store=session.store,
        executor=session.executor.id,
        occupants=occupants(session),
        waiter=session.waiter,
        say=session.output.say,
    )
    purpose = f"restore in place from {found.connection}"
    with claim.held(
        vm,
        found.point.workload_name,
        purpose,
        there=there,
        wait_seconds=wait_seconds,
        cancel=cancel,
    ):
        if there is not None:
            _refuse_held(session, there)
        yield


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
    wait: Annotated[
        str,
        typer.Option(
            help="In place: how long to wait for whoever else works on the VM: 90s, 30m, 4h. "
            "Without it the restore is refused."
        ),
    ] = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would happen, and do nothing.")
    ] = False,
) -> int:
    """Restore a VM: as a new one (--to-name) or over itself (--in-place).

    The connection that keeps the restore point does the work. With --instant the VM runs from the
    backup storage first, where the product can.
    """
    session: Session = context.obj
    wait_seconds = _check_target(to_name, wait, in_place=in_place)
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
        return _instantly(session, found, wish, yes, wait_seconds)
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
    there = _look_at_target(session, request, found.point)
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
    key = f"restore {found.point.ref} {plan.target_name}"
    with (
        cancel_on_interrupt(session.output, first=_CANCELLING, later=_STILL) as cancel,
        _claimed(session, found, there, wait_seconds, cancel, in_place=in_place),
    ):
        status = Restore(driver, session.output.say).follow(request, key, cancel)
    facts = {"vm": plan.target_name, "point": found.point.ref.id, **status.model_dump(mode="json")}
    done = f", {size_text(status.done_bytes)}" if status.done_bytes else ""
    session.output.facts(
        "Restore", facts, [f"{plan.target_name}: restored from {found.point.ref.id}{done}"]
    )
    return 0


def _instantly(
    session: Session, found: Found, wish: InstantRecoveryRequest, yes: str, wait_seconds: float
) -> int:
    """Run the VM from its restore point, in the product that keeps it."""
    kind: type[CanRecoverInstantly] = CanRecoverInstantly  # type: ignore[type-abstract]  # as above
    driver = session.able(found.connection, Ability.INSTANT_RECOVERY, kind)
    there = _look_at_target(session, wish, found.point)
    if wish.in_place:
        name = found.point.workload_name
        moment = f"{found.point.created_at:%Y-%m-%d %H:%M} UTC"
        confirm(f"replace {name} by its state of {moment}, run from backup storage", name, yes)
    key = f"instant {secrets.token_hex(8)}"
    with (
        cancel_on_interrupt(session.output, first=_CANCELLING, later=_STILL) as cancel,
        _claimed(session, found, there, wait_seconds, cancel, in_place=wish.in_place),
    ):
        made = Instant(driver, session.output.say, session.waiter).start(wish, key, cancel)
    lines = [f"{made.workload_name}: runs from backup storage ({made.native_state})"]
    facts = {"connection": found.connection, **made.model_dump(mode="json")}
    session.output.facts("InstantRecovery", facts, lines)
    session.output.say(
        f"`safepoint instant migrate {made.workload_name}` moves it to production storage, "
        f"`safepoint instant stop {made.workload_name}` removes it"
    )
    return 0
