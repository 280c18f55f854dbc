"""The HTTP face: version, login, shapes, faults, and JSON in the product's manner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from safepoint_lab.products.serving import Answering
from safepoint_lab.products.wire_faults import Spoiled
from safepoint_lab.veeam.calls import Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.problems import ApiError, invalid
from safepoint_lab.veeam.shapes import check_body, table_of
from safepoint_lab.veeam.tokens import expired
from safepoint_lab.veeam.wire_faults import break_page, spoil

__all__ = ["make_app"]

_HEADERS = {
    "Cache-Control": "private",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_JSON = "application/json; charset=utf-8"


def make_app(engine: Engine, operations: list[Operation]) -> Starlette:
    """Return the application that serves the operations; everything else is 404."""
    order = sorted(operations, key=lambda item: item.path.count("{"))
    by_path: dict[str, dict[str, Operation]] = {}
    for item in order:
        by_path.setdefault(item.path, {})[item.method] = item
    routes = [Route(path, _Endpoint(engine, methods)) for path, methods in by_path.items()]
    routes.append(Route("/{rest:path}", _Endpoint(engine, {})))
    return Starlette(routes=routes)


class _Endpoint(Answering):
    """Everything under one path."""

    def __init__(self, engine: Engine, methods: Mapping[str, Operation]) -> None:
        self._engine = engine
        self._methods = methods

    @override
    def respond(self, request: Request, body: bytes) -> Response | None:
        self._engine.count(f"{request.method} {request.url.path}")
        try:
            revision = self._revision(request)
            operation = self._operation(request, revision)
            later = request.query_params.get("skip", "") not in ("", "0")
            spoiled = spoil(self._engine.faults, operation, later_page=later)
            return self._spoiled(request, body, operation, revision, spoiled)
        except ApiError as error:
            return _json(error.status, error.body())

    def _spoiled(
        self,
        request: Request,
        body: bytes,
        operation: Operation,
        revision: str,
        spoiled: Spoiled,
    ) -> Response | None:
        delay = spoiled.get("delay")
        if delay is not None:
            self._engine.crew.pause(float(delay["seconds"]))
        if spoiled.get("reset") is not None:
            return None
        status = spoiled.get("status")
        if status is not None:
            return _refusal(status)
        if spoiled.get("html") is not None:
            return Response("<html><body>Proxy</body></html>", media_type="text/html")
        if spoiled.get("malformed") is not None:
            return Response('{"data": [', media_type="application/json")
        if spoiled.get("expired") is not None and not operation.anonymous:
            raise expired()
        answer = self._carry_out(request, body, operation, revision)
        if spoiled.get("lost-answer") is not None:
            return None
        if spoiled.get("broken-paging") is not None:
            answer = break_page(answer)
        return _json(answer.status, answer.body)

    def _revision(self, request: Request) -> str:
        """Return the revision asked for; refuse before anything else looks at the call."""
        asked = request.headers.get("x-api-version", "").removeprefix("v")
        known = self._engine.profile.revisions
        if asked not in known:
            listed = ", ".join(f"v{revision}" for revision in reversed(known))
            message = (
                f"Unsupported RESTAPI version. The following versions are supported: {listed}"
            )
            raise ApiError(400, "NotImplemented", message)
        return asked

    def _operation(self, request: Request, revision: str) -> Operation:
        operation = self._methods.get(request.method)
        served = {
            name: item
            for name, item in self._methods.items()
            if (not item.revisions or revision in item.revisions)
            and (not item.hyperv or self._engine.profile.hyperv)
        }
        if not served:
            message = f"No resource is at {request.url.path} (simulated text)"
            raise ApiError(404, "InvalidURI", message)
        if operation is None or request.method not in served:
            message = f"{request.method} is not allowed here (simulated text)"
            raise ApiError(405, "MethodNotAllowed", message)
        return operation

    def _carry_out(
        self, request: Request, body: bytes, operation: Operation, revision: str
    ) -> Answer:
        token = request.headers.get("authorization")
        user = "" if operation.anonymous else self._engine.tokens.user_of(token)
        form = operation.path.endswith("/oauth2/token")
        call = Call(
            revision=revision,
            user=user,
            path=request.path_params,
            query=parse_qs(request.url.query, keep_blank_values=False),
            body=None if form else _checked(operation, body, revision),
            form=dict(parse_qsl(body.decode("utf-8", "replace"))) if form else {},
            token=token,
            operation=operation.name,
            url_path=request.url.path,
        )
        if operation.deletion:
            self._engine.require_second_person(call)
        return operation.handler(call)


def _checked(operation: Operation, body: bytes, revision: str) -> Any:
    """Return the parsed body by the operation's shape; None when it takes none."""
    if not operation.shape:
        return None
    if not body and operation.optional_body:
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise invalid(
            field="body", reason="The request body is not valid JSON (simulated text)"
        ) from error
    shape = operation.shape
    if not isinstance(shape, str):
        shape = _chosen(shape, parsed)
    return check_body(table_of(revision), shape, parsed)


def _chosen(shapes: Mapping[str, str], body: Any) -> str:
    kind = body.get("type") if isinstance(body, dict) else None
    for value, shape in shapes.items():
        if isinstance(kind, str) and kind.casefold() == value.casefold():
            return shape
    raise invalid(field="type", reason="'Type' is missing or not supported here.", value=kind)


def _refusal(parameters: Mapping[str, str]) -> Response:
    message = "The service refuses (simulated text)"
    response = _json(
        int(parameters["status"]), {"errorCode": parameters["code"], "message": message}
    )
    if "retry-after" in parameters:
        response.headers["Retry-After"] = parameters["retry-after"]
    return response


def _json(status: int, body: Any) -> Response:
    if body is None:
        return Response(status_code=status, headers=_HEADERS)
    text = json.dumps(body, separators=(",", ":"))
    headers = {**_HEADERS, "Content-Type": _JSON}
    return Response(text, status_code=status, headers=headers)
