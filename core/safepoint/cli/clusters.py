"""Which cluster a command works on."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.runs.crew import Crew

__all__ = ["Target", "the_cluster"]


@dataclass(frozen=True)
class Target:
    """A cluster and the tools to work on its VMs."""

    name: str
    crew: Crew


def the_cluster(session: Session, name: str | None) -> Target:
    """Return the named cluster, or the only one there is.

    Raises:
        UsageError: none was named and the estate has several, or none at all.
    """
    clusters = session.estate.clusters
    if name is None and len(clusters) != 1:
        known = ", ".join(clusters) or "none"
        msg = f"name a cluster with --cluster; the estate has: {known}"
        raise UsageError(msg)
    chosen = session.estate.cluster(name or next(iter(clusters))).name
    return Target(chosen, session.crew(chosen))
