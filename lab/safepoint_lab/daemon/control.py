"""The lab's control port: one POST a question, JSON in and out, loopback and a token only."""

from __future__ import annotations

import hmac
import inspect
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic_core import to_jsonable_python
from typing_extensions import override

from safepoint.errors import SafepointError, UnknownNameError, UsageError
from safepoint_lab.daemon.folder import LabFolder, write_private
from safepoint_lab.daemon.lab import Lab
from safepoint_lab.daemon.operations import LabOperations
from safepoint_lab.world.model import NotHereError, Refused

__all__ = ["METHODS", "ControlServer"]

METHODS = tuple(
    name
    for name, _ in inspect.getmembers(LabOperations, inspect.isfunction)
    if not name.startswith("_")
)
"""Every operation may be asked for by its name."""

_MAX_REQUEST = 1 << 20
_log = logging.getLogger(__name__)


class ControlServer:
    """Answers questions about one running lab.

    Writes port, token and process id to the lab's control file when it listens, and removes the
    file when it stops. `stopped` is set when somebody asked the lab to stop.
    """

    def __init__(self, lab: Lab) -> None:
        self.stopped = threading.Event()
        self._folder: LabFolder = lab.folder
        self._token = secrets.token_urlsafe(32)
        self._calls: dict[str, Callable[..., Any]] = {
            name: getattr(lab.operations, name) for name in METHODS
        }
        self._calls["status"] = lab.status
        self._calls["stop"] = self.stopped.set
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="lab-control", daemon=True
        )

    def start(self) -> None:
        """Listen, and say so in the control file."""
        self._thread.start()
        facts = {"port": self._server.server_port, "token": self._token, "pid": os.getpid()}
        write_private(self._folder.control, json.dumps(facts) + "\n")

    def stop(self) -> None:
        """Stop listening and remove the control file."""
        self._folder.control.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, token: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer one request: ``{"result": …}`` or ``{"error": {code, message, hint}}``."""
        if not hmac.compare_digest(token.encode(), f"Bearer {self._token}".encode()):
            return HTTPStatus.UNAUTHORIZED, _error(UsageError("the token is not this lab's"))
        try:
            return HTTPStatus.OK, {"result": to_jsonable_python(self._do(body))}
        except SafepointError as error:
            return HTTPStatus.CONFLICT, _error(error)
        except NotHereError as error:
            return HTTPStatus.CONFLICT, _error(UnknownNameError(str(error)))
        except Refused as error:
            return HTTPStatus.CONFLICT, _error(UsageError(str(error)))
        except Exception as error:  # noqa: BLE001 - told to the caller, who must not hang
            _log.exception("a question to the lab failed")
            return HTTPStatus.INTERNAL_SERVER_ERROR, _error(SafepointError(str(error)))

    def _do(self, body: bytes) -> Any:
        try:
            request = json.loads(body)
            call = self._calls[request["method"]]
            arguments = inspect.signature(call).bind(**request.get("arguments", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"the lab does not understand this question: {error}"
            raise UsageError(message) from error
        return call(*arguments.args, **arguments.kwargs)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        control = self

        class Handler(BaseHTTPRequestHandler):
            """One request a connection."""

            timeout = 60

            def do_POST(self) -> None:
                """Read a question, write its answer."""
                length = min(int(self.headers.get("Content-Length", "0")), _MAX_REQUEST)
                body = self.rfile.read(length)
                status, answer = control.answer(self.headers.get("Authorization", ""), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                _log.debug(format, *args)

        return Handler


def _error(error: SafepointError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
