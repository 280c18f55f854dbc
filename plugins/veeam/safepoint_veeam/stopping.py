"""Ending a session that is under way."""

from __future__ import annotations

from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError, VendorFaultError
from safepoint_veeam.client import VeeamClient

__all__ = ["stop_session"]


def stop_session(client: VeeamClient, ident: str) -> None:
    """Ask a session to stop; one that has ended, or is not known any more, is left alone.

    It may end between the look and the request; so a refusal is judged by a second look.
    """
    if _has_ended(client, ident):
        return
    try:
        client.sessions.stop(ident)
    except NotFoundError:
        return
    except (InvalidRequestError, ConflictError, VendorFaultError):
        if not _has_ended(client, ident):
            raise


def _has_ended(client: VeeamClient, ident: str) -> bool:
    try:
        return client.sessions.get(ident).is_finished
    except NotFoundError:
        return True
