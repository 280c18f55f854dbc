"""Does an instance match a WHERE clause? Compiled once a query, run for every instance.

Strings compare without case. A comparison with NULL is false, also `<>` ([I]). A name the class
does not have, an array property or a literal of the wrong type make the query invalid.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from safepoint_lab.wsman.cimfault import invalid_query
from safepoint_lab.wsman.datetimes import parse_time
from safepoint_lab.wsman.schema import INTEGER_TYPES, ClassDef, TypedName
from safepoint_lab.wsman.values import CimInstance, CimReference
from safepoint_lab.wsman.wql import Both, Comparison, Either, Expression, Literal, Negation

__all__ = [
    "Predicate",
    "compile_where",
    "like_pattern",
    "prefix_hints",
]

Predicate = Callable[[CimInstance], bool]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def compile_where(where: Expression | None, class_def: ClassDef) -> Predicate:
    """Turn a WHERE clause into a predicate over instances of this class.

    Raises:
        CimFault: The clause does not fit the class.
    """
    match where:
        case None:
            return lambda _: True
        case Both(left, right):
            first, second = compile_where(left, class_def), compile_where(right, class_def)
            return lambda instance: first(instance) and second(instance)
        case Either(left, right):
            first, second = compile_where(left, class_def), compile_where(right, class_def)
            return lambda instance: first(instance) or second(instance)
        case Negation(inner):
            negated = compile_where(inner, class_def)
            return lambda instance: not negated(instance)
        case Comparison():
            return _compile_comparison(where, class_def)


def prefix_hints(where: Expression | None) -> dict[str, str]:
    """Return what properties of every match must begin with, by lower-case name.

    From equalities and LIKE patterns that the clause insists on; a pattern without a fixed
    beginning gives none.
    """
    match where:
        case Both(left, right):
            return prefix_hints(left) | prefix_hints(right)
        case Comparison(name, "=", str() as literal):
            return {name.lower(): literal}
        case Comparison(name, "like", str() as literal):
            prefix = re.split(r"[%_\[]", literal, maxsplit=1)[0]
            return {name.lower(): prefix} if prefix else {}
        case _:
            return {}


def like_pattern(pattern: str) -> re.Pattern[str]:
    """Turn a LIKE pattern (`%`, `_`, `[abc]`, `[a-z]`, `[^a]`) into a regular expression."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        end = pattern.find("]", position + 1) if character == "[" else -1
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        elif end > position + 1:
            parts.append(_character_set(pattern[position + 1 : end]))
            position = end
        else:
            parts.append(re.escape(character))
        position += 1
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _character_set(inner: str) -> str:
    negated = inner.startswith(("^", "!"))
    body = re.sub(r"([\\\[\]^&~|])", r"\\\1", inner[negated:])
    return f"[{'^' if negated else ''}{body}]"


def _compile_comparison(comparison: Comparison, class_def: ClassDef) -> Predicate:
    if comparison.name.lower() == "__class":
        return _compile_class(comparison)
    prop = class_def.property_named(comparison.name)
    if prop is None or prop.is_array:
        raise invalid_query()
    name = prop.name
    if comparison.literal is None:
        return _compile_null(comparison, name)
    if comparison.operator == "like":
        return _compile_like(prop, str(comparison.literal))
    wanted = _coerce(prop, comparison.literal)
    compare = _OPERATORS[comparison.operator]

    def holds(instance: CimInstance) -> bool:
        value = instance.properties.get(name)
        return value is not None and compare(_comparable(value), wanted)

    return holds


def _compile_class(comparison: Comparison) -> Predicate:
    wanted = str(comparison.literal).lower()
    compare = _OPERATORS.get(comparison.operator)
    if compare is None:
        raise invalid_query()
    return lambda instance: compare(instance.class_name.lower(), wanted)


def _compile_null(comparison: Comparison, name: str) -> Predicate:
    if comparison.operator not in {"=", "<>"}:
        raise invalid_query()
    is_null = comparison.operator == "="
    return lambda instance: (instance.properties.get(name) is None) is is_null


def _compile_like(prop: TypedName, pattern: str) -> Predicate:
    if prop.type not in {"string", "instance"}:
        raise invalid_query()
    expression = like_pattern(pattern)
    name = prop.name

    def holds(instance: CimInstance) -> bool:
        value = instance.properties.get(name)
        return isinstance(value, str) and expression.fullmatch(value) is not None

    return holds


def _coerce(prop: TypedName, literal: Literal) -> object:
    """Bring a literal to the property's type; numbers in quotes are numbers."""
    if prop.type in INTEGER_TYPES:
        return _number(literal)
    if prop.type == "boolean":
        return _boolean(literal)
    if isinstance(literal, str):
        if prop.type == "datetime":
            return _time(literal)
        if prop.type == "ref":
            return _reference(literal)
        return literal.casefold()
    raise invalid_query()


def _number(literal: Literal) -> int | float:
    if isinstance(literal, int | float) and not isinstance(literal, bool):
        return literal
    if isinstance(literal, str) and re.fullmatch(r"[+-]?\d+", literal):
        return int(literal)
    raise invalid_query()


def _boolean(literal: Literal) -> bool:
    if isinstance(literal, bool):
        return literal
    if str(literal).lower() in {"true", "false"}:
        return str(literal).lower() == "true"
    raise invalid_query()


def _time(literal: str) -> datetime | timedelta:
    value = parse_time(literal)
    if value is None:
        raise invalid_query()
    return value


def _reference(literal: str) -> tuple[object, ...]:
    reference = CimReference.from_path(literal, "")
    if reference is None:
        raise invalid_query()
    return _reference_identity(reference)


def _reference_identity(reference: CimReference) -> tuple[object, ...]:
    keys = frozenset((name.lower(), value.casefold()) for name, value in reference.keys)
    return (reference.class_name.lower(), keys)


def _comparable(value: object) -> object:
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, CimReference):
        return _reference_identity(value)
    return value
