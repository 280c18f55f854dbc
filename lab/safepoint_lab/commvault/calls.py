"""One call of the web API as the handlers see it, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from safepoint_lab.commvault.problems import V4, Shape

__all__ = ["Answer", "Call", "Handler", "Operation"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the login check.

    Names of query parameters and headers are in lower case; `path` has the wildcards of the
    template, in the template's case. XML bodies look like their JSON twins, with text values.
    """

    user: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    token: str = ""

    def ident(self, name: str = "id") -> int:
        """Return a wildcard that is a number; -1, which nobody has, when it is none."""
        text = self.path[name]
        return int(text) if text.isascii() and text.isdigit() else -1

    def number(self, name: str, default: int = 0) -> int:
        """Return a query parameter that is a number; the default when it is none."""
        text = self.query.get(name.casefold(), "")
        return int(text) if text.isascii() and text.isdigit() else default

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter; absent is false."""
        return self.query.get(name.casefold(), "").casefold() in ("true", "1")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and its status; `text` is sent as it is, as plain text."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    text: str | None = None
    html: bool = False


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the API.

    Attributes:
        method: HTTP method.
        path: Template below the prefix, such as ``Job/{id}/action/kill``.
        handler: What carries it out.
        shape: How its refusals look.
        anonymous: No session is needed.
        reads: A call that changes nothing although its method would say so.
        xml_root: Root element of its answer when XML is asked for [?] unless the SDK reads it.
    """

    method: str
    path: str
    handler: Handler
    shape: Shape = V4
    anonymous: bool = False
    reads: bool = False
    xml_root: str = "Api_Response"

    @property
    def name(self) -> str:
        """How faults name it, such as ``POST CreateTask``."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET" and not self.reads
