"""A backup product in memory: objects with all the habits that make declaring hard.

It adds defaults of its own, keeps lists in its own order, never gives a password back, hands out
ids, and knows nothing of markers: those are words in a description like any other.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["MASK", "Product", "ProductObject"]

#: What the product shows instead of a secret.
MASK: Final = "********"
_DEFAULTS: Final[dict[str, Any]] = {"priority": "normal", "compression": "auto"}


@dataclass(slots=True)
class ProductObject:
    """One object, as the product's own console shows it."""

    id: str
    kind: str
    name: str
    description: str
    body: dict[str, Any]
    points: int = 0
    """Restore points that hang on it."""


@dataclass(slots=True)
class Product:
    """The product's database, with the truth for tests."""

    objects: dict[str, ProductObject] = field(default_factory=dict)
    keys: dict[str, str | None] = field(default_factory=dict)
    """Request key to the id it made or changed; None after a deletion."""
    under_way: dict[str, str] = field(default_factory=dict)
    """Request key to the operation that carries it out, for changes that take long."""
    down_hosts: set[str] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=dict)
    """Object id to the secret it was given; nothing reads it back out."""
    count: int = 0

    def create(self, kind: str, name: str, description: str, body: dict[str, Any]) -> str:
        """Make an object and return its id; a second one of the same name is allowed."""
        self.count += 1
        ident = f"{kind[0].upper()}{self.count:04d}"
        self.objects[ident] = ProductObject(ident, kind, name, description, {})
        self.change(ident, name, description, body)
        return ident

    def change(self, ident: str, name: str, description: str, body: dict[str, Any]) -> None:
        """Set an object's content; what the request leaves out gets the product's default."""
        one = self.objects[ident]
        one.name, one.description = name, description
        content = copy.deepcopy(body)
        if "password" in content:
            self.passwords[ident] = content["password"]
            content["password"] = MASK
        one.body = _DEFAULTS | {key: _own_order(value) for key, value in content.items()}

    def listed(self) -> list[ProductObject]:
        """Return all objects, youngest first."""
        return [copy.deepcopy(one) for one in reversed(self.objects.values())]

    def named(self, kind: str, name: str) -> list[ProductObject]:
        """Return the objects of that kind and name: ground truth for tests."""
        return [one for one in self.objects.values() if (one.kind, one.name) == (kind, name)]


def _own_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _own_order(inner) for key, inner in value.items()}
    return [_own_order(one) for one in reversed(value)] if isinstance(value, list) else value
