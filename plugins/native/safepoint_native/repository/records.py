"""One record of a pack: a skippable frame with its facts, then an independent zstd frame."""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass

import google_crc32c
import zstandard
from blake3 import blake3

from safepoint.errors import DamagedDataError
from safepoint_native.repository.frames import FRAME_HEADER_BYTES, skippable
from safepoint_native.repository.stored_frames import stored_frame

__all__ = ["MAX_RECORD_BYTES", "RECORD_HEADER_BYTES", "RecordCodec", "RecordFacts"]

_KIND = b"SPRC"
_VERSION = 1
#: kind, version, flags, stream, offset, plain length, frame length, frame CRC-32C, digest.
_FACTS = struct.Struct("<4sBBHQIII32s")
_CRC = struct.Struct("<I")
RECORD_HEADER_BYTES = FRAME_HEADER_BYTES + _FACTS.size + _CRC.size
#: The largest piece of plain data one record may hold.
MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What a record says about itself."""

    stream: int
    """Number of the disk or file in its restore point."""
    offset: int
    """Where in that disk it was first met, in bytes."""
    length: int
    """Plain bytes."""
    frame_bytes: int
    """Bytes of the zstd frame behind the header."""
    frame_crc: int
    """CRC-32C of the zstd frame: some of its bits can flip without changing the plain bytes."""
    digest: bytes
    """BLAKE3 of the plain bytes."""

    def pack(self) -> bytes:
        """Return the header: one skippable frame of `RECORD_HEADER_BYTES`."""
        sizes = (self.offset, self.length, self.frame_bytes, self.frame_crc)
        facts = _FACTS.pack(_KIND, _VERSION, 0, self.stream, *sizes, self.digest)
        return skippable(facts + _CRC.pack(_crc(facts)))

    @classmethod
    def unpack(cls, header: bytes) -> RecordFacts:
        """Read the header at the start of some bytes.

        Raises:
            DamagedDataError: it is not one, or its checksum does not fit.
        """
        header = header[:RECORD_HEADER_BYTES]
        facts = header[FRAME_HEADER_BYTES : -_CRC.size]
        if len(facts) != _FACTS.size or header != skippable(facts + _CRC.pack(_crc(facts))):
            msg = "record header is damaged"
            raise DamagedDataError(msg)
        kind, version, flags, *values = _FACTS.unpack(facts)
        if (kind, version, flags) != (_KIND, _VERSION, 0):
            msg = "record header is of an unknown kind"
            raise DamagedDataError(msg)
        return cls(*values)


def _crc(data: bytes) -> int:
    return int(google_crc32c.value(data))


class RecordCodec:
    """Turns plain bytes into records and back; any number of threads may share one.

    Level 0 stores the bytes as they are.
    """

    def __init__(self, level: int = 1) -> None:
        self._level = level
        self._per_thread = threading.local()

    def encode(self, stream: int, offset: int, data: memoryview, digest: bytes) -> list[bytes]:
        """Return header and frame of a new record."""
        frame = self._compressor().compress(data) if self._level else stored_frame(data)
        length = data.nbytes
        facts = RecordFacts(stream, offset, length, len(frame), _crc(frame), digest)
        return [facts.pack(), frame]

    def decode(self, stored: bytes, length: int, digest: bytes) -> bytes:
        """Return the plain bytes of a whole record, checked against what the index says.

        Raises:
            DamagedDataError: header, frame, length or digest do not fit.
        """
        facts = RecordFacts.unpack(stored)
        frame = stored[RECORD_HEADER_BYTES:]
        expected = (length, len(frame), digest)
        if (facts.length, facts.frame_bytes, facts.digest) != expected:
            msg = "record header is not the one the index expects"
            raise DamagedDataError(msg)
        if _crc(frame) != facts.frame_crc:
            msg = "compressed bytes are damaged"
            raise DamagedDataError(msg)
        plain = self._decompress(frame, length)
        if len(plain) != length or blake3(plain).digest() != digest:
            msg = "digest does not fit"
            raise DamagedDataError(msg)
        return plain

    def _decompress(self, frame: bytes, length: int) -> bytes:
        try:
            if zstandard.frame_content_size(frame) != length:
                msg = "compressed frame has another length"
                raise DamagedDataError(msg)
            return self._decompressor().decompress(frame, max_output_size=length)
        except zstandard.ZstdError as error:
            msg = f"cannot be decompressed ({error})"
            raise DamagedDataError(msg) from error

    def _compressor(self) -> zstandard.ZstdCompressor:
        found: zstandard.ZstdCompressor | None = getattr(self._per_thread, "compressor", None)
        if found is None:
            found = zstandard.ZstdCompressor(level=self._level, write_checksum=True)
            self._per_thread.compressor = found
        return found

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        found: zstandard.ZstdDecompressor | None = getattr(self._per_thread, "decompressor", None)
        if found is None:
            found = self._per_thread.decompressor = zstandard.ZstdDecompressor()
        return found
