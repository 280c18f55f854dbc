"""A WS-Management request taken apart and its headers checked (fact sheet §1.4)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from safepoint_lab.wsman import names
from safepoint_lab.wsman.cimfault import CimFault, encoding_limit, schema_violation
from safepoint_lab.wsman.datetimes import parse_duration

__all__ = [
    "MAX_TIMEOUT_SECONDS",
    "MIN_ENVELOPE_BYTES",
    "Envelope",
    "Request",
    "check_request",
    "identifiers_in",
    "open_envelope",
    "parse_xml",
    "read_selectors",
    "timeout_of",
]

MIN_ENVELOPE_BYTES = 8192
MAX_TIMEOUT_SECONDS = 60.0
_MAX_MESSAGE_ID = 2048

_OWN_ID = re.compile(r"uuid:[0-9a-f-]{36}", re.IGNORECASE)
_GUID = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
_MUST_UNDERSTAND = f"{{{names.SOAP}}}mustUnderstand"
_UNDERSTOOD = frozenset(
    {
        f"{{{names.ADDRESSING}}}{name}"
        for name in ("To", "ReplyTo", "FaultTo", "From", "Action", "MessageID")
    }
    | {
        f"{{{names.WSMAN}}}{name}"
        for name in (
            "ResourceURI",
            "SelectorSet",
            "OptionSet",
            "MaxEnvelopeSize",
            "OperationTimeout",
            "FragmentTransfer",
        )
    }
    | {f"{{{names.MS_WSMAN}}}{name}" for name in ("DataLocale", "SessionId", "ActivityId")}
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed SOAP envelope, headers unchecked; `content` is the first child of the body."""

    header: ET.Element | None
    content: ET.Element | None
    message_id: str

    @property
    def is_identify(self) -> bool:
        """Whether the body asks for Identify, which needs no headers."""
        return self.content is not None and self.content.tag == f"{{{names.IDENTITY}}}Identify"


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose headers passed every check."""

    action: str
    message_id: str
    resource_uri: str
    selectors: tuple[tuple[str, str], ...]
    max_envelope_bytes: int
    content: ET.Element | None


def parse_xml(text: str) -> ET.Element:
    """Parse XML, refusing a document type (no entities are ever expanded).

    Raises:
        CimFault: The text is not XML.
    """
    if "<!DOCTYPE" in text:
        raise _not_xml()
    try:
        return ET.fromstring(text)  # noqa: S314 - a document type was refused above
    except ET.ParseError as error:
        raise _not_xml() from error


def open_envelope(text: str) -> Envelope:
    """Parse an envelope far enough to answer it.

    Raises:
        CimFault: It is no XML or no SOAP 1.2 envelope.
    """
    root = parse_xml(text)
    if root.tag != f"{{{names.SOAP}}}Envelope":
        raise _not_xml()
    header = root.find(f"{{{names.SOAP}}}Header")
    body = root.find(f"{{{names.SOAP}}}Body")
    content = next(iter(body), None) if body is not None else None
    return Envelope(header, content, _text(header, names.ADDRESSING, "MessageID"))


def identifiers_in(text: str) -> tuple[str, ...]:
    """Return the GUIDs mentioned in a request, upper case, without message and session ids."""
    plain = _OWN_ID.sub("", text)
    return tuple(dict.fromkeys(match.upper() for match in _GUID.findall(plain)))


def check_request(envelope: Envelope, max_envelope_bytes: int) -> Request:
    """Check the headers and return the request.

    Args:
        envelope: The parsed envelope.
        max_envelope_bytes: The server's own limit, which caps the client's.

    Raises:
        CimFault: As the fact sheet (§1.4, §1.12) says for the header at fault.
    """
    header = envelope.header
    if header is None:
        raise _missing_header()
    _check_understood(header)
    _check_addressing(header, envelope.message_id)
    _check_timeout(header)
    return Request(
        action=_text(header, names.ADDRESSING, "Action"),
        message_id=envelope.message_id,
        resource_uri=_text(header, names.WSMAN, "ResourceURI"),
        selectors=read_selectors(header.find(f"{{{names.WSMAN}}}SelectorSet")),
        max_envelope_bytes=_envelope_limit(header, max_envelope_bytes),
        content=envelope.content,
    )


def timeout_of(envelope: Envelope) -> float:
    """Return OperationTimeout in seconds, the server's own limit when it is absent or wrong."""
    span = parse_duration(_text(envelope.header, names.WSMAN, "OperationTimeout"))
    seconds = span.total_seconds() if span is not None else MAX_TIMEOUT_SECONDS
    return min(seconds, MAX_TIMEOUT_SECONDS)


def read_selectors(element: ET.Element | None) -> tuple[tuple[str, str], ...]:
    """Read a SelectorSet; an absent one is empty."""
    if element is None:
        return ()
    return tuple(
        (selector.get("Name", ""), (selector.text or "").strip())
        for selector in element.iter(f"{{{names.WSMAN}}}Selector")
    )


def _check_understood(header: ET.Element) -> None:
    """Refuse a header that must be understood and is not; only the SOAP attribute counts."""
    for element in header:
        mark = element.get(_MUST_UNDERSTAND, "false").lower()
        if mark not in {"true", "false", "0", "1"}:
            raise CimFault(2150858819, "s:Sender", "mustUnderstand is neither true nor false.")
        if mark in {"false", "0"}:
            continue
        if element.tag == f"{{{names.WSMAN}}}Locale":
            raise _unsupported(feature="Locale")
        if element.tag not in _UNDERSTOOD:
            raise CimFault(2150858800, "s:MustUnderstand", "A mandatory header is unknown.")


def _check_addressing(header: ET.Element, message_id: str) -> None:
    address = header.find(f"{{{names.ADDRESSING}}}ReplyTo/{{{names.ADDRESSING}}}Address")
    if address is None or not (address.text or "").strip():
        raise _missing_header()
    if (address.text or "").strip() != names.ANONYMOUS:
        raise _unsupported(feature="AddressingMode")
    if not _text(header, names.ADDRESSING, "Action"):
        raise _missing_header()
    if not message_id or len(message_id) > _MAX_MESSAGE_ID:
        reason = "The MessageID header is empty or too long."
        raise CimFault(2150858767, "a:InvalidMessageInformationHeader", reason)


def _envelope_limit(header: ET.Element, server_limit: int) -> int:
    text = _text(header, names.WSMAN, "MaxEnvelopeSize")
    if not text:
        return server_limit
    if not text.isascii() or not text.isdigit() or int(text) < MIN_ENVELOPE_BYTES:
        raise encoding_limit()
    return min(int(text), server_limit)


def _check_timeout(header: ET.Element) -> None:
    text = _text(header, names.WSMAN, "OperationTimeout")
    if text and parse_duration(text) is None:
        raise schema_violation(why="OperationTimeout is not a duration.")


def _text(header: ET.Element | None, namespace: str, name: str) -> str:
    found = header.find(f"{{{namespace}}}{name}") if header is not None else None
    return (found.text or "").strip() if found is not None else ""


def _not_xml() -> CimFault:
    return CimFault(2150858819, "w:SchemaValidationError", "The request is no SOAP envelope.")


def _missing_header() -> CimFault:
    reason = "A required addressing header is missing."
    return CimFault(2150858764, "a:MessageInformationHeaderRequired", reason)


def _unsupported(*, feature: str) -> CimFault:
    reason = f"The request asks for a feature that is not supported: {feature}."
    return CimFault(2150858801, "w:UnsupportedFeature", reason, fault_detail=feature)
