"""Moving disks into restore points and back."""

from __future__ import annotations

from safepoint_native.copying.fulls import CopyStats, copy_disk
from safepoint_native.copying.restores import RawSink, RestoreStats, restore_disk

__all__ = ["CopyStats", "RawSink", "RestoreStats", "copy_disk", "restore_disk"]
