"""The HTTP face: routing, login, faults, and JSON or XML in the product's manner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.routing import Router
from safepoint_lab.commvault.wire_faults import spoil, tamper
from safepoint_lab.commvault.xmltext import XmlError, read_xml, write_xml
from safepoint_lab.products.serving import Answering
from safepoint_lab.products.wire_faults import Spoiled

__all__ = ["WebApi"]

_ACCESS_DENIED = 5


class WebApi(Answering):
    """The application that serves the operations; everything else is a web page with 404."""

    def __init__(self, engine: Engine, operations: list[Operation]) -> None:
        self._engine = engine
        self._router = Router(operations)

    @override
    def respond(self, request: Request, body: bytes) -> Response | None:
        methods = self._router.find(request.url.path)
        self._engine.count(f"{request.method} {request.url.path}")
        self._engine.keep_house()
        if not methods:
            return _page(404, "Not Found")
        if request.method not in methods:
            return _page(405, "Method Not Allowed")
        operation, path = methods[request.method]
        later = _is_later_page(request)
        spoiled = spoil(self._engine.faults, operation, later_page=later)
        return self._spoiled(request, body, operation, path, spoiled)

    def _spoiled(
        self,
        request: Request,
        body: bytes,
        operation: Operation,
        path: Mapping[str, str],
        spoiled: Spoiled,
    ) -> Response | None:
        early = self._early(spoiled)
        if early is not None or spoiled.get("reset") is not None:
            return early
        token = request.headers.get("authtoken", "")
        user = self._engine.tokens.user_of(token, request.headers.get("authorization", ""))
        if not operation.anonymous and (user is None or spoiled.get("expired") is not None):
            return _render(request, operation, _denied(401))
        if spoiled.get("forbidden") is not None:
            return _render(request, operation, _denied(403))
        answer = self._carry_out(request, body, operation, path, user or "", spoiled)
        if spoiled.get("lost-answer") is not None:
            return None
        return _render(request, operation, tamper(answer, spoiled))

    def _early(self, spoiled: Spoiled) -> Response | None:
        delay = spoiled.get("delay")
        if delay is not None:
            self._engine.crew.pause(float(delay["seconds"]))
        status = spoiled.get("status")
        if status is not None:
            return _page(int(status["status"]), status["title"])
        if spoiled.get("html") is not None:
            return _page(200, "Proxy")
        if spoiled.get("malformed") is not None:
            return Response('{"jobs": [', media_type="application/json")
        return None

    def _carry_out(
        self,
        request: Request,
        body: bytes,
        operation: Operation,
        path: Mapping[str, str],
        user: str,
        spoiled: Spoiled,
    ) -> Answer:
        query = parse_qsl(request.url.query, keep_blank_values=True)
        try:
            _meet_error(spoiled)
            call = Call(
                user=user,
                path=path,
                query={name.casefold(): value for name, value in query},
                headers=dict(request.headers),
                body=_parsed(body),
                token=request.headers.get("authtoken", ""),
            )
            return operation.handler(call)
        except Problem as problem:
            status, answer = operation.shape(problem)
            return Answer(answer, status)


def _meet_error(spoiled: Spoiled) -> None:
    error = spoiled.get("error-code")
    if error is not None:
        raise Problem(error["message"], code=int(error["code"]))


def _parsed(body: bytes) -> Mapping[str, Any]:
    """Return a body, whatever its content type says: clients are not exact about it [S]."""
    clean = body.strip()
    if not clean:
        return {}
    try:
        parsed = read_xml(clean) if clean.startswith(b"<") else json.loads(clean)
    except (ValueError, XmlError) as error:
        message = "The request body cannot be parsed (simulated text)"
        raise Problem(message, status=400) from error
    if not isinstance(parsed, dict):
        message = "The request body is no object (simulated text)"
        raise Problem(message, status=400)
    return parsed


def _denied(status: int) -> Answer:
    return Answer({"errorCode": _ACCESS_DENIED, "errorMessage": "Access denied"}, status)


def _is_later_page(request: Request) -> bool:
    page = request.headers.get("paginginfo", "").partition(",")[0]
    places = (page, request.headers.get("offset", ""), request.query_params.get("start", ""))
    return any(place.strip() not in ("", "0") for place in places)


def _render(request: Request, operation: Operation, answer: Answer) -> Response:
    """Return the response; XML unless JSON is asked for, as the product's default is [D]."""
    if answer.html:
        return _page(answer.status, answer.text or "")
    if answer.text is not None:
        return Response(answer.text, answer.status, media_type="text/plain")
    accepts = request.headers.get("accept", "").casefold()
    if "json" in accepts:
        text = json.dumps(answer.body, separators=(",", ":"))
        return Response(text, answer.status, media_type="application/json")
    xml = write_xml(operation.xml_root, answer.body)
    return Response(xml, answer.status, media_type="application/xml")


def _page(status: int, title: str) -> Response:
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(text, status, media_type="text/html")
