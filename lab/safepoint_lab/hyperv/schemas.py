"""The classes a simulated Hyper-V host knows, by namespace, read once from the package.

The files restate names, types and keys as facts; a few `MSCluster_*`, `Win32_*` and `MSFT_*`
classes are cut down to the properties that clients of the lab use.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from safepoint_lab.wsman.schema import Schema

__all__ = [
    "CIMV2",
    "MSCLUSTER",
    "SMB",
    "VIRTUALIZATION",
    "find",
    "load",
]

VIRTUALIZATION = "root/virtualization/v2"
MSCLUSTER = "root/MSCluster"
CIMV2 = "root/cimv2"
SMB = "root/microsoft/windows/smb"

_FILES = {
    VIRTUALIZATION: "virtualization.json",
    MSCLUSTER: "mscluster.json",
    CIMV2: "cimv2.json",
    SMB: "smb.json",
}
_SPELLED = {namespace.lower(): namespace for namespace in _FILES}


@cache
def load(namespace: str) -> Schema:
    """Return the schema of one of this module's namespaces (exact spelling)."""
    return Schema.load(files(__package__) / "schema" / _FILES[namespace])


def find(namespace: str) -> Schema | None:
    """Return the schema of a namespace in any spelling, None when the host has no such one."""
    spelled = _SPELLED.get(namespace.lower())
    return load(spelled) if spelled else None
