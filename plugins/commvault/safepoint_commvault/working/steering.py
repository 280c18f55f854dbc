"""Steering a job that is under way: end it, pause it, let it go on.

A job may end, or somebody else may have the same wish, between the look and the request. No source
says how the product refuses then, so every refusal is judged by a second look.
"""

from __future__ import annotations

from safepoint.errors import ConflictError, NotFoundError, PermanentError
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.states import is_over, state_of

__all__ = ["kill", "resume", "suspend"]


def kill(client: CommvaultClient, ident: str) -> None:
    """Ask a job to end; one that has ended, or is not known any more, is left alone."""
    if not _may_go_on(client, ident):
        return
    try:
        client.jobs.kill(ident)
    except PermanentError:
        if _may_go_on(client, ident):
            raise


def suspend(client: CommvaultClient, ident: str) -> None:
    """Ask a job to pause; one that is paused already is left alone.

    Raises:
        ConflictError: it has ended.
    """
    if _is_paused(client, ident):
        return
    try:
        client.jobs.suspend(ident)
    except PermanentError:
        if not _is_paused(client, ident):
            raise


def resume(client: CommvaultClient, ident: str) -> None:
    """Let a job go on; one that was not paused is left alone.

    Raises:
        ConflictError: it has ended.
    """
    if not _is_paused(client, ident):
        return
    try:
        client.jobs.resume(ident)
    except PermanentError:
        if _is_paused(client, ident):
            raise


def _may_go_on(client: CommvaultClient, ident: str) -> bool:
    """Tell whether a job has not ended; one whose word is not known may still work."""
    job = client.jobs.get(ident)
    return job is not None and job.ended_at is None and not state_of(job.status).is_final


def _is_paused(client: CommvaultClient, ident: str) -> bool:
    job = client.jobs.get(ident)
    if job is None:
        msg = f"{client.system} knows no job {ident}"
        raise NotFoundError(msg, system=client.system)
    if is_over(job.status):
        msg = f"job {job.id} has ended: {job.status}"
        raise ConflictError(msg, system=client.system)
    return job.status.casefold() in {"suspended", "suspend pending"}
