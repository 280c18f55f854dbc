"""Independent clients talk to the server: pywinrm and pypsrp, Basic and NTLM, sealed or TLS."""

from __future__ import annotations

import os
import ssl
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pypsrp.exceptions import AuthenticationError, WinRMTransportError
from pypsrp.exceptions import WSManFaultError as PypsrpFault
from pypsrp.wsman import SelectorSet, WSMan
from tests.lab.wsman.conftest import (
    BASE,
    ENUMERATE,
    GET,
    GUIDS,
    PREFIXES,
    PULL,
    RELEASE,
    Host,
    Soap,
    StartHost,
    selector_set,
    wql_filter,
)
from winrm.exceptions import InvalidCredentialsError, WSManFaultError
from winrm.exceptions import WinRMTransportError as PywinrmTransportError
from winrm.protocol import Protocol

URI = f"{BASE}/Toy_Machine"
KEYS = selector_set(CreationClassName="Toy_Machine", Name=GUIDS[0])
IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:i="http://schemas.dmtf'
    '.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body>'
    "</s:Envelope>"
)


def pywinrm(url: str, transport: Any = "ntlm", user: str = "svc", **more: Any) -> Protocol:
    options = {"password": "Pass word-1", "proxy": None, "ca_trust_path": None} | more
    return Protocol(url, transport=transport, username=user, **options)


def replay(client: Protocol, url: str) -> None:
    """Identify, Get, Enumerate, Pull, Release and Invoke through one client."""
    soap = Soap(url)

    def send(action: str, uri: str, body: str = "", **parts: str) -> ET.Element:
        return ET.fromstring(client.send_message(soap.envelope(action, uri, body, **parts)))

    assert b"IdentifyResponse" in client.send_message(IDENTIFY)
    assert send(GET, URI, selectors=KEYS).findtext(".//{*}ElementName") == "sql01"
    body = f"<n:Enumerate>{wql_filter('SELECT * FROM Toy_Setting')}</n:Enumerate>"
    context = send(ENUMERATE, f"{BASE}/*", body).findtext(".//n:EnumerationContext", "", PREFIXES)
    inner = f"<n:EnumerationContext>{context}</n:EnumerationContext>"
    page = send(PULL, f"{BASE}/*", f"<n:Pull>{inner}</n:Pull>")
    assert page.find(".//{*}Toy_Setting") is not None
    context = page.findtext(".//n:EnumerationContext", "", PREFIXES)
    inner = f"<n:EnumerationContext>{context}</n:EnumerationContext>"
    send(RELEASE, f"{BASE}/*", f"<n:Release>{inner}</n:Release>")
    service = f"{BASE}/Toy_Service"
    call = f'<m:Do_INPUT xmlns:m="{service}"><m:Kind>1</m:Kind></m:Do_INPUT>'
    keys = selector_set(CreationClassName="Toy_Service")
    output = send(f"{service}/Do", service, call, selectors=keys)
    assert output.findtext(".//{*}ReturnValue") == "4096"


@pytest.mark.parametrize("user", ["svc", "LAB\\svc", "SVC", "svc@LAB"])
def test_pywinrm_with_ntlm_and_sealing_required(start_host: StartHost, user: str) -> None:
    host = start_host(allow_unencrypted=False)
    replay(pywinrm(host.url, user=user), host.url)
    (user_seen,) = {record.user.lower() for record in host.server.calls.records()}
    assert user_seen.rpartition("\\")[2] == user.lower().rpartition("\\")[2]


@pytest.mark.parametrize("transport", ["plaintext", "ntlm"])
def test_pywinrm_over_plain_http(host: Host, transport: str) -> None:
    replay(pywinrm(host.url, transport), host.url)


def test_pywinrm_reads_our_faults(host: Host) -> None:
    soap = Soap(host.url)
    keys = selector_set(CreationClassName="Toy_Machine", Name="gone")
    with pytest.raises(WSManFaultError) as caught:
        pywinrm(host.url).send_message(soap.envelope(GET, URI, selectors=keys))
    fault = caught.value
    assert (fault.code, fault.wsman_fault_code) == (500, 2150858752)
    assert fault.fault_subcode == "a:DestinationUnreachable"


@pytest.mark.parametrize(("transport", "user"), [("ntlm", "svc"), ("plaintext", "nobody")])
def test_a_wrong_password_is_turned_down(host: Host, transport: str, user: str) -> None:
    client = pywinrm(host.url, transport, user, password="wrong")
    with pytest.raises(InvalidCredentialsError):
        client.send_message(IDENTIFY)
    assert host.server.calls.request_count == 0


def test_plain_text_is_refused_where_sealing_is_required(start_host: StartHost) -> None:
    host = start_host(allow_unencrypted=False)
    with pytest.raises(PywinrmTransportError, match="500"):
        pywinrm(host.url, message_encryption="never").send_message(IDENTIFY)
    with pytest.raises(InvalidCredentialsError):
        pywinrm(host.url, "plaintext").send_message(IDENTIFY)
    assert host.server.calls.request_count == 0


def test_the_challenge_offers_basic_only_where_it_may_be_used(start_host: StartHost) -> None:
    for options, offered in (
        ({}, {"Negotiate", 'Basic realm="WSMAN"'}),
        ({"allow_unencrypted": False}, {"Negotiate"}),
        ({"basic": False}, {"Negotiate"}),
    ):
        response = requests.post(start_host(**options).url, data=b"x", timeout=5)
        assert response.status_code == 401
        assert set(response.headers["WWW-Authenticate"].split(", ")) == offered


def test_the_connection_is_the_login(start_host: StartHost) -> None:
    host = start_host(allow_unencrypted=False)
    client = pywinrm(host.url)
    client.send_message(IDENTIFY)
    session = client.transport.session
    assert session is not None
    session.close()
    with pytest.raises(PywinrmTransportError, match="400"):
        client.send_message(IDENTIFY)


@pytest.mark.parametrize("auth", ["negotiate", "ntlm"])
def test_pypsrp_with_sealing_required(start_host: StartHost, auth: str) -> None:
    host = start_host(allow_unencrypted=False)
    client = _pypsrp(host, auth)
    keys = SelectorSet()
    keys.add_option("CreationClassName", "Toy_Machine")
    keys.add_option("Name", GUIDS[0])
    body = client.get(URI, None, selector_set=keys)
    assert body.findtext(".//{*}ElementName") == "sql01"
    service = SelectorSet()
    service.add_option("CreationClassName", "Toy_Service")
    uri = f"{BASE}/Toy_Service"
    call = ET.Element(f"{{{uri}}}Refuse_INPUT")
    answer = client.invoke(f"{uri}/Refuse", uri, call, selector_set=service)
    assert answer.findtext(".//{*}ReturnValue") == "32775"
    assert _pypsrp_listing(client) == 3
    client.close()


def _pypsrp_listing(client: WSMan) -> int:
    space = PREFIXES["n"]
    started = client.enumerate(f"{BASE}/Toy_Setting", ET.Element(f"{{{space}}}Enumerate"))
    context = started.findtext(f".//{{{space}}}EnumerationContext")
    seen = 0
    while context:
        pull = ET.Element(f"{{{space}}}Pull")
        ET.SubElement(pull, f"{{{space}}}EnumerationContext").text = context
        page = client.pull(f"{BASE}/Toy_Setting", pull)
        seen += len(page.findall(".//{*}Toy_Setting"))
        context = page.findtext(f".//{{{space}}}EnumerationContext")
    return seen


def test_pypsrp_reads_our_faults(host: Host) -> None:
    client = _pypsrp(host, "ntlm")
    keys = SelectorSet()
    keys.add_option("InstanceID", "gone")
    with pytest.raises(PypsrpFault) as caught:
        client.get(f"{BASE}/Toy_Setting", None, selector_set=keys)
    assert caught.value.code == 2150858752
    assert caught.value.machine == "toy01.example.test"
    client.close()


def test_pypsrp_with_a_wrong_password(host: Host) -> None:
    client = _pypsrp(host, "ntlm", "wrong")
    with pytest.raises((AuthenticationError, WinRMTransportError)):
        client.get(URI, None)
    client.close()


def _pypsrp(host: Host, auth: str, password: str = "Pass word-1") -> WSMan:
    return WSMan(
        "127.0.0.1",
        port=host.server.port,
        ssl=False,
        username="svc",
        password=password,
        auth=auth,
        no_proxy=True,
    )


def test_the_environment_is_left_alone(start_host: StartHost) -> None:
    before = dict(os.environ)
    host = start_host(allow_unencrypted=False)
    pywinrm(host.url).send_message(IDENTIFY)
    assert dict(os.environ) == before
    seen = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "NTLM_USER_FILE" not in seen


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("transport", ["ntlm", "ssl"])
def test_https(start_host: StartHost, certificate: Path, transport: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    host = start_host(tls=context, allow_unencrypted=False)
    assert host.url.startswith("https://")
    replay(pywinrm(host.url, transport, ca_trust_path=str(certificate)), host.url)
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(host.url, data=b"", timeout=5)
    replay(pywinrm(host.url, transport, ca_trust_path=str(certificate)), host.url)
