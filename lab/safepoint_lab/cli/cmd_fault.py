"""`safepoint lab fault`: arm, clear and list faults."""

from __future__ import annotations

from typing import Annotated

import typer

from safepoint.cli.output import Column
from safepoint.errors import UsageError
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of

__all__ = ["fault"]

_COLUMNS = (Column("name", "FAULT"), Column("title", "WHAT GOES WRONG"))


def fault(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A fault; --list shows all.")] = "",
    *,
    folder: Folder = DEFAULT_FOLDER,
    node: Annotated[str, typer.Option(help="Only on this node.")] = "",
    vm: Annotated[str, typer.Option(help="Only for this VM.")] = "",
    operation: Annotated[
        str, typer.Option(help="Only for this call (glob), such as 'Pull*' or '*.GetError'.")
    ] = "",
    times: Annotated[int, typer.Option(help="How often it strikes; 0 until cleared.")] = 1,
    skip: Annotated[int, typer.Option(help="Let so many occasions pass first.")] = 0,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="A value of the fault, name=value.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Disarm it; all faults when none is named.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Show what can go wrong.")] = False,
) -> None:
    """Let something go wrong in the running lab."""
    if show:
        _list(context)
        return
    lab = client_of(folder)
    output = output_of(context)
    if clear:
        count = lab.clear_fault(name)
        output.facts("FaultsCleared", {"name": name, "cleared": count})
        output.say(f"{count} cleared")
        return
    if not name:
        message = "no fault is named"
        raise UsageError(message, hint="safepoint lab fault --list")
    armed = lab.arm_fault(
        name,
        node=node,
        vm=vm,
        operation=operation,
        times=times or None,
        skip=skip,
        parameters=_values(values or []),
    )
    output.facts("FaultArmed", armed.model_dump(mode="json"))
    output.say(f"armed: {armed.title}")


def _list(context: typer.Context) -> None:
    from safepoint_lab.daemon.catalogue import every_fault  # noqa: PLC0415 - heavy

    rows = [
        {
            "name": fault.name,
            "title": fault.title,
            "description": fault.description,
            "operation": fault.operation,
            "lasting": fault.lasting,
            "values": dict(fault.parameters),
        }
        for fault in every_fault()
    ]
    output_of(context).rows("FaultList", rows, _COLUMNS)


def _values(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not name or not equals:
            message = f"'{name}' is no name=value"
            raise UsageError(message)
    return {name: value for name, _, value in pairs}
