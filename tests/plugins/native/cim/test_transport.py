"""The transport against a real server on loopback: logins, encryption, trust, broken wires."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safepoint.errors import (
    AuthenticationError,
    CertificateError,
    ConfigError,
    DriverError,
    InvalidRequestError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    ThrottledError,
    UnreachableError,
    UnsupportedError,
)
from safepoint_lab.wsman import (
    Account,
    AccountBook,
    CimInstance,
    Exchange,
    MethodResult,
    Moment,
    Schema,
    WireFault,
    WireFaultKind,
    WsmanServer,
    WsmanSettings,
)
from safepoint_lab.wsman.memory import MemoryProvider
from safepoint_native.cim import (
    AnswerLostError,
    AuthKind,
    CimClient,
    CimRef,
    Endpoint,
    Login,
    PywinrmTransport,
    Trust,
)

NS = "root/toy"
PASSWORD = "S3cret-of-the-lab"
SERVICE = CimRef(NS, "Toy_Service", (("Name", "one"),))
SCHEMA = Schema.from_dict(
    {
        "namespace": NS,
        "classes": {
            "Toy_Service": {
                "keys": ["Name"],
                "properties": {"Name": "string", "Big": "string"},
                "methods": {"Do": {"in": {"Text": "string"}, "out": {}}},
            }
        },
    }
)


@dataclass
class Wire:
    """What goes wrong next, and how often something was done."""

    fault: WireFault | None = None
    moment: Moment = Moment.REQUEST
    skip: int = 0
    times: int = 1
    done: int = 0
    logins: list[str] = field(default_factory=list)

    def __call__(self, exchange: Exchange, moment: Moment) -> WireFault | None:
        if moment is Moment.LOGIN:
            self.logins.append(exchange.node)
        if self.fault is None or moment is not self.moment or not self.times:
            return None
        if self.skip:
            self.skip -= 1
            return None
        self.times -= 1
        return self.fault


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountBook]:
    book = AccountBook([Account("svc", PASSWORD, domain="LAB")])
    yield book
    book.close()


@pytest.fixture
def serve(wire: Wire, accounts: AccountBook) -> Iterator[Callable[..., WsmanServer]]:
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> WsmanServer:
            def do(_call: Any) -> MethodResult:
                wire.done += 1
                return MethodResult(0)

            rows = [
                CimInstance(NS, "Toy_Service", {"Name": n, "Big": "x" * 50})
                for n in ("one", "two")
            ]
            provider = MemoryProvider(SCHEMA, rows, {"Toy_Service.Do": do})
            settings = WsmanSettings(node="hv01", faults=wire, **options)
            return stack.enter_context(WsmanServer(provider, accounts, settings))

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., CimClient]]:
    """Make a client; every client is closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(
            server: WsmanServer | int,
            kind: AuthKind = AuthKind.BASIC,
            *,
            trust: Trust | None = None,
            tls: bool = False,
            password: str = PASSWORD,
            host: str = "127.0.0.1",
            read_seconds: float = 10.0,
        ) -> CimClient:
            port = server if isinstance(server, int) else server.port
            endpoint = Endpoint(host, port, tls=tls)
            login = Login(kind, "LAB\\svc", password)
            transport = PywinrmTransport(endpoint, login, trust, read_seconds=read_seconds)
            client = CimClient(transport, node="hv01", address=endpoint.url)
            stack.callback(client.close)
            return client

        yield make


def ask(client: CimClient) -> list[str | None]:
    return [row.text("Name") for row in client.query(NS, "SELECT * FROM Toy_Service")]


def do(client: CimClient, text: str = "x") -> int:
    return client.invoke(SERVICE, "Do", {"Text": text}, changes=True).return_value


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.NTLM])
def test_each_login_works_and_is_made_once(
    serve: Any, connect: Any, wire: Wire, kind: AuthKind
) -> None:
    client = connect(serve(), kind)

    assert client.identify()["ProductVendor"] == "Microsoft Corporation"
    assert ask(client) == ["one", "two"]
    assert do(client) == 0
    if kind is AuthKind.NTLM:
        assert len(wire.logins) == 1


def test_ntlm_over_http_is_encrypted(serve: Any, connect: Any) -> None:
    """A host that refuses everything unencrypted is the proof."""
    client = connect(serve(allow_unencrypted=False), AuthKind.NTLM)

    assert ask(client) == ["one", "two"]
    assert do(client) == 0


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.NTLM])
def test_a_wrong_password_is_tried_exactly_once(serve: Any, connect: Any, kind: AuthKind) -> None:
    server = serve()
    client = connect(server, kind, password="wrong-Pa55word")

    with pytest.raises(AuthenticationError) as caught:
        ask(client)
    assert server.calls.records() == []
    said = (
        f"{caught.value.message} {caught.value.hint} {caught.value!r} {caught.value.__cause__!r}"
    )
    assert "wrong-Pa55word" not in said
    assert PASSWORD not in said


def test_the_password_is_in_no_repr() -> None:
    login = Login(AuthKind.NTLM, "LAB\\svc", PASSWORD)
    transport = PywinrmTransport(Endpoint("127.0.0.1", 1, tls=False), login)

    assert PASSWORD not in repr(login)
    assert PASSWORD not in repr(transport)
    transport.close()


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.NTLM])
def test_a_lost_login_is_renewed_once_and_nothing_is_done_twice(
    serve: Any, connect: Any, wire: Wire, kind: AuthKind
) -> None:
    client = connect(serve(allow_unencrypted=kind is AuthKind.BASIC), kind)
    do(client)
    wire.fault = WireFault(WireFaultKind.DROP_LOGIN)

    assert do(client) == 0
    assert wire.done == 2


def test_a_login_that_is_refused_again_is_final(serve: Any, connect: Any, wire: Wire) -> None:
    client = connect(serve())
    do(client)
    wire.fault, wire.moment, wire.times = WireFault(WireFaultKind.UNAUTHORIZED), Moment.REQUEST, 9

    with pytest.raises(AuthenticationError):
        do(client)
    assert wire.times == 7
    assert wire.done == 1


def test_a_lost_encryption_is_renewed(serve: Any, connect: Any, wire: Wire) -> None:
    client = connect(serve(allow_unencrypted=False), AuthKind.NTLM)
    do(client)
    wire.fault = WireFault(WireFaultKind.HTTP_STATUS, status=400)

    assert do(client) == 0
    assert wire.done == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (WireFault(WireFaultKind.HTTP_STATUS, status=403), PermissionDeniedError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=413), InvalidRequestError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=400), ProtocolError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=404), ProtocolError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=407), ProtocolError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=500), AnswerLostError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=502), AnswerLostError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=503), ThrottledError),
        (WireFault(WireFaultKind.HTTP_STATUS, status=504), AnswerLostError),
        (WireFault(WireFaultKind.HTML_200), ProtocolError),
        (WireFault(WireFaultKind.MALFORMED_XML), ProtocolError),
        (WireFault(WireFaultKind.TRUNCATED), AnswerLostError),
        (WireFault(WireFaultKind.RESET), AnswerLostError),
        (WireFault(WireFaultKind.RESET, after_effect=True), AnswerLostError),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, WireFault) else None,
)
def test_whatever_breaks_a_read_has_its_class_and_the_next_read_works(
    serve: Any, connect: Any, wire: Wire, fault: WireFault, kind: type[DriverError]
) -> None:
    client = connect(serve())
    wire.fault = fault

    with pytest.raises(DriverError) as caught:
        ask(client)
    assert type(caught.value) is kind
    assert caught.value.message.startswith(("hv01: ", "127.0.0.1: ", "the answer of hv01"))
    assert ask(client) == ["one", "two"]


@pytest.mark.parametrize(
    "kind",
    [
        WireFaultKind.RESET,
        WireFaultKind.TRUNCATED,
        WireFaultKind.MALFORMED_XML,
        WireFaultKind.HTML_200,
    ],
)
@pytest.mark.parametrize("auth", [AuthKind.BASIC, AuthKind.NTLM])
def test_a_lost_answer_to_a_change_is_an_unknown_outcome_and_is_not_repeated(
    serve: Any, connect: Any, wire: Wire, kind: WireFaultKind, auth: AuthKind
) -> None:
    client = connect(serve(), auth)
    wire.fault = WireFault(kind, after_effect=True)

    with pytest.raises(OutcomeUnknownError):
        do(client)
    assert wire.done == 1
    assert do(client) == 0


def test_a_host_that_stalls_is_given_up_and_the_outcome_unknown(
    serve: Any, connect: Any, wire: Wire
) -> None:
    client = connect(serve(), read_seconds=0.3)
    wire.fault, wire.times = WireFault(WireFaultKind.STALL, seconds=5), 2

    with pytest.raises(OutcomeUnknownError):
        do(client)
    with pytest.raises(AnswerLostError, match="broke before the answer"):
        ask(client)


def test_a_connection_cut_at_once_was_never_used(serve: Any, connect: Any, wire: Wire) -> None:
    client = connect(serve(), AuthKind.NTLM)
    wire.fault, wire.moment = WireFault(WireFaultKind.RESET), Moment.CONNECT

    with pytest.raises(UnreachableError) as caught:
        do(client)
    assert not isinstance(caught.value, AnswerLostError)
    assert wire.done == 0


def test_a_closed_port_is_unreachable(connect: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = connect(unused.getsockname()[1])

        with pytest.raises(UnreachableError, match="cannot be reached at http://127") as caught:
            do(client)
    assert not isinstance(caught.value, AnswerLostError)


def test_a_name_nobody_knows_is_unreachable(connect: Any) -> None:
    client = connect(5985, AuthKind.NTLM, host="no-such-host.invalid")

    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        do(client)
    assert not isinstance(caught.value, AnswerLostError)


def test_many_threads_share_one_client(serve: Any, connect: Any) -> None:
    client = connect(serve(allow_unencrypted=False), AuthKind.NTLM)
    found: list[list[str | None]] = []

    def work() -> None:
        found.extend([ask(client) for _ in range(5)])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [["one", "two"]] * 30


def test_a_closed_transport_refuses_to_work(serve: Any, connect: Any) -> None:
    client = connect(serve())
    ask(client)
    client.close()
    client.close()

    with pytest.raises(UnreachableError, match="was closed"):
        ask(client)


def test_proxies_of_the_environment_are_ignored(serve: Any, connect: Any) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:1")

        assert ask(connect(serve())) == ["one", "two"]
        assert ask(connect(serve(), AuthKind.NTLM)) == ["one", "two"]


def test_large_and_strange_text_travels_unharmed(serve: Any, connect: Any) -> None:
    client = connect(serve(allow_unencrypted=False), AuthKind.NTLM)

    assert do(client, "ä€\U0001f600 <&>\"' " * 2000) == 0


# -- TLS ---------------------------------------------------------------------------------


@dataclass
class Certificate:
    pem: Path
    fingerprint: str
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for 127.0.0.1 that nobody but its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hv01.example.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem, key_file = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_file)
    return Certificate(pem, made.fingerprint(hashes.SHA256()).hex(), context)


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.NTLM])
def test_a_host_vouched_for_by_a_ca_file_is_trusted(
    serve: Any, connect: Any, certificate: Certificate, kind: AuthKind
) -> None:
    trust = Trust(ca_path=str(certificate.pem))
    client = connect(serve(tls=certificate.context), kind, tls=True, trust=trust)

    assert ask(client) == ["one", "two"]


@pytest.mark.parametrize("spelled", ["plain", "colons"])
def test_a_pinned_host_is_trusted_without_ca_and_without_warning(
    serve: Any, connect: Any, certificate: Certificate, spelled: str
) -> None:
    pin = certificate.fingerprint
    if spelled == "colons":
        pin = ":".join(pin[i : i + 2] for i in range(0, 64, 2)).upper()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = connect(serve(tls=certificate.context), tls=True, trust=Trust(fingerprint=pin))

        assert ask(client) == ["one", "two"]


def test_an_untrusted_host_is_refused_before_anything_is_sent(
    serve: Any, connect: Any, certificate: Certificate, wire: Wire
) -> None:
    server = serve(tls=certificate.context)
    client = connect(server, tls=True)

    with pytest.raises(CertificateError, match="is not trusted") as caught:
        do(client)
    assert "fingerprint" in caught.value.hint
    assert server.calls.records() == []


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.NTLM])
def test_a_host_with_another_certificate_than_the_pinned_one_is_refused(
    serve: Any, connect: Any, certificate: Certificate, kind: AuthKind
) -> None:
    server = serve(tls=certificate.context)
    client = connect(server, kind, tls=True, trust=Trust(fingerprint="ab" * 32))

    with pytest.raises(CertificateError, match="not the pinned one") as caught:
        do(client)
    assert certificate.fingerprint in caught.value.message
    assert server.calls.records() == []


def test_the_ca_of_the_environment_is_ignored(
    serve: Any, connect: Any, certificate: Certificate
) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", str(certificate.pem))
        client = connect(serve(tls=certificate.context), tls=True)

        with pytest.raises(CertificateError):
            ask(client)


def test_a_port_without_tls_is_said_so(serve: Any, connect: Any) -> None:
    client = connect(serve(), tls=True)

    with pytest.raises(ProtocolError, match="does not speak TLS"):
        ask(client)


# -- what is refused without asking anybody -------------------------------------------------


def test_basic_over_open_http_is_refused_but_to_this_machine() -> None:
    login = Login(AuthKind.BASIC, "u", "p")

    with pytest.raises(ConfigError, match="would show the password"):
        PywinrmTransport(Endpoint("hv01.example.test", 5985, tls=False), login)
    for host in ("127.0.0.1", "localhost", "::1"):
        PywinrmTransport(Endpoint(host, 5985, tls=False), login).close()


@pytest.mark.parametrize("pin", ["ab", "zz" * 32, "ab" * 20])
def test_a_pin_that_is_no_sha256_is_refused(pin: str) -> None:
    with pytest.raises(ConfigError, match="SHA-256"):
        Trust(fingerprint=pin)


def test_missing_parts_are_named() -> None:
    endpoint = Endpoint("hv01", 5986)

    with pytest.raises(ConfigError, match="no user name"):
        PywinrmTransport(endpoint, Login(AuthKind.NTLM))
    with pytest.raises(ConfigError, match="needs https, certificate and key"):
        PywinrmTransport(endpoint, Login(AuthKind.CERTIFICATE))
    with pytest.raises(ConfigError, match="not a readable file"):
        PywinrmTransport(
            endpoint, Login(AuthKind.CERTIFICATE, certificate_path="/no.pem", key_path="/no.key")
        )
    with pytest.raises(ConfigError, match="CA certificate is not a readable file"):
        Trust(ca_path="/no/such.pem")


def test_a_login_whose_library_is_missing_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(UnsupportedError) as caught:
        PywinrmTransport(Endpoint("hv01"), Login(AuthKind.KERBEROS, "u"))
    assert "pywinrm[kerberos]" in caught.value.hint


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (Endpoint("hv01"), "https://hv01:5986/wsman"),
        (Endpoint("fe80::1", 5985, tls=False), "http://[fe80::1]:5985/wsman"),
    ],
)
def test_addresses(endpoint: Endpoint, url: str) -> None:
    assert endpoint.url == url
