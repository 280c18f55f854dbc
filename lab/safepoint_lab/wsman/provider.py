"""What a CIM provider offers to the protocol server, and where the server ends.

The server knows envelopes, queries and paging; the provider knows what exists and what methods
do. Schemas say which classes there are; the server never asks for a class outside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from safepoint_lab.wsman.schema import Schema
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall, MethodResult

__all__ = [
    "CimProvider",
]


class CimProvider(Protocol):
    """The CIM classes of one host. Every method may be called from several threads at once."""

    @property
    def locale(self) -> str:
        """The host's locale, such as `en-US`; it stamps every answer."""
        ...

    def schema(self, namespace: str) -> Schema | None:
        """Return the schema of a namespace (any case), None when the host has no such one."""
        ...

    def instances(
        self, namespace: str, class_name: str, hints: Mapping[str, str]
    ) -> Iterable[CimInstance]:
        """Return the instances of exactly this class (derived classes are asked separately).

        `hints` says what values must begin with, by property name in lower case: the caller
        will insist on it. It may be used to leave out what cannot match, and may be ignored.
        """
        ...

    def get(self, reference: CimReference) -> CimInstance | None:
        """Return the instance, None when there is none; key names are in any case."""
        ...

    def references(self, association: str, target: CimReference) -> Iterable[CimInstance]:
        """Return the instances of exactly this association class that point to the target."""
        ...

    def invoke(self, call: MethodCall) -> MethodResult:
        """Do a method.

        Raises:
            Refused: The method says no: HTTP 200 with the return value.
            CimFault: The request itself is wrong, or the target is gone.
        """
        ...

    def view(self, *, locale: str | None = None, restricted: bool = False) -> CimProvider:
        """Return the same host in another locale, or as an account without its rights sees it."""
        ...

    def subject_of(self, identifiers: Sequence[str]) -> str:
        """Return the GUID of the VM that identifiers in a request belong to, else empty."""
        ...
