"""`safepoint lab up`: start a lab in the background."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.output import Output
from safepoint_lab.choices import Scenario, Scheme, SmbMode
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, output_of
from safepoint_lab.cli.show_status import status_facts, status_lines

__all__ = ["up"]


def up(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    folder: Folder = DEFAULT_FOLDER,
    clusters: Annotated[int | None, typer.Option(help="Failover clusters. [1]")] = None,
    nodes: Annotated[int | None, typer.Option(help="Hosts a cluster. [2]")] = None,
    vms: Annotated[int | None, typer.Option(help="VMs in all. [6]")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides names, ids and bytes. [1]")] = None,
    disk_size: Annotated[
        str | None, typer.Option(help="Size of a disk, such as 64M or 2G. [64M]")
    ] = None,
    bulk: Annotated[
        str | None,
        typer.Option(help="File data a disk, such as 8M. [half of the disk, less over 32 VMs]"),
    ] = None,
    scenario: Annotated[
        Scenario | None, typer.Option(help="What estate, and in what state. [backup]")
    ] = None,
    smb: Annotated[SmbMode | None, typer.Option(help="How the shares are served. [auto]")] = None,
    smb_encrypt: Annotated[
        bool | None, typer.Option(help="Whether samba demands encryption. [no]")
    ] = None,
    scheme: Annotated[
        Scheme | None, typer.Option(help="Endpoints in the estate file. [https]")
    ] = None,
    products: Annotated[
        list[str] | None,
        typer.Option(
            "--product",
            help="A simulated backup product beside the hosts: NAME or NAME=PROFILE, such as "
            "veeam or veeam=12.3; repeatable. [none, or as it was]",
        ),
    ] = None,
    speed: Annotated[float | None, typer.Option(help="Divides all durations. [1]")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds until the lab must be ready.")] = 300.0,
) -> None:
    """Start a lab, new or as it was left, and say what to type next.

    An existing folder continues with the same VMs, checkpoints and data; the options of its
    structure cannot change then.
    """
    from safepoint_lab.daemon.catalogue import chosen_products  # noqa: PLC0415 - heavy
    from safepoint_lab.daemon.config import parse_size  # noqa: PLC0415 - as above
    from safepoint_lab.daemon.folder import LabFolder  # noqa: PLC0415 - as above
    from safepoint_lab.daemon.process import start_lab  # noqa: PLC0415 - as above

    wanted: dict[str, Any] = {
        "clusters": clusters,
        "nodes": nodes,
        "vms": vms,
        "seed": seed,
        "disk_bytes": parse_size(disk_size) if disk_size is not None else None,
        "bulk_bytes": parse_size(bulk) if bulk is not None else None,
        "scenario": scenario,
        "smb": smb,
        "smb_encrypt": smb_encrypt,
        "scheme": scheme,
        "products": chosen_products(products) if products is not None else None,
        "speed": speed,
    }
    output = output_of(context)
    place = LabFolder.at(folder)
    output.say(f"starting the lab in {place.root} …")
    given = {name: value for name, value in wanted.items() if value is not None}
    status = start_lab(place, given, timeout).status()
    output.facts("LabStatus", status_facts(status), status_lines(status))
    _say_next(output, status.estate, folder=status.folder)


def _say_next(output: Output, estate: str, *, folder: str) -> None:
    output.say("")
    output.say("What to type next:")
    output.say(f"  export SAFEPOINT_ESTATE={estate} SAFEPOINT_LAB={folder}")
    output.say("  safepoint vm list")
    output.say("  safepoint run --help")
    output.say("  safepoint lab status")
    output.say("  safepoint lab fault --list")
    output.say("  safepoint lab down")
