"""What a model expects at a path: the fields it knows there, and where its secrets are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from safepoint.models.secrets import SecretRef

__all__ = ["fields_at", "secret_places", "types_at"]


def types_at(model: type[BaseModel], path: Sequence[str | int]) -> list[Any]:
    """Return the types, unions taken apart, that `model` allows at `path`; none if unknown."""
    found = _alternatives(model)
    for part in path:
        found = [inner for outer in found for inner in _step(outer, part)]
    return found


def fields_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the names, as written in documents, of the fields that `model` has at `path`."""
    return [
        field.alias or name
        for found in types_at(model, path)
        if _is_model(found)
        for name, field in found.model_fields.items()
    ]


def secret_places(
    model: type[BaseModel], content: Any, *kinds: type
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield path and value wherever `model` has a secret in `content`, which is plain data.

    `kinds` are the types that count: by default those that hold a secret and those that name
    one.
    """
    wanted = kinds or (SecretStr, SecretBytes, SecretRef)
    for path, value in _walk(content, ()):
        if any(found in wanted for found in types_at(model, path)):
            yield path, value


def _walk(
    content: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    children: Iterable[tuple[str | int, Any]] = ()
    if isinstance(content, Mapping):
        children = content.items()
    elif isinstance(content, list):
        children = enumerate(content)
    for part, value in children:
        yield (*path, part), value
        yield from _walk(value, (*path, part))


def _alternatives(annotation: Any) -> list[Any]:
    """Strip what only decorates a type, and take unions apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if hasattr(annotation, "__value__"):  # a named alias
        return _alternatives(annotation.__value__)
    arguments = get_args(annotation)
    if origin is not None and not isinstance(origin, type):  # Union, written either way
        return [inner for argument in arguments for inner in _alternatives(argument)]
    if type(annotation).__name__ == "UnionType":
        return [inner for argument in arguments for inner in _alternatives(argument)]
    return [annotation]


def _step(annotation: Any, part: str | int) -> list[Any]:
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if part == (field.alias or name):
                return _alternatives(field.annotation)
        return []
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not isinstance(origin, type) or not arguments:
        return []
    if issubclass(origin, Mapping):
        return _alternatives(arguments[1]) if isinstance(part, str) else []
    if not isinstance(part, int):
        return []
    if origin is tuple and Ellipsis not in arguments:
        return _alternatives(arguments[part]) if part < len(arguments) else []
    return _alternatives(arguments[0])


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
