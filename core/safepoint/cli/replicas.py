"""What the replica commands share: the connection, a look, orders, and who is told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from safepoint.cli.output import Output
from safepoint.cli.rows import local_time, seconds_text
from safepoint.cli.session import Session
from safepoint.drivers import Ability, CanReplicate
from safepoint.errors import UnsupportedError, UsageError
from safepoint.replicas.choosing import OrderMaker, clusters_of_connection
from safepoint.replicas.conducting import Conduct
from safepoint.replicas.looking import Look, look
from safepoint.replicas.orders import DeedOrder, DeedReport, ReplicaCrew

__all__ = [
    "Connection",
    "Desk",
    "Group",
    "Vm",
    "Yes",
    "deed_facts",
    "deed_lines",
    "desk",
    "replicating",
]

Vm = Annotated[str | None, typer.Argument(help="A replicated VM by name or id.")]
Group = Annotated[str | None, typer.Option("--group", help="Every VM of this group, in order.")]
Yes = Annotated[str, typer.Option(help="The VM's or group's name, instead of being asked.")]
Connection = Annotated[
    str | None,
    typer.Option("--connection", help="Which connection; needed when several replicate."),
]


@dataclass
class Desk:
    """One connection that replicates, and the tools to work on it."""

    session: Session
    connection: str
    driver: CanReplicate
    clusters: tuple[str, ...]

    def look(self) -> Look:
        """Look at every system."""
        return look(self.driver, self.clusters)

    @property
    def orders(self) -> OrderMaker:
        """Makes orders for its relationships."""
        return OrderMaker(self.connection, self.clusters)

    @property
    def crew(self) -> ReplicaCrew:
        """What a conductor needs."""
        return ReplicaCrew(
            store=self.session.store,
            executor=self.session.executor.id,
            connection=self.connection,
            driver=self.driver,
            waiter=self.session.waiter,
            new_id=lambda: secrets.token_hex(8),
        )

    @property
    def conduct(self) -> Conduct:
        """Carries out deeds and says so."""
        return Conduct(self.crew, _Shown(self.session.output))


def replicating(session: Session) -> tuple[str, ...]:
    """Return the connections that replicate: those of Replica documents, else all that can.

    Raises:
        UsageError: none does.
    """
    estate = session.estate
    named = tuple(dict.fromkeys(one.spec.connection for one in estate.replicas.values()))
    if named:
        return named
    kind: type[CanReplicate] = CanReplicate  # type: ignore[type-abstract]  # asked for, never made
    able = [
        name
        for name in dict.fromkeys(c.spec.hypervisor for c in estate.clusters.values())
        if session.has(name, Ability.REPLICATE, kind)
    ]
    if not able:
        msg = "no connection of the estate replicates"
        raise UsageError(msg, hint="`safepoint plugin list --abilities` shows what each can do.")
    return tuple(able)


def desk(session: Session, connection: str | None) -> Desk:
    """Open the connection that replicates.

    Raises:
        UsageError: there are several and none was named.
        UnsupportedError: it cannot replicate; the reason is its driver's own.
    """
    if connection is None:
        known = replicating(session)
        if len(known) > 1:
            msg = f"name a connection with --connection; these replicate: {', '.join(known)}"
            raise UsageError(msg)
        connection = known[0]
    kind: type[CanReplicate] = CanReplicate  # type: ignore[type-abstract]  # asked for, never made
    driver = session.able(connection, Ability.REPLICATE, kind)
    clusters = clusters_of_connection(session.estate, connection)
    if len(clusters) < 2:
        msg = f"connection {connection!r} reads one cluster; a replica needs two"
        raise UnsupportedError(msg, hint="Declare the replica's hosts as a Cluster.")
    return Desk(session, connection, driver, clusters)


class _Shown:
    """Says each step on stderr."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begins(self, order: DeedOrder, number: int, total: int, text: str, /) -> None:
        self._output.say(f"{order.vm}: [{number}/{total}] {text} …")

    def remark(self, order: DeedOrder, text: str, /) -> None:
        self._output.say(f"{order.vm}: {text}", style="yellow")


def deed_facts(report: DeedReport) -> dict[str, Any]:
    """Return a deed as plain data."""
    order = report.order
    return {
        "id": report.id,
        "deed": order.deed.value,
        "vm": order.vm,
        "connection": order.connection,
        "source": order.source.system if order.source else None,
        "target": order.target.system if order.target else None,
        "point_at": order.point_at.isoformat() if order.point_at else None,
        "seconds": round((report.ended_at - report.began_at).total_seconds(), 3),
        "resumed": report.was_resumed,
        "steps": [
            {
                "step": one.step.value,
                "system": one.side,
                "outcome": one.outcome,
                "seconds": round((one.ended_at - one.began_at).total_seconds(), 3),
            }
            for one in report.steps
        ],
        "result": report.said,
    }


def deed_lines(report: DeedReport) -> list[str]:
    """Return a deed as a person reads it."""
    took = seconds_text((report.ended_at - report.began_at).total_seconds())
    point = (
        f" from the state of {local_time(report.order.point_at)}" if report.order.point_at else ""
    )
    return [f"{report.order.vm}: {report.said}{point} ({took})"]
