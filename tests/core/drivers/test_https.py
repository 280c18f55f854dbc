"""The transport of REST drivers against a living server: trust, and what a broken connection means."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from safepoint.drivers.https import Call, Transport, Trust
from safepoint.errors import CertificateError, ConfigError, OutcomeUnknownError, UnreachableError
from safepoint_lab.daemon.tls import LabTls

CALL = Call("ask", "POST", "/thing", read_seconds=10.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Reply = Callable[[ssl.SSLSocket], None]


class Server:
    """Answers each connection by `reply`, and counts what it was sent."""

    def __init__(self, folder: Path) -> None:
        tls = LabTls(folder)
        tls.ensure(())
        self.ca = str(tls.ca)
        self.pin = hashlib.sha256(
            ssl.PEM_cert_to_DER_cert((folder / "server.pem").read_text("ascii"))
        ).hexdigest()
        self.requests: list[bytes] = []
        self.reply: Reply = lambda wire: wire.sendall(ANSWER)
        self._context = tls.server_context()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._is_over.is_set():
            plain, _ = self._listener.accept()
            with plain, suppress(OSError):  # a client that trusts nobody hangs up
                plain.settimeout(10)
                with self._context.wrap_socket(plain, server_side=True) as wire:
                    sent = wire.recv(65536)
                    if not sent:  # it shook hands, did not trust us and hung up
                        continue
                    self.requests.append(sent)
                    self.reply(wire)

    def stop(self) -> None:
        self._is_over.set()
        with socket.create_connection(self._listener.getsockname()):
            pass
        self._thread.join()
        self._listener.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tls"))
    yield server
    server.stop()


@pytest.fixture
def server(running: Server) -> Server:
    running.requests.clear()
    running.reply = lambda wire: wire.sendall(ANSWER)
    return running


@pytest.fixture
def transport(server: Server) -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make(**trust: str) -> Transport:
        made.append(Transport(server.url, Trust(**trust)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_an_authority_or_a_pin_is_trusted_and_nobody_else(server, transport) -> None:
    for trust in ({"ca": server.ca}, {"fingerprint": server.pin.upper()}):
        assert transport(**trust).send(CALL, writes=True).json() == {}
    with pytest.raises(CertificateError, match="not trusted"):
        transport().send(CALL, writes=True)
    with pytest.raises(CertificateError, match=server.pin):
        transport(fingerprint="ab" * 32).send(CALL, writes=True)
    assert len(server.requests) == 2, "something was sent to a stranger"


def test_settings_of_the_environment_are_left_alone(server, transport, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert transport(ca=server.ca).send(CALL, writes=False).status_code == 200


def test_a_redirect_is_an_answer_and_not_followed(server, transport) -> None:
    server.reply = lambda wire: wire.sendall(MOVED)
    assert transport(ca=server.ca).send(CALL, writes=False).status_code == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "of_a_read"),
    [
        (lambda _wire: None, UnreachableError),
        (lambda wire: wire.sendall(ANSWER[:-1]), UnreachableError),
        (lambda wire: os.write(wire.fileno(), b"no TLS at all"), CertificateError),
    ],
    ids=["no answer", "half an answer", "a broken cipher"],
)
def test_a_write_that_was_sent_has_an_unknown_outcome_however_it_breaks(
    server, transport, reply, of_a_read
) -> None:
    server.reply = reply
    with pytest.raises(OutcomeUnknownError):
        transport(ca=server.ca).send(CALL, writes=True)
    with pytest.raises(of_a_read):
        transport(ca=server.ca).send(CALL, writes=False)
    assert len(server.requests) == 2


def test_a_write_that_never_left_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError):
        Transport(f"https://127.0.0.1:{port}", Trust()).send(CALL, writes=True)


@pytest.mark.parametrize("trust", [{"fingerprint": "ab:cd"}, {"ca": "/nowhere/ca.pem"}])
def test_what_can_never_be_trusted_is_refused_at_once(trust) -> None:
    with pytest.raises(ConfigError):
        Trust(**trust)
