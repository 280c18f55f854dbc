"""`safepoint replica`: what replicates, how well, and what can be done with it."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import typer

from safepoint.cli import cmd_replica_deeds, cmd_replica_drill
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.replicas import Connection, desk, replicating
from safepoint.cli.rows import local_time, rough_text, seconds_text
from safepoint.cli.session import Session
from safepoint.errors import UnknownNameError
from safepoint.estate import clusters_of
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.replicas import ReplicaPointQuery, ReplicaSide
from safepoint.models.sizes import size_text
from safepoint.replicas.choosing import choose_pair
from safepoint.replicas.logs import ReplicaLog
from safepoint.replicas.status import PairStatus, ServerStatus, gather
from safepoint.replicas.verdicts import missed_share

__all__ = ["add"]

app = typer.Typer(
    help="Replicas: health by Microsoft's thresholds, and failovers that cannot hurt.",
    no_args_is_help=True,
)
cmd_replica_deeds.add(app)
cmd_replica_drill.add(app)

_PAIRS = (
    Column("vm", "VM"),
    Column("primary", "PRIMARY"),
    Column("replica", "REPLICA"),
    Column("state", "STATE"),
    Column("health", "HEALTH"),
    Column("last", "LAST"),
    Column("lag", "LAG", right=True),
    Column("every", "EVERY", right=True),
    Column("missed", "MISSED", right=True),
    Column("log", "LOG", right=True),
    Column("growth", "GROWTH/H", right=True),
    Column("half", "HALF IN", right=True),
    Column("points", "POINTS", right=True),
    Column("size", "SIZE", right=True),
    Column("verdicts", "VERDICT"),
)
_SERVERS = (
    Column("server", "SERVER"),
    Column("receives", "RECEIVES"),
    Column("replicas", "REPLICAS", right=True),
    Column("sources", "FROM"),
    Column("held", "HELD", right=True),
    Column("log", "TO COME", right=True),
    Column("free", "FREE", right=True),
    Column("verdicts", "VERDICT"),
)
_POINTS = (
    Column("created", "CREATED"),
    Column("age", "AGE", right=True),
    Column("consistency", "CONSISTENCY"),
    Column("id", "ID"),
)


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="replica")


@app.command("status")
def status(
    context: typer.Context,
    vm: Annotated[str | None, typer.Argument(help="Only this VM, by name.")] = None,
    connection: Connection = None,
) -> int:
    """Show every relationship and every replica server. Exit 3 when something has to be done."""
    session: Session = context.obj
    chosen = (connection,) if connection is not None else replicating(session)
    now = session.store.clock()
    pairs: list[PairStatus] = []
    servers: list[ServerStatus] = []
    findings: list[Diagnostic] = []
    for name in chosen:
        at = desk(session, name)
        half = {row.pair for row in session.store.replica_deeds.open(name)}
        found = gather(
            name,
            at.driver,
            at.clusters,
            now,
            open_pairs=frozenset(half),
            ways=_ways(session, name),
        )
        pairs += found.pairs
        servers += found.servers
        findings += found.findings
    if vm is not None:
        pairs = _of_vm(pairs, findings, vm)
        places = {one.pair.name for one in pairs}
        findings = [one for one in findings if one.field in places]
        servers = []
    _show(session, pairs, servers, findings)
    bad = any(one.severity is not Severity.INFO for one in findings)
    return EXIT_FINDINGS if bad else 0


def _of_vm(pairs: list[PairStatus], findings: list[Diagnostic], vm: str) -> list[PairStatus]:
    """Return the relationships of one VM, by name or id.

    Raises:
        UnknownNameError: none is seen of it; what could not be read is said.
    """
    wanted = vm.casefold()
    hits = [
        one
        for one in pairs
        if wanted in {one.pair.name.casefold(), one.pair.family.casefold(), one.pair.id.casefold()}
    ]
    if not hits:
        unread = [one.field for one in findings if one.code == "replica-system-unread"]
        more = f"; not read: {', '.join(unread)}" if unread else ""
        msg = f"no replica of a VM {vm!r} is seen{more}"
        names = ", ".join(dict.fromkeys(one.pair.name for one in pairs)) or "nothing is replicated"
        raise UnknownNameError(msg, hint=f"Replicated are: {names}.")
    return hits


def _ways(session: Session, connection: str) -> frozenset[tuple[str, str]]:
    """Return from which cluster to which the documents of a connection replicate."""
    return frozenset(
        way
        for replica in session.estate.replicas.values()
        if replica.spec.connection == connection
        for way in pairwise(clusters_of(replica))
    )


def _show(
    session: Session,
    pairs: list[PairStatus],
    servers: list[ServerStatus],
    findings: list[Diagnostic],
) -> None:
    output = session.output
    if output.is_document:
        facts = {
            "pairs": [_pair_facts(one) for one in pairs],
            "servers": [_server_facts(one) for one in servers],
            "findings": [one.model_dump(mode="json") for one in findings],
        }
        output.facts("ReplicaStatus", facts)
        return
    rows = [_pair_line(one) for one in pairs]
    asked = session.estate.replicas
    more = f"; `safepoint plan` shows what {', '.join(asked)} asks for" if asked else ""
    output.rows("ReplicaList", rows, _PAIRS, empty=f"nothing is replicated{more}")
    if output.is_table and servers:
        output.say("")
        lines = [_server_line(one) for one in servers]
        output.rows("ReplicaServerList", lines, _SERVERS)
    for one in findings:
        output.say(f"{one.severity}: {one.summary} ({one.hint})", style=_STYLES[one.severity])


_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


@app.command("points")
def points(
    context: typer.Context,
    vm: Annotated[str, typer.Argument(help="A replicated VM by name or id.")],
    connection: Connection = None,
    *,
    third: Annotated[bool, typer.Option("--third", help="Of the third copy.")] = False,
) -> None:
    """List the states to which a VM can be failed over. They are no backup."""
    session: Session = context.obj
    at = desk(session, connection)
    pair = choose_pair(at.look(), vm, third=third)
    now = session.store.clock()
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    if pair.replica is not None:
        query = ReplicaPointQuery(cluster=pair.replica.ref.system, replica=pair.replica.ref)
        for point in at.driver.replica_points(query):
            rows.append(point.model_dump(mode="json"))
            age = (now - point.created_at).total_seconds()
            shown.append(
                {
                    "created": local_time(point.created_at),
                    "age": seconds_text(age),
                    "consistency": point.consistency.value,
                    "id": point.ref.id,
                }
            )
    session.output.rows(
        "ReplicaPointList",
        rows,
        _POINTS,
        show=shown,
        empty=_no_points(pair.replica),
    )


def _no_points(replica: ReplicaSide | None) -> str:
    if replica is not None and (replica.recovery_points or 1) > 1:
        return "there is no recovery point yet"
    return "only the newest state is kept: no point to choose"


def _pair_facts(one: PairStatus) -> dict[str, Any]:
    pair = one.pair
    share = missed_share(pair.primary.statistics) if pair.primary else None
    return {
        "connection": one.connection,
        "vm": pair.name,
        "pair": pair.id,
        "third_copy": pair.is_third_copy,
        "primary": pair.primary.model_dump(mode="json") if pair.primary else None,
        "replica": pair.replica.model_dump(mode="json") if pair.replica else None,
        "test_vm": pair.test.model_dump(mode="json") if pair.test else None,
        "lag_seconds": one.lag_seconds,
        "missed_share": share,
        "log": _log_facts(one.log),
        "recovery_points": one.points,
        "findings": [finding.code for finding in one.findings],
    }


def _log_facts(log: ReplicaLog | None) -> dict[str, Any] | None:
    if log is None:
        return None
    return {
        "waiting_bytes": log.waiting_bytes,
        "growth_bytes_per_hour": _hourly(log),
        "growth_from": log.source.value if log.source is not None else None,
        "half_of_disks_bytes": log.half_bytes,
        "half_in_seconds": log.half_in_seconds,
    }


def _hourly(log: ReplicaLog | None) -> int | None:
    return round(log.bytes_per_hour) if log and log.bytes_per_hour is not None else None


def _pair_line(one: PairStatus) -> dict[str, Any]:
    pair, log = one.pair, one.log
    some = pair.primary or pair.replica
    share = missed_share(pair.primary.statistics if pair.primary else None)
    last = max((s.last_replicated_at for s in pair.sides if s.last_replicated_at), default=None)
    states = dict.fromkeys(side.state.value for side in pair.sides)
    every = some.frequency_seconds if some else None
    size = next((s.disk_bytes for s in pair.sides if s.disk_bytes is not None), None)
    return {
        "vm": pair.name,
        "primary": _place(pair.primary),
        "replica": _place(pair.replica) + (" (third copy)" if pair.is_third_copy else ""),
        "state": " / ".join(states),
        "health": some.health.value if some else "",
        "last": local_time(last),
        "lag": seconds_text(one.lag_seconds),
        "every": seconds_text(every) if every else "",
        "missed": f"{share:.0%}" if share is not None else "",
        "log": size_text(log.waiting_bytes) if log else "",
        "growth": size_text(_hourly(log)),
        "half": rough_text(log.half_in_seconds) if log else "",
        "points": one.points,
        "size": size_text(size),
        "verdicts": ", ".join(finding.code for finding in one.findings) or "ok",
    }


def _place(side: Any) -> str:
    return f"{side.ref.system}/{side.node}" if side is not None else "-"


def _server_facts(one: ServerStatus) -> dict[str, Any]:
    return {
        "connection": one.connection,
        **one.server.model_dump(mode="json"),
        "replicas": one.replicas,
        "sources": list(one.sources),
        "held_bytes": one.held_bytes,
        "pending_bytes": one.pending_bytes,
        "findings": [finding.code for finding in one.findings],
    }


def _server_line(one: ServerStatus) -> dict[str, Any]:
    free = [s.free_bytes for s in one.server.storages if s.free_bytes is not None]
    return {
        "server": one.server.name,
        "receives": "yes" if one.server.can_receive else "no",
        "replicas": one.replicas,
        "sources": ", ".join(one.sources),
        "held": size_text(one.held_bytes),
        "log": size_text(one.pending_bytes),
        "free": size_text(min(free)) if free else "",
        "verdicts": ", ".join(finding.code for finding in one.findings) or "ok",
    }
