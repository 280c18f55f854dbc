r"""Reading the settings of VMs and checkpoints: the rows under ``Microsoft:<GUID>``.

Every VM and every checkpoint owns a set of rows whose InstanceID begins with its GUID:
``Microsoft:<GUID>\<tail>``. The tail is opaque, and the same for one place of one device in the
VM's set and in those of its checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from safepoint.errors import ProtocolError
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid, identifier, literal
from safepoint_native.hyperv.schema import V2

__all__ = ["OWNERS_AT_ONCE", "owned_rows", "owner_and_tail", "where_owned"]

_OWNED: Final = re.compile(
    r"Microsoft:([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?:\\(.*))?", re.DOTALL
)
#: Hosts limit the length of a query; a longer list of owners is asked for in parts.
OWNERS_AT_ONCE: Final = 20


def owner_and_tail(row: CimRow) -> tuple[str, str]:
    """Return the GUID that owns a row, and the tail that names the place inside its set.

    The GUID is empty for rows that belong to nobody, such as the defaults of a host.
    """
    found = _OWNED.fullmatch(row.need_text("InstanceID"))
    return (found[1].upper(), found[2] or "") if found else ("", "")


def where_owned(owner_ids: Iterable[str]) -> str:
    r"""Return a WQL condition for the rows of these owners.

    It matches the GUID as prefix and leaves the backslash out: how one has to be escaped in a
    LIKE pattern is not known for certain.
    """
    parts = [f"InstanceID LIKE {literal(f'Microsoft:{guid(owner)}%')}" for owner in owner_ids]
    return " OR ".join(parts)


def owned_rows(
    client: CimClient, class_name: str, owner_ids: Iterable[str] | None = None
) -> dict[str, list[CimRow]]:
    """Return rows by owner; of the given owners, or of all with one query.

    Raises:
        ProtocolError: a row without InstanceID.
    """
    wanted = None if owner_ids is None else [guid(owner) for owner in owner_ids]
    found: dict[str, list[CimRow]] = {} if wanted is None else {owner: [] for owner in wanted}
    for wql in _queries(identifier(class_name), wanted):
        for row in client.query(V2, wql):
            owner, _ = _checked(row, client)
            if owner and (wanted is None or owner in found):
                found.setdefault(owner, []).append(row)
    return found


def _queries(class_name: str, owners: list[str] | None) -> list[str]:
    if owners is None:
        return [f"SELECT * FROM {class_name}"]  # noqa: S608  (a checked identifier)
    return [
        f"SELECT * FROM {class_name} WHERE {where_owned(owners[start : start + OWNERS_AT_ONCE])}"  # noqa: S608  (checked parts only)
        for start in range(0, len(owners), OWNERS_AT_ONCE)
    ]


def _checked(row: CimRow, client: CimClient) -> tuple[str, str]:
    try:
        return owner_and_tail(row)
    except ProtocolError as exc:
        msg = f"{client.node}: a {row.class_name} without InstanceID"
        raise ProtocolError(msg, system=client.node) from exc
