"""From HTTP and TLS failures to safepoint's errors.

The question that decides everything: was the message sent? Before, nothing happened and the
host is unreachable; after, a read may be repeated, but a change may have been carried out.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Final

from requests.exceptions import (
    ConnectionError as RequestsConnectionError,
)
from requests.exceptions import ConnectTimeout, RequestException, SSLError
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)

from safepoint.errors import (
    AuthenticationError,
    CertificateError,
    DriverError,
    InvalidRequestError,
    PermissionDeniedError,
    ProtocolError,
    ThrottledError,
    UnreachableError,
)

__all__ = ["AnswerLostError", "http_error", "is_soap", "login_error", "request_error"]

_ENVELOPE: Final = re.compile(r"<(?:\w+:)?Envelope[\s>]")
_TRUST_HINT: Final = (
    "Give the authority's PEM file (`ca`), or pin exactly this host (`fingerprints`): the "
    "SHA-256 of its certificate, read on the host itself."
)
_PIN_COMMAND: Final = "openssl x509 -noout -fingerprint -sha256"
_NETWORK_HINT: Final = "Check that the host is up and that its management port is open."
#: HTTP statuses by which a proxy says that it got no answer from the host.
_GATEWAY: Final = frozenset({502, 504})
#: The other side hung up in the middle of the handshake: it is dying, or a wall is in between.
_HUNG_UP: Final = frozenset({"UNEXPECTED_EOF_WHILE_READING"})
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


class AnswerLostError(UnreachableError):
    """The message was sent and no usable answer came.

    A read may be repeated. For a call that changes something, `CimClient.invoke` turns this
    into `OutcomeUnknownError`.
    """


def is_soap(text: str) -> bool:
    """Tell whether a body is a SOAP envelope, as faults with an HTTP error status have it."""
    return text.lstrip("\ufeff \t\r\n").startswith("<") and bool(_ENVELOPE.search(text[:2000]))


def login_error(node: str, cause: BaseException) -> AuthenticationError:
    """Return the error for refused credentials. The hint tells apart what commonly hides here."""
    # The name of the exception only: its text could repeat what was sent.
    msg = f"{node}: the credentials were refused ({type(cause).__name__})"
    hint = (
        "Check user name and password. With Kerberos or TLS a clock more than five minutes off "
        "is refused the same way; so is an authentication method the host does not offer."
    )
    return AuthenticationError(msg, hint=hint, system=node, native_code="401")


def http_error(node: str, status: int, *, was_sent: bool) -> DriverError:
    """Return the error for an HTTP status that came without a SOAP envelope.

    Args:
        node: Who was asked.
        status: The HTTP status.
        was_sent: False while logging in, when our message had not been sent.
    """
    if status == 403:
        msg, hint = "the service refuses this account (HTTP 403)", "Check the account's rights."
        error: type[DriverError] = PermissionDeniedError
    elif status == 413:
        msg, hint = "the request is too large for the host (HTTP 413)", "Ask for less at a time."
        error = InvalidRequestError
    elif status == 503:
        msg = "the management service is busy or not started (HTTP 503)"
        hint, error = (
            "Wait; if it stays so, look at the WinRM service of the host.",
            ThrottledError,
        )
    elif status in _GATEWAY or (status >= 500 and was_sent):
        msg, hint = f"no usable answer came (HTTP {status})", _NETWORK_HINT
        error = AnswerLostError if was_sent else UnreachableError
    else:
        msg = f"something that is no management service answered (HTTP {status})"
        hint, error = "Check address, port and any proxy in between.", ProtocolError
    return error(f"{node}: {msg}", hint=hint, system=node, native_code=str(status))


def request_error(node: str, url: str, exc: RequestException) -> DriverError:
    """Return the error for a failure below HTTP."""
    if isinstance(exc, SSLError):
        return _tls_error(node, exc)
    causes = tuple(_causes(exc))
    never_sent = (ConnectTimeoutError, NewConnectionError, NameResolutionError)
    if isinstance(exc, ConnectTimeout) or any(isinstance(cause, never_sent) for cause in causes):
        why = _system_words(causes) or "no connection in time"
        msg = f"{node}: cannot be reached at {url} ({why})"
        return UnreachableError(msg, hint=_NETWORK_HINT, system=node)
    if isinstance(exc, RequestsConnectionError) and any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in causes
    ):
        return _tls_error(node, exc)
    why = _system_words(causes) or type(exc).__name__
    msg = f"{node}: the connection broke before the answer was complete ({why})"
    return AnswerLostError(msg, hint=_NETWORK_HINT, system=node)


def _tls_error(node: str, exc: RequestException) -> DriverError:
    causes = tuple(_causes(exc))
    found = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        msg = f"{node}: the certificate is not trusted ({found.verify_message})"
        return CertificateError(msg, hint=_TRUST_HINT, system=node)
    pin = _presented_fingerprint(causes)
    if pin:
        msg = f"{node}: the certificate is not the pinned one (SHA-256 {pin})"
        hint = f"Read it on the host with `{_PIN_COMMAND}`; if it was renewed, pin the new one."
        return CertificateError(msg, hint=hint, system=node)
    reason = (found.reason if found is not None else "") or "handshake failed"
    if reason in _NOT_TLS:
        msg = f"{node}: the port does not speak TLS"
        hint = "The usual ports are 5986 for HTTPS and 5985 for HTTP."
        return ProtocolError(msg, hint=hint, system=node)
    if reason in _HUNG_UP:
        msg = f"{node}: the connection broke while it was being secured (TLS handshake)"
        return UnreachableError(msg, hint=_NETWORK_HINT, system=node)
    msg = f"{node}: no TLS connection could be made ({reason})"
    return CertificateError(msg, hint="Check the TLS versions both sides allow.", system=node)


def _presented_fingerprint(causes: tuple[BaseException, ...]) -> str:
    """Return the fingerprint a pinned host presented, from urllib3's complaint."""
    for cause in causes:
        found = re.search(r'Fingerprints did not match.*got "([0-9a-f]{64})"', str(cause))
        if found:
            return found[1]
    return ""


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk everything an exception wraps: arguments, reasons, causes and contexts, each once."""
    seen: set[int] = set()
    todo: list[object] = [exc]
    while todo:
        current = todo.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [*current.args, getattr(current, "reason", None)]
        todo += [current.__cause__, current.__context__]


def _system_words(causes: tuple[BaseException, ...]) -> str:
    """Return the operating system's words for a socket error; empty when there is none."""
    for cause in causes:
        if type(cause).__module__ in {"builtins", "socket"} and isinstance(cause, OSError):
            return (cause.strerror or str(cause)).strip()
    return ""
