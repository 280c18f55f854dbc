"""Our own VHDX: read, create, write and merge virtual disks of every kind.

A small implementation of the public format, because no library at hand can do all of it:
extent lists for fixed, dynamic and differencing disks, a dirty log that is replayed or refused,
a parent whose identity is checked, and writing. Reading goes through the port `ByteSource`, so
a disk on a path and one behind SMB are the same.
"""

from __future__ import annotations

from safepoint_native.vhdx.chain import Chain, ChainExtent
from safepoint_native.vhdx.create import create_differencing, create_dynamic, create_fixed
from safepoint_native.vhdx.disk import DiskKind
from safepoint_native.vhdx.image import Extent, VhdxImage
from safepoint_native.vhdx.merge import merge
from safepoint_native.vhdx.parent import ParentLocator
from safepoint_native.vhdx.reparent import reparent
from safepoint_native.vhdx.sequential import SequentialVhdxWriter
from safepoint_native.vhdx.source import ByteSource, FileSource
from safepoint_native.vhdx.writable import WritableVhdx

__all__ = [
    "ByteSource",
    "Chain",
    "ChainExtent",
    "DiskKind",
    "Extent",
    "FileSource",
    "ParentLocator",
    "SequentialVhdxWriter",
    "VhdxImage",
    "WritableVhdx",
    "create_differencing",
    "create_dynamic",
    "create_fixed",
    "merge",
    "reparent",
]
