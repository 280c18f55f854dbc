"""The two headers of a VHDX file: which one counts, and how they are replaced."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Self
from uuid import UUID, uuid4

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx.file import LocalFile, Target
from safepoint_native.vhdx.layout import (
    FILE_SIGNATURE,
    HEADER_BYTES,
    HEADER_OFFSETS,
    MIB,
    NO_ID,
    checksum,
    sealed,
)
from safepoint_native.vhdx.region import Region
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["Header", "read_header", "replace_headers", "write_file_identifier"]

_SIGNATURE = b"head"
_FIELDS = struct.Struct("<4sIQ16s16s16sHHIQ")
_VERSION = 1
_CREATOR = "safepoint"


@dataclass(frozen=True, slots=True)
class Header:
    """One header: the identities of the file and where its log lies.

    `data_write_id` changes whenever the content of the virtual disk changes; a differencing
    child remembers it as its parent linkage. `log_id` other than zero means a dirty log.
    """

    log: Region
    sequence: int = 1
    file_write_id: UUID = field(default_factory=uuid4)
    data_write_id: UUID = field(default_factory=uuid4)
    log_id: UUID = NO_ID
    log_version: int = 0
    version: int = _VERSION

    def pack(self) -> bytes:
        """Return the 4 KiB of the header with its checksum."""
        fields = _FIELDS.pack(
            _SIGNATURE,
            0,
            self.sequence,
            self.file_write_id.bytes_le,
            self.data_write_id.bytes_le,
            self.log_id.bytes_le,
            self.log_version,
            self.version,
            self.log.length,
            self.log.offset,
        )
        return sealed(fields.ljust(HEADER_BYTES, b"\0"))

    @classmethod
    def unpack(cls, raw: bytes) -> Self | None:
        """Return the header, or None when signature or checksum do not fit."""
        signature, crc, sequence, *rest = _FIELDS.unpack_from(raw)
        if signature != _SIGNATURE or crc != checksum(raw):
            return None
        file_write, data_write, log_id, log_version, version, log_bytes, log_offset = rest
        return cls(
            log=Region(log_offset, log_bytes),
            sequence=sequence,
            file_write_id=UUID(bytes_le=file_write),
            data_write_id=UUID(bytes_le=data_write),
            log_id=UUID(bytes_le=log_id),
            log_version=log_version,
            version=version,
        )


def write_file_identifier(file: Target) -> None:
    """Write the first bytes, by which a file is known to be a VHDX."""
    file.write_at(0, FILE_SIGNATURE + _CREATOR.encode("utf-16-le"))


def read_header(source: ByteSource) -> tuple[Header, int]:
    """Return the header that counts and its position (0 or 1).

    Raises:
        DamagedDataError: No header is whole, or both claim to be the newest.
        UnsupportedError: The file is no VHDX, or one of an unknown version.
    """
    _check_identifier(source)
    found = [Header.unpack(source.read_at(at, HEADER_BYTES)) for at in HEADER_OFFSETS]
    whole = [(header, index) for index, header in enumerate(found) if header]
    if not whole:
        message = f"{name_of(source)}: both headers are damaged (signature or checksum)"
        raise DamagedDataError(message, hint="Take the disk from another copy.")
    first, last = whole[0][0], whole[-1][0]
    if len(whole) > 1 and first.sequence == last.sequence and first != last:
        message = f"{name_of(source)}: two different headers have sequence {first.sequence}"
        raise DamagedDataError(message)
    current = max(whole, key=lambda item: item[0].sequence)
    _check(current[0], source)
    return current


def replace_headers(file: LocalFile, header: Header, index: int, *, durable: bool) -> Header:
    """Write `header` over both places, the one that does not count first; return what counts.

    At any moment one of the two is whole, so a reader never finds the file without header.
    The position that counts stays `index`.
    """
    for step, place in enumerate((1 - index, index), start=1):
        newest = replace(header, sequence=header.sequence + step)
        file.write_at(HEADER_OFFSETS[place], newest.pack())
        if durable:
            file.sync()
    return replace(header, sequence=header.sequence + 2)


def _check_identifier(source: ByteSource) -> None:
    name = name_of(source)
    if source.size_bytes < MIB:
        message = f"{name}: {source.size_bytes} bytes are too few for a VHDX file"
        raise DamagedDataError(message, hint="The file is truncated or was never finished.")
    signature = source.read_at(0, len(FILE_SIGNATURE))
    if signature == bytes(len(FILE_SIGNATURE)):
        message = f"{name}: starts with zeros instead of the VHDX signature"
        raise DamagedDataError(message, hint="The file was never finished or was overwritten.")
    if signature != FILE_SIGNATURE:
        message = f"{name}: is no VHDX file (starts with {signature!r})"
        raise UnsupportedError(message, hint="Convert old .vhd disks with Convert-VHD.")


def _check(header: Header, source: ByteSource) -> None:
    name = name_of(source)
    if header.version != _VERSION:
        message = f"{name}: VHDX version {header.version} is unknown, only 1 is defined"
        raise UnsupportedError(message)
    log = header.log
    misaligned = log.offset % MIB or log.length % MIB or log.offset < MIB
    if log.length and (misaligned or log.end > source.size_bytes):
        message = f"{name}: log at {log.offset}+{log.length} does not fit the file"
        raise DamagedDataError(message)
