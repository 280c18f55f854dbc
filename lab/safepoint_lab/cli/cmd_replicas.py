"""`safepoint lab replicas`, `certificates` and `advance`: Hyper-V Replica from outside."""

from __future__ import annotations

from typing import Annotated

import typer

from safepoint.cli.output import Column
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of

__all__ = ["advance", "certificates", "replicas"]

_COLUMNS = (
    Column("vm", "VM"),
    Column("cluster", "SITE"),
    Column("node", "NODE"),
    Column("direction", "DIRECTION"),
    Column("mode", "MODE"),
    Column("state", "STATE"),
    Column("health", "HEALTH"),
    Column("waiting_bytes", "WAITING BYTES", right=True),
    Column("points", "POINTS", right=True),
    Column("problem", "PROBLEM"),
)

_CERTIFICATES = (Column("site", "SITE"), Column("thumbprint", "THUMBPRINT"))


def replicas(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A VM; all when left out.")] = "",
    *,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Show both sides of every replication as the hosts have them."""
    rows = [
        {
            **view.model_dump(mode="json"),
            "direction": f"{'to' if view.sends else 'from'} {view.partner or '(gone)'}",
        }
        for view in client_of(folder).replicas(name)
    ]
    output_of(context).rows("LabReplicaList", rows, _COLUMNS, empty="nothing is replicated")


def certificates(context: typer.Context, *, folder: Folder = DEFAULT_FOLDER) -> None:
    """Show the certificates of the sites, for replication with `method: certificate`."""
    rows = [view.model_dump(mode="json") for view in client_of(folder).certificates()]
    output_of(context).rows("LabCertificateList", rows, _CERTIFICATES)


def advance(
    context: typer.Context,
    span: Annotated[str, typer.Argument(help="How far, such as 5m or 2h.")],
    *,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Move the lab's clock forward; replication cycles that come due on the way are run.

    Replication runs by the lab's clock: cycles of 30 s, 5 min or 15 min, hourly recovery points.
    Guests go on in real time.
    """
    from safepoint.models.durations import parse_duration  # noqa: PLC0415 - heavy

    cycles = client_of(folder).advance(parse_duration(span).total_seconds())
    facts = {"advanced": span, "cycles": cycles}
    output_of(context).facts("LabClock", facts, [f"{cycles} replication cycles ran"])
