"""Reading answers: from an envelope to rows, outputs or a fault.

Everything is checked before it is believed: the root must be a SOAP envelope, the answer must
relate to the request, a fault counts as fault whatever the HTTP status was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from safepoint.errors import ProtocolError
from safepoint_native.cim import names
from safepoint_native.cim.document import is_blank, local_name, namespace_of, read_xml
from safepoint_native.cim.faults import Fault, read_fault
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow, WireItem

__all__ = ["Page", "read_body", "read_identity", "read_outputs", "read_page", "read_row"]

_NIL: Final = f"{{{names.XSI}}}nil"
_TIMES: Final = frozenset({"Datetime", "Interval", "CIM_DateTime", "Date", "Time"})
_HINT: Final = "Check the address: a proxy, a captive portal or another service answered."


@dataclass(frozen=True)
class Page:
    """One step of a query."""

    rows: tuple[CimRow, ...]
    context: str
    """Where to go on; always the newest one counts. Empty when there is no more."""
    is_last: bool


def read_body(answer: bytes, *, message_id: str, node: str) -> Element | Fault:
    """Return the SOAP body, or the fault it carries.

    Args:
        answer: The HTTP body.
        message_id: What the answer must relate to; empty skips the check (Identify).
        node: Who was asked, for messages.

    Raises:
        ProtocolError: no SOAP envelope, or the answer to another request.
    """
    what = f"the answer of {node}"
    root = read_xml(answer, what=what)
    if root.tag != f"{{{names.SOAP}}}Envelope":
        kind = "an HTML page" if local_name(root).lower() == "html" else f"<{local_name(root)}>"
        msg = f"{what} is {kind}, not a management message"
        raise ProtocolError(msg, hint=_HINT, system=node)
    body = root.find(f"{{{names.SOAP}}}Body")
    if body is None:
        msg = f"{what} has no SOAP body"
        raise ProtocolError(msg, hint=_HINT, system=node)
    fault = body.find(f"{{{names.SOAP}}}Fault")
    related = root.findtext(f"{{{names.SOAP}}}Header/{{{names.ADDRESSING}}}RelatesTo")
    if message_id and (related or "").strip().lower() != message_id.lower() and fault is None:
        msg = f"{what} belongs to another request ({related or 'it names none'})"
        raise ProtocolError(msg, hint=_HINT, system=node)
    return body if fault is None else read_fault(fault)


def read_identity(body: Element) -> dict[str, str]:
    """Return what Identify said, such as ``ProductVendor`` and ``ProductVersion``."""
    answer = body.find(f"{{{names.IDENTITY}}}IdentifyResponse")
    if answer is None:
        msg = "the service did not identify itself"
        raise ProtocolError(msg, hint=_HINT)
    return {local_name(child): (child.text or "").strip() for child in answer}


def read_row(body: Element) -> CimRow:
    """Return the one instance that answers a Get."""
    children = list(body)
    if len(children) != 1:
        msg = f"a Get was answered with {len(children)} objects instead of one"
        raise ProtocolError(msg)
    return _instance(children[0], ref=None)


def read_outputs(body: Element) -> CimRow:
    """Return the outputs of a method; its element is known by its suffix ``_OUTPUT``."""
    children = [child for child in body if local_name(child).endswith("_OUTPUT")]
    if len(children) != 1:
        msg = "a method call was answered without its outputs"
        raise ProtocolError(msg)
    return _instance(children[0], ref=None)


def read_page(body: Element) -> Page:
    """Return the rows and the position of an Enumerate or Pull answer.

    Raises:
        ProtocolError: neither more to come nor an end: a broken list is never a short one.
    """
    answer = next(
        (child for child in body if local_name(child) in {"EnumerateResponse", "PullResponse"}),
        None,
    )
    if answer is None:
        msg = "a query was answered with something that is no list"
        raise ProtocolError(msg)
    rows: list[CimRow] = []
    context = ""
    is_last = False
    for part in answer:
        name = local_name(part)
        if name == "EnumerationContext":
            context = (part.text or "").strip()
        elif name == "Items":
            rows.extend(_item(element) for element in part)
        elif name == "EndOfSequence":
            is_last = True
    if not is_last and not context:
        msg = "a query was answered with neither an end nor a way to go on"
        raise ProtocolError(msg)
    return Page(tuple(rows), "" if is_last else context, is_last)


def _item(element: Element) -> CimRow:
    """Read one member of Items: an object, an object with its reference, or a reference."""
    if namespace_of(element) == names.WSMAN and local_name(element) == "Item":
        endpoint = element.find(f"{{{names.ADDRESSING}}}EndpointReference")
        objects = [child for child in element if child is not endpoint]
        if len(objects) != 1:
            msg = "an item of a list holds no object"
            raise ProtocolError(msg)
        return _instance(objects[0], ref=None if endpoint is None else _reference(endpoint))
    if namespace_of(element) in {names.WSMAN, names.ADDRESSING}:
        msg = f"an item of a list is a {local_name(element)}, which was not asked for"
        raise ProtocolError(msg)
    return _instance(element, ref=None)


def _instance(element: Element, *, ref: CimRef | None) -> CimRow:
    namespace, _ = names.split_class_uri(namespace_of(element))
    properties: dict[str, list[WireItem]] = {}
    for child in element:
        properties.setdefault(local_name(child), []).append(_value(child))
    frozen = {name: tuple(items) for name, items in properties.items()}
    return CimRow(local_name(element), frozen, namespace, ref)


def _value(element: Element) -> WireItem:
    if element.get(_NIL, "").strip().lower() in {"true", "1"}:
        return None
    if not len(element):
        return element.text or ""
    if not is_blank(element.text):
        msg = f"property {local_name(element)} mixes text and elements"
        raise ProtocolError(msg)
    if _is_time(element):
        return (element[0].text or "").strip()
    if _is_reference(element):
        return _reference(element)
    return _embedded(element)


def _is_time(element: Element) -> bool:
    return len(element) == 1 and (
        namespace_of(element[0]) == names.CIM_COMMON and local_name(element[0]) in _TIMES
    )


def _is_reference(element: Element) -> bool:
    return any(
        namespace_of(child) == names.ADDRESSING
        and local_name(child) in {"ReferenceParameters", "EndpointReference"}
        for child in element
    )


def _reference(element: Element) -> CimRef:
    """Read an endpoint, with or without the wrapper that older servers put around it."""
    wrapper = element.find(f"{{{names.ADDRESSING}}}EndpointReference")
    parameters = (element if wrapper is None else wrapper).find(
        f"{{{names.ADDRESSING}}}ReferenceParameters"
    )
    uri = None if parameters is None else parameters.findtext(f"{{{names.WSMAN}}}ResourceURI")
    if parameters is None or not uri:
        msg = f"{local_name(element)} is a reference without resource"
        raise ProtocolError(msg)
    namespace, class_name = names.split_class_uri(uri.strip())
    keys = [
        (selector.get("Name", ""), selector.text or "")
        for selector in parameters.findall(
            f"{{{names.WSMAN}}}SelectorSet/{{{names.WSMAN}}}Selector"
        )
        if selector.get("Name") != "__cimnamespace"
    ]
    return CimRef(namespace, class_name, tuple(keys))


def _embedded(element: Element) -> CimRow:
    """Read an object sent as elements: its class is in xsi:type, or in the one child's name.

    The form of typed embedded outputs on Windows is inference.
    """
    only = element[0] if len(element) == 1 else None
    if only is not None and len(only) and element.get(f"{{{names.XSI}}}type") is None:
        return _instance(only, ref=None)
    declared = element.get(f"{{{names.XSI}}}type", "").rpartition(":")[2]
    row = _instance(element, ref=None)
    class_name = declared.removesuffix("_Type") or row.class_name
    return CimRow(class_name, row.properties, row.namespace)
