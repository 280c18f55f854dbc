"""Stable handles for things that live in a connected system."""

from __future__ import annotations

from typing_extensions import override

from safepoint.models.base import Model

__all__ = ["Ref"]


class Ref(Model):
    """A handle that is stable across processes and never reused for another object.

    Equal refs mean the same object. The core stores and compares refs and never reads `id`.
    """

    kind: str
    """What it points to: `workload`, `checkpoint`, `point`, `operation`, `restore` …"""
    system: str
    """The cluster or connection inside which `id` is unique."""
    id: str
    """Opaque to the core; the driver alone knows its form."""

    @override
    def __str__(self) -> str:
        return f"{self.kind}:{self.system}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read back what `str(ref)` wrote; raises ValueError on any other text."""
        kind, colon, rest = text.partition(":")
        system, colon2, ident = rest.partition(":")
        if not (colon and colon2 and kind and system and ident):
            msg = f"not a reference: {text!r}"
            raise ValueError(msg)
        return cls(kind=kind, system=system, id=ident)
