"""`safepoint replica test-failover`, `failover`, `commit` …: one file for the deeds."""

from __future__ import annotations

from typing import Annotated

import typer

from safepoint.cli.replica_command import ReplicaCommand
from safepoint.cli.replicas import Connection, Group, Vm, Yes
from safepoint.errors import UsageError
from safepoint.replicas.deeds import Deed, Option

__all__ = ["add"]

Third = Annotated[bool, typer.Option("--third", help="The relationship with the third copy.")]
Down = Annotated[
    bool,
    typer.Option(
        "--primary-is-down",
        help="You know that the side that cannot be read does not run.",
    ),
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    for name, command in (
        ("test-failover", try_failover),
        ("failover", failover),
        ("commit", commit),
        ("cancel", cancel),
        ("reverse", reverse),
        ("resync", resync),
        ("pause", pause),
        ("resume", resume),
        ("remove", remove),
        ("start", start),
        ("import-media", import_media),
    ):
        app.command(name)(command)


def try_failover(
    context: typer.Context,
    vm: Vm = None,
    group: Group = None,
    connection: Connection = None,
    to_point: Annotated[
        str, typer.Option(help="A recovery point by id or time; the newest when left out.")
    ] = "latest",
    *,
    third: Third = False,
    start: Annotated[bool, typer.Option(help="Start the test VM.")] = True,
) -> int:
    """Make a test VM from the replica; replication goes on. `replica cancel` deletes it."""
    options = {Option.START} if start else set()
    return ReplicaCommand(context.obj, connection, vm, group, third=third).run(
        Deed.TEST, options, to_point=to_point
    )


def failover(
    context: typer.Context,
    vm: Vm = None,
    group: Group = None,
    connection: Connection = None,
    to_point: Annotated[
        str | None,
        typer.Option(help="Unplanned, to this point: its id, a time with zone, or latest."),
    ] = None,
    yes: Yes = "",
    *,
    planned: Annotated[
        bool, typer.Option("--planned", help="Shut the primary down and lose nothing.")
    ] = False,
    reverse: Annotated[
        bool, typer.Option(help="Planned: let the old primary become the replica at once.")
    ] = True,
    start: Annotated[bool, typer.Option(help="Start the VM on the other side.")] = True,
    turn_off: Annotated[
        bool,
        typer.Option("--turn-off", help="Planned: turn the primary off, not by its guest."),
    ] = False,
    primary_is_down: Down = False,
    third: Third = False,
    to: Annotated[
        str | None,
        typer.Option(help="Planned: the Cluster to run on. What runs there is left alone."),
    ] = None,
) -> int:
    """Fail over: planned without loss, or unplanned to a point when the primary is gone.

    Given for a group, every VM is checked before the first one moves.
    """
    if planned == (to_point is not None):
        msg = "say --planned, or --to-point with a point or `latest`"
        hint = "Planned shuts the primary down and loses nothing; a point is for when it is gone."
        raise UsageError(msg, hint=hint)
    if to is not None and not planned:
        msg = "--to goes with --planned"
        raise UsageError(msg, hint="Unplanned, a VM runs where its replica is.")
    options = {Option.START} if start else set()
    if planned:
        options |= {Option.TURN_OFF if turn_off else Option.SHUT_DOWN}
        options |= {Option.REVERSE} if reverse else set()
    elif primary_is_down:
        options.add(Option.PRIMARY_IS_DOWN)
    command = ReplicaCommand(context.obj, connection, vm, group, third=third)
    if planned:
        return command.run_planned(options, to, yes=yes)
    return command.run(Deed.UNPLANNED, options, to_point=to_point or "latest", yes=yes)


def commit(
    context: typer.Context,
    vm: Vm = None,
    group: Group = None,
    connection: Connection = None,
    yes: Yes = "",
    *,
    third: Third = False,
) -> int:
    """Make a failover final. The other recovery points are gone afterwards."""
    return ReplicaCommand(context.obj, connection, vm, group, third=third).run(
        Deed.COMMIT, set(), yes=yes
    )


def cancel(
    context: typer.Context,
    vm: Vm = None,
    group: Group = None,
    connection: Connection = None,
    yes: Yes = "",
    *,
    start_primary: Annotated[
        bool | None,
        typer.Option(
            help="Start the primary again. On after a planned failover, off after another."
        ),
    ] = None,
    third: Third = False,
) -> int:
    """Take back a test, a failover that was not committed, or a half-done planned one."""
    command = ReplicaCommand(context.obj, connection, vm, group, third=third)
    return command.run_chosen(
        lambda pair: command.undoing(pair, start_primary=start_primary), yes=yes
    )


def reverse(
    context: typer.Context,
    vm: Vm = None,
    group: Group = None,
    connection: Connection = None,
    yes: Yes = "",
    *,
    start: Annotated[bool, typer.Option(help="Start the VM if it is off.")] = True,
) -> int:
    """Swap the roles after a failover: changes go back to the old primary."""
    options = {Option.START} if start else set()
    return ReplicaCommand(context.obj, connection, vm, group).run(Deed.REVERSE, options, yes=yes)


def resync(
    context: typer.Context, vm: Vm = None, connection: Connection = None, *, third: Third = False
) -> int:
    """Compare both sides block by block, so that replication can go on."""
    return ReplicaCommand(context.obj, connection, vm, None, third=third).run(Deed.RESYNC, set())


def pause(
    context: typer.Context, vm: Vm = None, connection: Connection = None, *, third: Third = False
) -> int:
    """Stop sending changes for a while; the log on the primary grows."""
    return ReplicaCommand(context.obj, connection, vm, None, third=third).run(Deed.PAUSE, set())


def resume(
    context: typer.Context, vm: Vm = None, connection: Connection = None, *, third: Third = False
) -> int:
    """Send changes again."""
    return ReplicaCommand(context.obj, connection, vm, None, third=third).run(Deed.RESUME, set())


def remove(
    context: typer.Context,
    vm: Vm = None,
    connection: Connection = None,
    yes: Yes = "",
    *,
    primary_is_down: Down = False,
    third: Third = False,
) -> int:
    """End a relationship on both sides. VMs and disks stay where they are."""
    options = {Option.PRIMARY_IS_DOWN} if primary_is_down else set()
    return ReplicaCommand(context.obj, connection, vm, None, third=third).run(
        Deed.REMOVE, options, yes=yes
    )


def start(context: typer.Context, vm: Vm = None, connection: Connection = None) -> int:
    """Begin the first copy of a relationship that waits for it."""
    return ReplicaCommand(context.obj, connection, vm, None).run(Deed.START, set())


def import_media(
    context: typer.Context,
    vm: Annotated[str, typer.Argument(help="A replicated VM by name or id.")],
    folder: Annotated[str, typer.Argument(help="The folder, as the replica's host sees it.")],
    connection: Connection = None,
) -> int:
    """Import the first copy from the media that it was exported to."""
    return ReplicaCommand(context.obj, connection, vm, None).run(Deed.IMPORT, set(), folder=folder)
