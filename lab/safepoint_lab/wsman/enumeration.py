"""Enumeration contexts: what is left of a listing between one Pull and the next."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from safepoint_lab.wsman.cimfault import encoding_limit, invalid_context
from safepoint_lab.wsman.queries import Selection
from safepoint_lab.wsman.rendering import endpoint_xml, fragment_xml, instance_xml
from safepoint_lab.wsman.schema import ClassDef, Schema
from safepoint_lab.wsman.values import CimInstance, CimReference

__all__ = [
    "ENUMERATION_TIMEOUT_SECONDS",
    "ContextStore",
    "Cursor",
    "EnumerationMode",
    "reference_of",
]

ENUMERATION_TIMEOUT_SECONDS = 60.0
_ENVELOPE_OVERHEAD_BYTES = 1500
"""Room for what surrounds the items of a page."""


class EnumerationMode(StrEnum):
    """What each item of a listing is."""

    OBJECT = "EnumerateObject"
    EPR = "EnumerateEPR"
    BOTH = "EnumerateObjectAndEPR"


@dataclass(slots=True)
class Cursor:
    """A listing and how far it was read. `label` is the class it is about, for the log."""

    selection: Selection
    mode: EnumerationMode
    schema: Schema
    machine: str
    label: str
    position: int = 0
    used_at: float = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether every item was handed out."""
        return self.position >= len(self.selection.instances)

    def page(self, max_elements: int, max_bytes: int) -> list[str]:
        """Hand out the next items: at most so many, and no more than fit the envelope.

        Raises:
            CimFault: Not even one item fits; the position stays.
        """
        room = max_bytes - _ENVELOPE_OVERHEAD_BYTES
        items: list[str] = []
        instances: Sequence[CimInstance] = self.selection.instances
        while len(items) < max_elements and self.position < len(instances):
            item = self._item(instances[self.position])
            room -= len(item.encode())
            if room < 0:
                break
            items.append(item)
            self.position += 1
        if not items and not self.exhausted:
            raise encoding_limit()
        return items

    def _item(self, instance: CimInstance) -> str:
        class_def = self.schema.get(instance.class_name)
        assert class_def is not None
        if self.mode is EnumerationMode.EPR:
            return endpoint_xml(reference_of(instance, class_def, self.machine))
        columns = self.selection.columns
        shown = (
            fragment_xml(instance, class_def, columns)
            if columns
            else instance_xml(instance, self.schema)
        )
        if self.mode is EnumerationMode.OBJECT:
            return shown
        endpoint = endpoint_xml(reference_of(instance, class_def, self.machine))
        return f"<w:Item>{shown}{endpoint}</w:Item>"


class ContextStore:
    """The open listings of one server. A context id is good for one Pull only [R].

    Args:
        clock: Monotonic seconds.
        timeout_seconds: How long an idle listing is kept.
    """

    def __init__(self, clock: Callable[[], float], timeout_seconds: float) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._cursors: dict[str, Cursor] = {}

    def put(self, cursor: Cursor) -> str:
        """Keep a listing and return its new context id."""
        cursor.used_at = self._clock()
        identifier = f"uuid:{str(uuid.uuid4()).upper()}"
        with self._lock:
            self._forget_idle()
            self._cursors[identifier] = cursor
        return identifier

    def take(self, identifier: str) -> Cursor:
        """Return a listing and make its context id invalid.

        Raises:
            CimFault: The id is unknown, was used, or idled too long.
        """
        with self._lock:
            self._forget_idle()
            cursor = self._cursors.pop(identifier, None)
        if cursor is None:
            raise invalid_context()
        return cursor

    def restore(self, identifier: str, cursor: Cursor) -> None:
        """Put a listing back under its old id, when nothing was handed out."""
        with self._lock:
            self._cursors[identifier] = cursor

    def label(self, identifier: str) -> str:
        """Return the class that a context is about, empty when unknown."""
        with self._lock:
            cursor = self._cursors.get(identifier)
        return cursor.label if cursor else ""

    def _forget_idle(self) -> None:
        oldest = self._clock() - self._timeout_seconds
        self._cursors = {i: c for i, c in self._cursors.items() if c.used_at >= oldest}


def reference_of(instance: CimInstance, class_def: ClassDef, machine: str) -> CimReference:
    """Return the endpoint reference of an instance by its key properties.

    Keys that are references themselves are written as object paths ([I]).
    """
    keys = class_def.keys or tuple(prop.name for prop in class_def.references)
    pairs = []
    for name in keys:
        value = instance.properties.get(name)
        if value is not None:
            text = value.path(machine) if isinstance(value, CimReference) else str(value)
            pairs.append((name, text))
    return CimReference(instance.namespace, instance.class_name, tuple(pairs))
