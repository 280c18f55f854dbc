"""One call of the REST API as the handlers see it, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safepoint_lab.veeam.profiles import REV2

API = "/api/v1"

__all__ = ["API", "Answer", "Call", "Handler", "Operation"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed version, login and shape checks.

    `query` keeps every value of a repeated parameter in order; `body` is checked already when
    the operation names a shape.
    """

    revision: str
    user: str
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    operation: str = ""
    url_path: str = ""

    @property
    def rev2(self) -> bool:
        """Whether the caller speaks 1.3-rev2."""
        return self.revision == REV2

    def one(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter; absent is false."""
        return (self.one(name) or "").casefold() == "true"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; None means no body at all."""

    status: int
    body: Any = None


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the API.

    Attributes:
        method: HTTP method.
        path: The whole path, with its parameters in braces.
        handler: Does it.
        shape: Name of the body's shape; a mapping chooses by the body's ``type``.
        hyperv: Not there in a profile without Hyper-V.
        anonymous: Needs no token.
        reads: Changes nothing, whatever its method.
        revisions: Only in these; empty means all.
        optional_body: An empty body counts as ``{}``.
        deletion: Waits for a second person in four-eyes mode.
    """

    method: str
    path: str
    handler: Handler
    shape: str | Mapping[str, str] = ""
    hyperv: bool = False
    anonymous: bool = False
    reads: bool = False
    revisions: tuple[str, ...] = ()
    optional_body: bool = False
    deletion: bool = False

    @property
    def name(self) -> str:
        """What faults call it: ``POST /jobs/{id}/start``."""
        return f"{self.method} {self.path.removeprefix(API)}"
