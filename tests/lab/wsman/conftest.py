"""A toy host for the protocol tests: two machines, a service, a job, an association."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from safepoint_lab.wsman import (
    Account,
    AccountBook,
    CimInstance,
    CimReference,
    MethodCall,
    MethodResult,
    Refused,
    Schema,
    WsmanServer,
    WsmanSettings,
)
from safepoint_lab.wsman.memory import MemoryProvider

NS = "root/toy/v1"
BASE = f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{NS}"
GUIDS = ("AAAAAAAA-0000-4000-8000-000000000001", "AAAAAAAA-0000-4000-8000-000000000002")
PREFIXES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "cim": "http://schemas.dmtf.org/wbem/wscim/1/common",
}

MACHINE_PROPERTIES = {
    "CreationClassName": "string",
    "Name": "string",
    "ElementName": "string",
    "Started": "datetime",
    "UpTime": "datetime",
    "OnTime": "uint64",
    "Statuses": "uint16[]",
    "Notes": "string[]",
    "Enabled": "boolean",
    "Comment": "string",
}

SCHEMA = Schema.from_dict(
    {
        "namespace": NS,
        "classes": {
            "Toy_Machine": {
                "super": "CIM_Machine",
                "keys": ["CreationClassName", "Name"],
                "properties": MACHINE_PROPERTIES,
            },
            "Toy_BigMachine": {
                "super": "Toy_Machine",
                "keys": ["CreationClassName", "Name"],
                "properties": MACHINE_PROPERTIES,
            },
            "CIM_Machine": {},
            "Toy_Setting": {
                "super": "CIM_Setting",
                "keys": ["InstanceID"],
                "properties": {"InstanceID": "string", "ElementName": "string", "Kind": "uint16"},
            },
            "Toy_SettingOf": {
                "super": "CIM_Dependency",
                "properties": {"Antecedent": "ref CIM_Machine", "Dependent": "ref CIM_Setting"},
            },
            "Toy_Order": {
                "properties": {
                    "Name": "string",
                    "Count": "uint8",
                    "Fast": "boolean",
                    "Until": "datetime",
                    "Paths": "string[]",
                },
            },
            "Toy_Service": {
                "keys": ["SystemName", "CreationClassName"],
                "properties": {"SystemName": "string", "CreationClassName": "string"},
                "methods": {
                    "Do": {
                        "in": {
                            "Machine": "ref CIM_Machine",
                            "Machines": "ref CIM_Machine[]",
                            "Kind": "uint16",
                            "Numbers": "uint32[]",
                            "Name": "string",
                            "Order": "instance Toy_Order",
                            "Until": "datetime",
                            "Fast": "boolean",
                        },
                        "out": {"Job": "ref CIM_Job", "Notes": "string[]", "Echo": "string"},
                    },
                    "Refuse": {"in": {}, "out": {"Job": "ref CIM_Job"}},
                    "Break": {"in": {}, "out": {}},
                },
            },
        },
    }
)


def machine(guid: str, name: str, class_name: str = "Toy_Machine", **more: Any) -> CimInstance:
    values: dict[str, Any] = {
        "CreationClassName": class_name,
        "Name": guid,
        "ElementName": name,
        **more,
    }
    return CimInstance(NS, class_name, values)


def machines() -> list[CimInstance]:
    first = machine(
        GUIDS[0],
        "sql01",
        Started=datetime(2026, 1, 12, 22, 0, 1, 250000, tzinfo=UTC),
        UpTime=timedelta(days=1, hours=2, seconds=3.5),
        OnTime=18446744073709551615,
        Statuses=[2, 32772],
        Enabled=True,
        Comment="a<b&c",
    )
    second = machine(GUIDS[1], "web%01", OnTime=7, Enabled=False)
    return [first, second]


def setting(identifier: str, kind: int) -> CimInstance:
    values: dict[str, Any] = {"InstanceID": identifier, "ElementName": "s", "Kind": kind}
    return CimInstance(NS, "Toy_Setting", values)


def machine_reference(guid: str) -> CimReference:
    return CimReference(NS, "Toy_Machine", (("CreationClassName", "Toy_Machine"), ("Name", guid)))


@dataclass
class Host:
    """A running server, its provider's instances and the calls its methods got."""

    server: WsmanServer
    instances: list[CimInstance]
    calls: list[MethodCall] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url


StartHost = Callable[..., Host]


def toy_instances() -> list[CimInstance]:
    service = CimInstance(
        NS, "Toy_Service", {"SystemName": "TOY01", "CreationClassName": "Toy_Service"}
    )
    settings = [setting(rf"Toy:{GUIDS[0]}\{n}\D", n) for n in range(3)]
    rows = [
        CimInstance(
            NS,
            "Toy_SettingOf",
            {
                "Antecedent": machine_reference(GUIDS[0]),
                "Dependent": CimReference(
                    NS, "Toy_Setting", (("InstanceID", each.text("InstanceID")),)
                ),
            },
        )
        for each in settings[:2]
    ]
    return [*machines(), service, *settings, *rows]


@pytest.fixture(scope="session")
def accounts() -> Iterator[AccountBook]:
    book = AccountBook([Account("svc", "Pass word-1", domain="LAB")])
    yield book
    book.close()


@pytest.fixture
def start_host(accounts: AccountBook) -> Iterator[StartHost]:
    """Start toy hosts; `start_host(basic=False, faults=…)` takes any server setting."""
    started: list[WsmanServer] = []

    def start(instances: list[CimInstance] | None = None, **settings: object) -> Host:
        kept = toy_instances() if instances is None else instances
        calls: list[MethodCall] = []

        def do(call: MethodCall) -> MethodResult:
            calls.append(call)
            job = CimReference(NS, "Toy_Setting", (("InstanceID", "job-1"),))
            return MethodResult(4096, {"Job": job, "Notes": ["x", "y"]})

        def refuse(call: MethodCall) -> MethodResult:
            raise Refused(32775)

        def fail(call: MethodCall) -> MethodResult:
            msg = "a defect"
            raise RuntimeError(msg)

        methods = {"Toy_Service.Do": do, "Toy_Service.Refuse": refuse, "Toy_Service.Break": fail}
        provider = MemoryProvider(SCHEMA, kept, methods)
        options: dict[str, Any] = {"node": "toy01", "machine": "toy01.example.test"} | settings
        server = WsmanServer(provider, accounts, WsmanSettings(**options))
        server.start()
        started.append(server)
        return Host(server, kept, calls)

    yield start
    for server in started:
        server.stop()


def epr(class_name: str, **keys: str) -> str:
    selectors = "".join(f'<w:Selector Name="{k}">{v}</w:Selector>' for k, v in keys.items())
    return (
        "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address>"
        f"<a:ReferenceParameters><w:ResourceURI>{BASE}/{class_name}</w:ResourceURI>"
        f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
    )


class Soap:
    """Writes envelopes for a test and posts them with Basic; every part can be overridden."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = ("svc", "Pass word-1")
        self.last_message_id = ""

    def envelope(self, action: str, uri: str, body: str = "", **parts: str) -> str:
        self.last_message_id = parts.get("message_id", f"uuid:{uuid.uuid4()}".upper())
        anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
        reply_to = parts.get(
            "reply_to", f"<a:ReplyTo><a:Address>{anonymous}</a:Address></a:ReplyTo>"
        )
        limit = parts.get("limit", "<w:MaxEnvelopeSize>512000</w:MaxEnvelopeSize>")
        declarations = " ".join(f'xmlns:{p}="{u}"' for p, u in PREFIXES.items())
        return (
            f"<s:Envelope {declarations}><s:Header>"
            f"<a:To>{self.url}</a:To>{reply_to}<a:Action>{action}</a:Action>"
            f"<a:MessageID>{self.last_message_id}</a:MessageID>"
            f"<w:ResourceURI>{uri}</w:ResourceURI>{parts.get('selectors', '')}{limit}"
            f"<w:OperationTimeout>{parts.get('timeout', 'PT60S')}</w:OperationTimeout>"
            f"{parts.get('headers', '')}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )

    def post(self, envelope: str) -> requests.Response:
        headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
        return self.session.post(self.url, data=envelope.encode(), headers=headers, timeout=20)

    def send(self, action: str, uri: str, body: str = "", **parts: str) -> ET.Element:
        """Post and return the SOAP body's first child; asserts the answer is a result."""
        response = self.post(self.envelope(action, uri, body, **parts))
        assert response.status_code == 200, response.text
        root = ET.fromstring(response.content)
        assert root.findtext("s:Header/a:RelatesTo", "", PREFIXES) == self.last_message_id
        content = next(iter(root.find("s:Body", PREFIXES) or ()), None)
        return content if content is not None else ET.Element("empty")

    def fault(self, action: str, uri: str, body: str = "", **parts: str) -> tuple[str, int]:
        """Post and return subcode and code of the fault that must come back."""
        return read_fault(self.post(self.envelope(action, uri, body, **parts)))

    def get(self, class_name: str, **keys: str) -> ET.Element:
        return self.send(GET, f"{BASE}/{class_name}", selectors=selector_set(**keys))

    def enumerate(self, body: str, uri: str = f"{BASE}/*", **parts: str) -> ET.Element:
        return self.send(ENUMERATE, uri, f"<n:Enumerate>{body}</n:Enumerate>", **parts)

    def query(self, wql: str) -> list[ET.Element]:
        """Run a query with the optimised form and return all items."""
        answer = self.enumerate(
            "<w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements>" + wql_filter(wql)
        )
        assert answer.find("w:EndOfSequence", PREFIXES) is not None
        return list(answer.find("w:Items", PREFIXES) or ())

    def invoke(self, method: str, arguments: str = "", **parts: str) -> ET.Element:
        return self.send(
            f"{BASE}/Toy_Service/{method}", *self._call(method, arguments), **_service(parts)
        )

    def invoke_fault(self, method: str, arguments: str = "", **parts: str) -> tuple[str, int]:
        return self.fault(
            f"{BASE}/Toy_Service/{method}", *self._call(method, arguments), **_service(parts)
        )

    def _call(self, method: str, arguments: str) -> tuple[str, str]:
        uri = f"{BASE}/Toy_Service"
        return uri, f'<m:{method}_INPUT xmlns:m="{uri}">{arguments}</m:{method}_INPUT>'


GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
ENUMERATE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate"
PULL = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull"
RELEASE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release"


def _service(parts: dict[str, str]) -> dict[str, str]:
    return {"selectors": selector_set(CreationClassName="Toy_Service")} | parts


def selector_set(**keys: str) -> str:
    inner = "".join(f'<w:Selector Name="{k}">{v}</w:Selector>' for k, v in keys.items())
    return f"<w:SelectorSet>{inner}</w:SelectorSet>"


def wql_filter(wql: str) -> str:
    text = wql.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    dialect = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
    return f'<w:Filter Dialect="{dialect}">{text}</w:Filter>'


def read_fault(response: requests.Response) -> tuple[str, int]:
    assert response.status_code == 500, response.text
    root = ET.fromstring(response.content)
    subcode = root.findtext("s:Body/s:Fault/s:Code/s:Subcode/s:Value", "", PREFIXES)
    detail = root.find("s:Body/s:Fault/s:Detail/f:WSManFault", PREFIXES)
    assert detail is not None, response.text
    assert detail.get("Machine") == "toy01.example.test"
    return subcode, int(detail.get("Code", "0"))


@pytest.fixture
def host(start_host: StartHost) -> Host:
    return start_host()


@pytest.fixture
def soap(host: Host) -> Iterator[Soap]:
    client = Soap(host.url)
    yield client
    client.session.close()
