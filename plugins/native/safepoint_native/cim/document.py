"""Reading XML that came from elsewhere, without giving it any power.

A document type declaration is refused: entities are the way by which a small document becomes a
large one or reads a local file, and WS-Man never needs them.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from safepoint.errors import InvalidRequestError, ProtocolError

__all__ = ["attribute_text", "element_text", "is_blank", "local_name", "namespace_of", "read_xml"]

#: Everything that XML 1.0 does not allow as a character.
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _DoctypeRefusedError(Exception):
    """Raised inside the parser when a document type declaration begins."""


class _Builder(TreeBuilder):
    """Builds the tree and stops at a document type declaration."""

    def doctype(self, *_declaration: object) -> NoReturn:
        raise _DoctypeRefusedError


def read_xml(data: bytes | str, *, what: str) -> Element:
    """Return the root element.

    Args:
        data: UTF-8 or UTF-16 bytes, or text.
        what: What is read, for the message, such as ``the answer of hv01``.

    Raises:
        ProtocolError: not well-formed, or it holds a document type declaration.
    """
    parser = XMLParser(target=_Builder())  # noqa: S314  (the builder refuses every DOCTYPE)
    try:
        parser.feed(data)
        root = parser.close()
    except _DoctypeRefusedError:
        msg = f"{what} holds a document type declaration, which is refused"
        raise ProtocolError(
            msg, hint="Something other than the management service answered; check the address."
        ) from None
    except ParseError as exc:
        msg = f"{what} is not well-formed XML ({exc})"
        raise ProtocolError(
            msg, hint="A proxy or another service may sit between here and the host."
        ) from exc
    assert isinstance(root, Element)
    return root


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def namespace_of(element: Element) -> str:
    """Return the namespace of an element, or an empty string."""
    head, brace, _ = element.tag.rpartition("}")
    return head[1:] if brace else ""


def is_blank(text: str | None) -> bool:
    """Tell whether text between elements is nothing but white space."""
    return text is None or not text.strip()


def element_text(value: str) -> str:
    """Escape text for use between tags.

    Raises:
        InvalidRequestError: the text holds characters that XML cannot carry.
    """
    bad = _ILLEGAL.search(value)
    if bad:
        msg = f"XML cannot carry the character U+{ord(bad[0]):04X} in {value[:60]!r}"
        raise InvalidRequestError(msg)
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\r", "&#13;")


def attribute_text(value: str) -> str:
    """Escape text for use inside a double-quoted attribute; errors as `element_text`."""
    escaped = element_text(value).replace('"', "&quot;")
    return escaped.replace("\n", "&#10;").replace("\t", "&#9;")
