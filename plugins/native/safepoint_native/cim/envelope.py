"""Building requests: Identify, Get, Enumerate, Pull, Release, Invoke.

Only text comes out; sending is the transport's business. Every value passes through an escape,
so data can never become markup.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from safepoint_native.cim import names
from safepoint_native.cim.document import attribute_text, element_text
from safepoint_native.cim.instance_text import EmbeddedInstance
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.wql import identifier

__all__ = ["Argument", "EnvelopeBuilder", "Request", "Scalar"]

#: One value of a method argument.
Scalar = str | int | bool | datetime | timedelta | CimRef | EmbeddedInstance
#: A method argument. A sequence is an array; an empty one and None are left out.
Argument = Scalar | Sequence[Scalar] | None

_PREFIXES: Final = (
    f'xmlns:s="{names.SOAP}" xmlns:a="{names.ADDRESSING}" xmlns:w="{names.WSMAN}" '
    f'xmlns:p="{names.MICROSOFT_WSMAN}" xmlns:n="{names.ENUMERATION}"'
)


@dataclass(frozen=True)
class Request:
    """An envelope ready to be sent."""

    message_id: str
    """What the answer must relate to; empty for Identify, which carries no addressing."""
    operation: str
    """Short name for messages and counts, such as ``Get`` or ``CreateSnapshot``."""
    text: str


class EnvelopeBuilder:
    """Builds requests for one service address with one set of limits.

    Args:
        address: The URL of the service, sent as destination.
        max_envelope_bytes: How large an answer may be; hosts refuse less than 8192.
        timeout_seconds: How long the host may work on one request.
    """

    def __init__(
        self, address: str, *, max_envelope_bytes: int = 512_000, timeout_seconds: int = 60
    ) -> None:
        self._address = address
        self._max_envelope_bytes = max_envelope_bytes
        self._timeout_seconds = timeout_seconds

    def identify(self) -> Request:
        """Ask who answers; needs no right in any namespace."""
        text = (
            f'<s:Envelope xmlns:s="{names.SOAP}" xmlns:id="{names.IDENTITY}">'
            "<s:Header/><s:Body><id:Identify/></s:Body></s:Envelope>"
        )
        return Request("", "Identify", text)

    def get(self, ref: CimRef) -> Request:
        """Read one object."""
        uri = names.class_uri(ref.namespace, ref.class_name)
        return self._request("Get", f"{names.TRANSFER}/Get", uri, "", ref.keys)

    def enumerate(
        self, namespace: str, wql: str, *, max_elements: int, with_refs: bool = False
    ) -> Request:
        """Start a query on all classes of a namespace; the first rows come with the answer."""
        mode = "<w:EnumerationMode>EnumerateObjectAndEPR</w:EnumerationMode>" if with_refs else ""
        body = (
            "<n:Enumerate><w:OptimizeEnumeration/>"
            f"<w:MaxElements>{max_elements:d}</w:MaxElements>{mode}"
            f'<w:Filter Dialect="{names.WQL_DIALECT}">{element_text(wql)}</w:Filter>'
            "</n:Enumerate>"
        )
        return self._query_step("Enumerate", namespace, body)

    def pull(self, namespace: str, context: str, *, max_elements: int) -> Request:
        """Fetch the next rows of a query."""
        body = (
            f"<n:Pull><n:EnumerationContext>{element_text(context)}</n:EnumerationContext>"
            f"<n:MaxElements>{max_elements:d}</n:MaxElements></n:Pull>"
        )
        return self._query_step("Pull", namespace, body)

    def release(self, namespace: str, context: str) -> Request:
        """Give up a query whose remaining rows are not wanted."""
        body = (
            f"<n:Release><n:EnumerationContext>{element_text(context)}</n:EnumerationContext>"
            "</n:Release>"
        )
        return self._query_step("Release", namespace, body)

    def invoke(self, ref: CimRef, method: str, arguments: Mapping[str, Argument]) -> Request:
        """Call a method; arguments are sent in alphabetical order, as the schema has them."""
        uri = names.class_uri(ref.namespace, ref.class_name)
        inner = "".join(_argument(identifier(name), arguments[name]) for name in sorted(arguments))
        root = f"m:{identifier(method)}_INPUT"
        body = f'<{root} xmlns:m="{attribute_text(uri)}">{inner}</{root}>'
        return self._request(method, f"{uri}/{method}", uri, body, ref.keys)

    def _query_step(self, step: str, namespace: str, body: str) -> Request:
        uri = names.class_uri(namespace, "*")
        return self._request(step, f"{names.ENUMERATION}/{step}", uri, body, ())

    def _request(
        self,
        operation: str,
        action: str,
        uri: str,
        body: str,
        keys: tuple[tuple[str, str], ...],
    ) -> Request:
        message_id = f"uuid:{uuid.uuid4()}".upper().replace("UUID", "uuid", 1)
        selectors = _selectors(keys)
        text = (
            f"<s:Envelope {_PREFIXES}><s:Header>"
            f"<a:To>{element_text(self._address)}</a:To>"
            f'<a:ReplyTo><a:Address s:mustUnderstand="true">{names.ANONYMOUS}</a:Address>'
            "</a:ReplyTo>"
            f'<a:Action s:mustUnderstand="true">{element_text(action)}</a:Action>'
            f"<a:MessageID>{message_id}</a:MessageID>"
            f'<w:ResourceURI s:mustUnderstand="true">{element_text(uri)}</w:ResourceURI>'
            f"{selectors}"
            f'<w:MaxEnvelopeSize s:mustUnderstand="true">{self._max_envelope_bytes:d}'
            "</w:MaxEnvelopeSize>"
            f"<w:OperationTimeout>PT{self._timeout_seconds:d}S</w:OperationTimeout>"
            '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>'
            '<p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/>'
            f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        return Request(message_id, operation, text)


def _selectors(keys: tuple[tuple[str, str], ...]) -> str:
    if not keys:
        return ""
    inner = "".join(
        f'<w:Selector Name="{attribute_text(name)}">{element_text(value)}</w:Selector>'
        for name, value in keys
    )
    return f"<w:SelectorSet>{inner}</w:SelectorSet>"


def _argument(name: str, value: Argument) -> str:
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(f"<m:{name}>{_content(item)}</m:{name}>" for item in value)
    return f"<m:{name}>{_content(value)}</m:{name}>"


def _content(value: Scalar) -> str:
    """Return what stands inside a parameter element.

    Times are sent as elements of the common CIM schema; whether Windows also takes them so for
    method arguments is inference.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return element_text(value)
    if isinstance(value, CimRef):
        return _endpoint(value)
    if isinstance(value, EmbeddedInstance):
        return element_text(value.to_text())
    if isinstance(value, datetime):
        stamp = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f'<cim:Datetime xmlns:cim="{names.CIM_COMMON}">{stamp}</cim:Datetime>'
    return (
        f'<cim:Interval xmlns:cim="{names.CIM_COMMON}">P{value.days}DT'
        f"{value.seconds + value.microseconds / 1e6:.6f}S</cim:Interval>"
    )


def _endpoint(ref: CimRef) -> str:
    """A reference stands directly in the parameter; a wrapper is refused [recorded]."""
    uri = element_text(names.class_uri(ref.namespace, ref.class_name))
    return (
        f"<a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{uri}</w:ResourceURI>{_selectors(ref.keys)}</a:ReferenceParameters>"
    )
