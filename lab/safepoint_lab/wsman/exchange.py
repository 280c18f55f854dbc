"""What a request is about, read leniently: for fault hooks and the call log."""

from __future__ import annotations

import re

from safepoint_lab.wsman import names
from safepoint_lab.wsman.enumeration import ContextStore
from safepoint_lab.wsman.faults import Exchange
from safepoint_lab.wsman.names import ResourceUri
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.requests import Envelope, identifiers_in

__all__ = [
    "describe",
]

_ACTIONS = {
    names.ACTION_GET: "Get",
    names.ACTION_PUT: "Put",
    names.ACTION_CREATE: "Create",
    names.ACTION_DELETE: "Delete",
    names.ACTION_ENUMERATE: "Enumerate",
    names.ACTION_PULL: "Pull",
    names.ACTION_RELEASE: "Release",
}
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_RESULT = re.compile(r"\b(?:ResultClass|AssocClass)\s*=\s*(\w+)", re.IGNORECASE)


def describe(
    node: str, envelope: Envelope, text: str, provider: CimProvider, contexts: ContextStore
) -> Exchange:
    """Describe a request, whether it is right or wrong.

    For a query the class is the one it selects from, or the class its association leads to; for
    a Pull the one its context is about.
    """
    if envelope.is_identify:
        return Exchange(node, "Identify")
    header = envelope.header
    uri = action = ""
    if header is not None:
        uri = (header.findtext(f"{{{names.WSMAN}}}ResourceURI") or "").strip()
        action = (header.findtext(f"{{{names.ADDRESSING}}}Action") or "").strip()
    resource = ResourceUri.parse(uri) or ResourceUri("", "")
    method = action.removeprefix(f"{resource}/") if action.startswith(f"{resource}/") else ""
    found = identifiers_in(text)
    return Exchange(
        node=node,
        action="Invoke" if method else _ACTIONS.get(action, action),
        namespace=resource.namespace,
        class_name=_class_name(resource, envelope, text, contexts),
        method=method,
        identifiers=found,
        subject=provider.subject_of(found) if found else "",
    )


def _class_name(
    resource: ResourceUri, envelope: Envelope, text: str, contexts: ContextStore
) -> str:
    content = envelope.content
    if content is not None and content.tag in {
        f"{{{names.ENUMERATION}}}Pull",
        f"{{{names.ENUMERATION}}}Release",
    }:
        context = content.findtext(f"{{{names.ENUMERATION}}}EnumerationContext") or ""
        return contexts.label(context.strip()) or resource.class_name
    if not resource.is_query:
        return resource.class_name
    match = _FROM.search(text) or _RESULT.search(text)
    return match[1] if match else resource.class_name
