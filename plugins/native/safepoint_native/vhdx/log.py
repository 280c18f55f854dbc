"""The log of a VHDX file: changes that were promised and may not have reached their place."""

from __future__ import annotations

from uuid import UUID

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx.header import Header
from safepoint_native.vhdx.layout import MAX_DISK_BYTES, MIB, NO_ID
from safepoint_native.vhdx.logentry import LogEntry
from safepoint_native.vhdx.overlay import SECTOR, OverlaySource
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["replayed"]

_MAX_LOG_BYTES = 256 * MIB
_MAX_CHECKED = 64
"""How many times the length of the log is checksummed before it counts as hostile."""

_REST = "Start and stop its VM so that the host repairs it, or take another copy."


def replayed(source: ByteSource, header: Header) -> ByteSource:
    """Return the bytes of the file as its log leaves them; the file itself is not changed.

    A file whose log is empty is returned as it is.

    Raises:
        DamagedDataError: The header says that there are changes and the log has none that are
            whole, or the file lost bytes that the log relies on.
        UnsupportedError: The log is of an unknown version or too large for this reader.
    """
    if header.log_id == NO_ID:
        return source
    name = name_of(source)
    if header.log_version or header.log.length > _MAX_LOG_BYTES:
        size = f"version {header.log_version}, {header.log.length} bytes"
        message = f"{name}: has a log to replay that is not understood ({size})"
        raise UnsupportedError(message, hint=_REST)
    entries = _entries(source.read_at(header.log.offset, header.log.length), header.log_id, name)
    active = _active(entries, header.log.length)
    if not active:
        message = f"{name}: was not closed properly and its log is damaged"
        raise DamagedDataError(message, hint=_REST)
    return _overlay(source, active)


def _entries(log: bytes, log_id: UUID, name: str) -> list[LogEntry]:
    """Return the whole entries of the log that belong to `log_id`."""
    found, checked = [], 0
    for at in range(0, len(log), SECTOR):
        length = LogEntry.length_at(log, at, log_id)
        checked += length
        if checked > _MAX_CHECKED * len(log):
            message = f"{name}: log is full of entries that overlap"
            raise DamagedDataError(message, hint=_REST)
        entry = LogEntry.parse(log, at, length) if length else None
        if entry:
            found.append(entry)
    return found


def _active(entries: list[LogEntry], log_bytes: int) -> list[LogEntry]:
    """Return the entries to replay, oldest first, or none.

    Entries follow one another in place and number. The newest run that reaches back to the
    tail which its last entry names is the one that counts.
    """
    places = {(entry.at, entry.sequence): entry for entry in entries}
    before: dict[tuple[int, int], LogEntry] = {}
    lasts = []
    for entry in entries:
        after = ((entry.at + entry.length) % log_bytes, entry.sequence + 1)
        if after in places:
            before[after] = entry
        else:
            lasts.append(entry)
    for last in sorted(lasts, key=lambda entry: entry.sequence, reverse=True):
        run = [last]
        while run[-1].at != last.tail and (run[-1].at, run[-1].sequence) in before:
            run.append(before[run[-1].at, run[-1].sequence])
        if run[-1].at == last.tail:
            return run[::-1]
    return []


def _overlay(source: ByteSource, active: list[LogEntry]) -> OverlaySource:
    last, name = active[-1], name_of(source)
    if last.flushed_bytes > source.size_bytes or last.file_bytes > 2 * MAX_DISK_BYTES:
        message = (
            f"{name}: has {source.size_bytes} bytes, its log was written "
            f"for {last.flushed_bytes} to {last.file_bytes}"
        )
        raise DamagedDataError(message, hint="The file is truncated.")
    overlay = OverlaySource(source)
    overlay.extend(last.file_bytes)
    for change in (change for entry in active for change in entry.changes):
        if change.length % SECTOR or change.offset + change.length > overlay.size_bytes:
            message = f"{name}: log changes bytes {change.offset}+{change.length}, outside of it"
            raise DamagedDataError(message, hint=_REST)
        if change.content is None:
            overlay.put_zeros(change.offset, change.length)
        else:
            overlay.put_sector(change.offset, change.content)
    return overlay
