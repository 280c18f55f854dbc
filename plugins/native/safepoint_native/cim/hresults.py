"""Windows error numbers inside the text of a failed job.

A failed job carries a general code such as 32768; the cause stands only in its text, as a number
in the form ``0x80070070``. The number is cut out, the words around it are never read: they are
in the language of the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from safepoint.errors import (
    BusyError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    QuiesceError,
    StorageFullError,
    TransientError,
    UnreachableError,
    VendorFaultError,
)
from safepoint_native.cim.faults import Rule

__all__ = ["HRESULT_RULES", "hresults_in", "rule_for_hresults"]

_NUMBER: Final = re.compile(r"0x([0-9A-Fa-f]{8})(?![0-9A-Fa-f])")
_GUEST: Final = (
    "Look at the guest's VSS writers (Windows: vssadmin list writers) or its freeze daemon "
    "(Linux: hv_vss_daemon), or allow crash consistency in the policy."
)
_SHARE: Final = "Check the file server and the share, and that the host can reach them."
_SECOND_HOP: Final = (
    "The host may not open this path in the caller's name: give the host's computer account the "
    "rights, or set up constrained delegation for the file server."
)
_QUIESCE: Final = Rule(QuiesceError, "the guest could not be made consistent", _GUEST)
_SHARE_GONE: Final = Rule(UnreachableError, "the share with the VM's files is gone", _SHARE)
_FULL: Final = Rule(
    StorageFullError,
    "there is no room left on the VM's storage",
    "Free space where the VM's disks lie; deleting the checkpoint gives its space back.",
)
_LOGON: Final = Rule(
    PermissionDeniedError,
    "the VM's own account may not log on as a service",
    "Give NT VIRTUAL MACHINE\\Virtual Machines the right to log on as a service.",
)

#: HRESULT → meaning, as field reports and Microsoft's error lists give them.
HRESULT_RULES: Final[Mapping[int, Rule]] = {
    0x80070002: Rule(NotFoundError, "a file of the VM was not found"),
    0x80070003: Rule(NotFoundError, "a folder of the VM was not found"),
    0x80070005: Rule(PermissionDeniedError, "access to a file or share denied", _SECOND_HOP),
    0x8007000E: Rule(TransientError, "the host is out of memory", "Free memory on the host."),
    0x80070020: Rule(
        BusyError,
        "a file of the VM is open elsewhere",
        "Another backup or a virus scanner may hold it; try again later.",
    ),
    0x80070027: _FULL,
    0x80070033: _SHARE_GONE,
    0x80070035: _SHARE_GONE,
    0x80070040: _SHARE_GONE,
    0x80070043: _SHARE_GONE,
    0x80070050: Rule(
        ConflictError,
        "a file of an earlier checkpoint is in the way",
        "A failed backup left a differencing file beside the VM's disks. Make sure that no disk and "
        "no checkpoint uses it before you move it away.",
    ),
    0x80070070: _FULL,
    0x80070299: Rule(
        VendorFaultError,
        "the file system cannot take a file this fragmented",
        "Defragment the volume or move the VM's storage, then let the merge run again.",
    ),
    0x8007052F: _LOGON,
    0x80070569: _LOGON,
    0x800705AA: Rule(TransientError, "the host is out of resources", "Try again later."),
    0x80042301: _QUIESCE,
    0x8004230F: _QUIESCE,
    0x80042336: _QUIESCE,
    0x800423F0: _QUIESCE,
    0x800423F1: _QUIESCE,
    0x800423F2: _QUIESCE,
    0x800423F3: _QUIESCE,
    0x800423F4: _QUIESCE,
    0x800423FB: _QUIESCE,
}

#: All numbers of this range are VSS errors; those not listed singly mean the same to us.
_VSS: Final = range(0x80042300, 0x80042400)


def hresults_in(texts: Iterable[str]) -> tuple[int, ...]:
    """Return the numbers in the texts, in order, each once."""
    found: dict[int, None] = {}
    for text in texts:
        for match in _NUMBER.finditer(text):
            found.setdefault(int(match[1], 16))
    return tuple(found)


#: What a number means when a certain operation ends with it, where that is more exact.
_OF_OPERATIONS: Final[Mapping[tuple[str, int], Rule]] = {
    ("CreateReplicationRelationship", 0x80070050): Rule(
        ConflictError,
        "the replica's side has a VM with this id, or its files, already",
        "Delete it there, or let it become the first copy with `initial.method: existing`.",
    ),
    ("ImportInitialReplica", 0x80070002): Rule(
        NotFoundError,
        "the folder does not hold the exported copy",
        "Name the folder that the export made, NAME_ID, below the one in the document.",
    ),
}


def rule_for_hresults(numbers: Iterable[int], operation: str = "") -> tuple[int, Rule] | None:
    """Return the first number that is known, with its rule for that operation; None if none is."""
    for number in numbers:
        exact = _OF_OPERATIONS.get((operation, number))
        if exact is not None:
            return number, exact
        if number in HRESULT_RULES:
            return number, HRESULT_RULES[number]
        if number in _VSS:
            return number, _QUIESCE
    return None
