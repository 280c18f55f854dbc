"""A transport that plays a script, and answers written by hand as a host would send them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from safepoint_native.cim import CimClient, names

Answer = bytes | BaseException | Callable[[str], bytes]


class ScriptedTransport:
    """Answers the next thing of a script and remembers what was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []
        self.closed = 0

    def post(self, envelope: str) -> bytes:
        self.sent.append(envelope)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer(envelope) if callable(answer) else answer

    def close(self) -> None:
        self.closed += 1


class Soap:
    """Builds answers."""

    V2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"

    def envelope(self, body: str, *, relates_to: str = "") -> bytes:
        return (
            f'<s:Envelope xml:lang="de-DE" xmlns:s="{names.SOAP}" xmlns:a="{names.ADDRESSING}" '
            f'xmlns:w="{names.WSMAN}" xmlns:n="{names.ENUMERATION}"><s:Header>'
            f"<a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body>{body}</s:Body>"
            "</s:Envelope>"
        ).encode()

    def answer(self, body: str) -> Callable[[str], bytes]:
        """Answer whatever request comes, related to it."""

        def reply(request: str) -> bytes:
            found = re.search(r"MessageID>([^<]*)<", request)
            return self.envelope(body, relates_to=found[1] if found else "")

        return reply

    def instance(self, class_name: str, properties: str, *, prefix: str = "p") -> str:
        uri = f"{self.V2}{class_name}"
        return (
            f'<{prefix}:{class_name} xmlns:{prefix}="{uri}" xmlns:xsi="{names.XSI}" '
            f'xmlns:cim="{names.CIM_COMMON}" xsi:type="p:{class_name}_Type">'
            f"{properties}</{prefix}:{class_name}>"
        )

    def first_page(self, items: str, *, context: str = "", last: bool = False) -> str:
        end = "<w:EndOfSequence/>" if last else ""
        return (
            f"<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>"
            f"<w:Items>{items}</w:Items>{end}</n:EnumerateResponse>"
        )

    def next_page(self, items: str, *, context: str = "", last: bool = False) -> str:
        end = "<n:EndOfSequence/>" if last else ""
        more = f"<n:EnumerationContext>{context}</n:EnumerationContext>" if context else ""
        return f"<n:PullResponse>{more}<n:Items>{items}</n:Items>{end}</n:PullResponse>"

    def endpoint(self, class_name: str, **keys: str) -> str:
        selectors = "".join(
            f'<w:Selector Name="{name}">{value}</w:Selector>' for name, value in keys.items()
        )
        return (
            f"<a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{self.V2}{class_name}</w:ResourceURI>"
            f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
        )

    def outputs(self, method: str, inner: str) -> str:
        return self.instance(f"{method}_OUTPUT", inner)

    def fault(
        self, code: int | None = None, *, subcode: str = "w:InternalError", more: str = ""
    ) -> str:
        detail = ""
        if code is not None:
            detail = f'<f:WSManFault xmlns:f="{names.WSMAN_FAULT}" Code="{code}" Machine="hv01"><f:Message>{more}</f:Message></f:WSManFault>'
        return (
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value>"
            f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
            '<s:Reason><s:Text xml:lang="de-DE">Zugriff verweigert.</s:Text></s:Reason>'
            f"<s:Detail>{detail}</s:Detail></s:Fault>"
        )


@pytest.fixture
def soap() -> Soap:
    return Soap()


@pytest.fixture
def scripted() -> Callable[..., tuple[CimClient, ScriptedTransport]]:
    """Make a client whose host follows a script."""

    def make(*answers: Answer, **options: Any) -> tuple[CimClient, ScriptedTransport]:
        transport = ScriptedTransport(*answers)
        return CimClient(transport, node="hv01", **options), transport

    return make
