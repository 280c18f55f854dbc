"""Foreign XML has no power: no entities, no external files, no surprise characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.errors import InvalidRequestError, ProtocolError
from safepoint_native.cim.document import attribute_text, element_text, read_xml

LEGAL = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
    )
)


def bomb() -> bytes:
    lines = ['<!ENTITY a0 "aaaaaaaaaaaaaaaa">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 16}">' for n in range(1, 12)]
    return f"<!DOCTYPE x [{''.join(lines)}]><x>&a11;</x>".encode()


@pytest.mark.parametrize(
    "document",
    [
        bomb(),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<?xml version="1.0"?><!-- <x> --><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        "<!DOCTYPE x><x/>".encode("utf-16"),
    ],
)
def test_a_document_type_declaration_is_refused(document: bytes) -> None:
    with pytest.raises(ProtocolError, match="document type declaration"):
        read_xml(document, what="the answer of hv01")


@pytest.mark.parametrize(
    "document", [b"", b"<a>", b"<a></b>", b"plain", b"<a>&undefined;</a>", b"\xff\xfe"]
)
def test_what_is_not_well_formed_is_refused(document: bytes) -> None:
    with pytest.raises(ProtocolError, match="not well-formed"):
        read_xml(document, what="the answer of hv01")


def test_utf16_is_understood() -> None:
    assert read_xml("<a>\u00e4</a>".encode("utf-16"), what="it").text == "\u00e4"


@given(LEGAL)
def test_escaped_text_is_read_back_exactly(text: str) -> None:
    root = read_xml(f'<a b="{attribute_text(text)}">{element_text(text)}</a>', what="it")

    assert (root.text or "") == text
    assert root.get("b") == text


@pytest.mark.parametrize("text", ["a\r\nb", "a\tb\nc", '"quoted"'])
def test_white_space_and_quotes_survive_attributes(text: str) -> None:
    root = read_xml(f'<a b="{attribute_text(text)}">{element_text(text)}</a>', what="it")

    assert root.get("b") == text
    assert root.text == text


@pytest.mark.parametrize("text", ["\x00", "a\x0bb", "\ud800", "\ufffe"])
def test_what_xml_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot carry"):
        element_text(text)
