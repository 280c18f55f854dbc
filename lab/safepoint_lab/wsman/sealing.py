"""WinRM message encryption over HTTP: multipart/encrypted bodies (fact sheet §9.3)."""

from __future__ import annotations

import re
import struct

from spnego import ContextProxy
from spnego.exceptions import SpnegoError

__all__ = [
    "SEALED_CONTENT_TYPE",
    "SealError",
    "is_sealed",
    "seal",
    "unseal",
]

_BOUNDARY = "Encrypted Boundary"
_PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
_KNOWN = (_PROTOCOL, "application/HTTP-Kerberos-session-encrypted")
_LENGTH = re.compile(rb"Length=(\d+)")
_OCTETS = b"Content-Type: application/octet-stream\r\n"

SEALED_CONTENT_TYPE = f'multipart/encrypted;protocol="{_PROTOCOL}";boundary="{_BOUNDARY}"'


class SealError(Exception):
    """A sealed body cannot be opened: wrong frame, wrong key, wrong signature."""


def is_sealed(content_type: str) -> bool:
    """Whether a Content-Type announces an encrypted body."""
    lowered = content_type.lower()
    return lowered.startswith("multipart/encrypted") and any(k.lower() in lowered for k in _KNOWN)


def seal(context: ContextProxy, plain: bytes) -> bytes:
    """Seal an answer into the two-part frame."""
    wrapped = context.wrap_winrm(plain)
    length = len(plain) + wrapped.padding_length
    head = (
        f"--{_BOUNDARY}\r\n\tContent-Type: {_PROTOCOL}\r\n"
        f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={length}\r\n"
        f"--{_BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
    ).encode()
    signature = struct.pack("<i", len(wrapped.header)) + wrapped.header
    return head + signature + wrapped.data + f"--{_BOUNDARY}--\r\n".encode()


def unseal(context: ContextProxy | None, body: bytes) -> bytes:
    """Open a sealed request; `context` is None where nobody logged in by NTLM.

    Raises:
        SealError: The frame is not the two-part one, or this connection's key does not open it.
    """
    head, found, rest = body.partition(_OCTETS)
    length = _LENGTH.search(head)
    tail = rest.rfind(f"--{_BOUNDARY}--".encode())
    if context is None or not found or length is None or tail < 0:
        raise SealError
    payload = rest[:tail]
    (signature_length,) = struct.unpack("<i", payload[:4].ljust(4, b"\0"))
    if not 0 < signature_length <= len(payload) - 4:
        raise SealError
    signature = payload[4 : 4 + signature_length]
    try:
        plain = context.unwrap_winrm(signature, payload[4 + signature_length :])
    except SpnegoError as error:
        raise SealError from error
    if len(plain) != int(length[1]):
        raise SealError
    return plain
