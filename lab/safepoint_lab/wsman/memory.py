"""A CIM provider over instances kept in a list: for tests of clients and of the server itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from safepoint_lab.wsman.cimfault import action_not_supported
from safepoint_lab.wsman.schema import Schema
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall, MethodResult

__all__ = [
    "MemoryProvider",
    "Method",
]

Method = Callable[[MethodCall], MethodResult]


class MemoryProvider:
    """Serves given instances, associations among them included, and given methods.

    Args:
        schema: The one namespace there is.
        instances: What exists; the list may be changed between requests.
        methods: `Class.Method` to the callable that does it.
        locale: The host's locale.
    """

    def __init__(
        self,
        schema: Schema,
        instances: list[CimInstance],
        methods: Mapping[str, Method] | None = None,
        locale: str = "en-US",
    ) -> None:
        self.locale = locale
        self.instances_kept = instances
        self._schema = schema
        self._methods = dict(methods or {})

    def schema(self, namespace: str) -> Schema | None:
        """Return the schema when the namespace is ours."""
        return self._schema if namespace.lower() == self._schema.namespace.lower() else None

    def instances(
        self,
        namespace: str,  # noqa: ARG002 - there is one
        class_name: str,
        hints: Mapping[str, str],  # noqa: ARG002 - never needed for a short list
    ) -> Iterator[CimInstance]:
        """Yield the instances of exactly this class."""
        return (each for each in list(self.instances_kept) if each.class_name == class_name)

    def get(self, reference: CimReference) -> CimInstance | None:
        """Return the instance of the class that has these key values."""
        for instance in self.instances(reference.namespace, reference.class_name, {}):
            if self._has_keys(instance, reference):
                return instance
        return None

    def references(self, association: str, target: CimReference) -> Iterator[CimInstance]:
        """Yield the association rows that hold a reference with the target's keys."""
        wanted = _identity(target)
        for row in self.instances("", association, {}):
            ends = [v for v in row.properties.values() if isinstance(v, CimReference)]
            if any(_identity(end) == wanted for end in ends):
                yield row

    def invoke(self, call: MethodCall) -> MethodResult:
        """Do the method that was given for `Class.Method`."""
        method = self._methods.get(f"{call.target.class_name}.{call.method}")
        if method is None:
            raise action_not_supported()
        return method(call)

    def view(self, *, locale: str | None = None, restricted: bool = False) -> MemoryProvider:
        """Return the same provider in another locale, or an empty one without rights."""
        kept = [] if restricted else self.instances_kept
        return MemoryProvider(self._schema, kept, self._methods, locale or self.locale)

    def subject_of(self, identifiers: Sequence[str]) -> str:
        """Return the first identifier: the toy has no other idea of a subject."""
        return identifiers[0] if identifiers else ""

    def _has_keys(self, instance: CimInstance, reference: CimReference) -> bool:
        return bool(reference.keys) and all(
            instance.text(self._spelled(instance.class_name, name)).lower() == value.lower()
            for name, value in reference.keys
        )

    def _spelled(self, class_name: str, name: str) -> str:
        class_def = self._schema.get(class_name)
        found = class_def.property_named(name) if class_def else None
        return found.name if found else name


def _identity(reference: CimReference) -> tuple[str, frozenset[tuple[str, str]]]:
    keys = frozenset((name.lower(), value.lower()) for name, value in reference.keys)
    return reference.class_name, keys
