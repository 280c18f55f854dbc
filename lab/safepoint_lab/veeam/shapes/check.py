"""Checking a request body against its shape.

Unknown fields are refused. Facts say that the product loses them [C]; a simulator that refuses
shows the mistake of a client at once. Enumeration values are taken in any case and written back
as the specification spells them, because casing drifts between revisions [S][C].
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.shapes.table import ShapeTable

__all__ = ["check_body"]


def check_body(table: ShapeTable, shape: str, body: Any, path: str = "") -> Any:
    """Return `body` with enumeration values in their own spelling and nulls left out.

    Raises:
        ApiError: 400, naming the first field that is missing, unknown or of a wrong type.
    """
    if shape.startswith("["):
        return _check_list(table, shape[1:-1], body, path)
    if shape in table.enums:
        return _check_enum(table.enums[shape], body, path)
    if shape in table.choices:
        by, shapes = table.choices[shape]
        body = _require_object(body, path)
        chosen = _check_enum(tuple(shapes), body.get(by), _join(path, by))
        return check_body(table, shapes[chosen], body, path)
    if shape in table.objects:
        return _check_object(table, shape, body, path)
    return _check_plain(shape, body, path)


def _check_list(table: ShapeTable, shape: str, body: Any, path: str) -> list[Any]:
    if not isinstance(body, list):
        raise invalid(field=path, reason=f"'{path}' must be an array.", value=body)
    return [check_body(table, shape, item, f"{path}[{at}]") for at, item in enumerate(body)]


def _check_enum(values: tuple[str, ...], body: Any, path: str) -> str:
    for value in values:
        if isinstance(body, str) and body.casefold() == value.casefold():
            return value
    raise invalid(field=path, reason=f"'{path}' has an unknown value.", value=body)


def _check_object(table: ShapeTable, shape: str, body: Any, path: str) -> dict[str, Any]:
    body = _require_object(body, path)
    fields = table.objects[shape]
    for name in body:
        if name not in fields:
            raise invalid(
                field=_join(path, name), reason=f"'{_join(path, name)}' is not a known field."
            )
    checked = {}
    for name, field in fields.items():
        value = body.get(name)
        if value is None:
            if field.required:
                where = _join(path, name)
                title = where[:1].upper() + where[1:]
                raise invalid(field=where, reason=f"'{title}' must not be empty.")
            continue
        checked[name] = check_body(table, field.type, value, _join(path, name))
    return checked


def _check_plain(kind: str, body: Any, path: str) -> Any:
    is_bool = isinstance(body, bool)
    fits = {
        "str": isinstance(body, str),
        "int": isinstance(body, int) and not is_bool,
        "number": isinstance(body, int | float) and not is_bool,
        "bool": is_bool,
        "uuid": _is_uuid(body),
        "datetime": _is_datetime(body),
        "any": True,
    }[kind]
    if not fits:
        raise invalid(field=path, reason=f"'{path}' is not of type {kind}.", value=body)
    return str(uuid.UUID(body)) if kind == "uuid" else body


def _is_uuid(body: Any) -> bool:
    try:
        return bool(uuid.UUID(body))
    except (ValueError, AttributeError, TypeError):
        return False


def _is_datetime(body: Any) -> bool:
    try:
        return bool(datetime.fromisoformat(body))
    except (ValueError, TypeError):
        return False


def _require_object(body: Any, path: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid(field=path or "body", reason=f"'{path or 'body'}' must be an object.")
    return body


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
