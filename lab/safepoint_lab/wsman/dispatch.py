"""From a SOAP request to a SOAP answer: the operations of WS-Management over a provider."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace

from safepoint_lab.wsman import answers, names, wql
from safepoint_lab.wsman.answers import Stamp
from safepoint_lab.wsman.arguments import read_arguments
from safepoint_lab.wsman.cimfault import (
    WMI_INVALID_METHOD_PARAMETERS,
    WMI_INVALID_PARAMETER,
    CimFault,
    Refused,
    action_not_supported,
    cannot_process_filter,
    encoding_limit,
    internal_error,
    invalid_class,
    invalid_namespace,
    invalid_selectors,
    not_found,
    schema_violation,
    unknown_dialect,
)
from safepoint_lab.wsman.enumeration import ContextStore, Cursor, EnumerationMode
from safepoint_lab.wsman.names import ResourceUri
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.queries import (
    Selection,
    read_association_filter,
    run_association,
    run_enumeration,
    run_select,
    source_of,
)
from safepoint_lab.wsman.rendering import instance_xml, output_xml
from safepoint_lab.wsman.requests import Envelope, Request, check_request
from safepoint_lab.wsman.schema import ClassDef, Schema, TypedName
from safepoint_lab.wsman.values import CimReference, MethodCall, MethodResult

__all__ = [
    "Answer",
    "Dispatcher",
]

_N = f"{{{names.ENUMERATION}}}"
_W = f"{{{names.WSMAN}}}"
_MAX_BATCH_ITEMS = 32000


@dataclass(frozen=True, slots=True)
class Answer:
    """A SOAP answer ready for HTTP; `fault_code` is set when it is a fault."""

    status: int
    body: bytes
    fault_code: int | None = None


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Answers requests for one host.

    `machine` is the host name in answers. `empty_page` makes the next Pull answer no items, for servers that page oddly.
    """

    provider: CimProvider
    machine: str
    contexts: ContextStore
    max_envelope_bytes: int
    empty_page: bool = False

    @property
    def stamp(self) -> Stamp:
        """What every answer carries now; a host's locale may change."""
        return Stamp(self.machine, self.provider.locale)

    def view(self, *, locale: str | None = None, restricted: bool = False) -> Dispatcher:
        """Return a dispatcher that shows the host in another locale or with fewer rights."""
        provider = self.provider.view(locale=locale, restricted=restricted)
        return replace(self, provider=provider)

    def answer(self, envelope: Envelope) -> Answer:
        """Answer a request; every fault becomes a SOAP fault, nothing is raised."""
        namespace = ""
        try:
            request = check_request(envelope, self.max_envelope_bytes)
            resource = ResourceUri.parse(request.resource_uri)
            if resource is None:
                raise invalid_class()
            namespace = resource.namespace
            body = self._operate(request, resource)
            if len(body) > request.max_envelope_bytes:
                raise encoding_limit()
        except CimFault as error:
            return self.fault(error, envelope.message_id, namespace)
        return Answer(200, body)

    def fault(self, error: CimFault, message_id: str = "", namespace: str = "") -> Answer:
        """Answer with a SOAP fault."""
        body = answers.fault(self.stamp, message_id, error, namespace)
        return Answer(500, body, error.code)

    def _operate(self, request: Request, resource: ResourceUri) -> bytes:
        operations: dict[str, Callable[[Request, ResourceUri, Schema], str]] = {
            names.ACTION_GET: self._get,
            names.ACTION_ENUMERATE: self._enumerate,
            names.ACTION_PULL: self._pull,
            names.ACTION_RELEASE: self._release,
        }
        schema = self.provider.schema(resource.namespace)
        if schema is None:
            raise invalid_namespace()
        if request.action.startswith(f"{resource}/"):
            return self._invoke(request, resource, schema)
        operation = operations.get(request.action)
        if operation is None:
            raise action_not_supported()
        body = operation(request, resource, schema)
        return self._envelope(f"{request.action}Response", request, body)

    def _envelope(self, action: str, request: Request, body: str) -> bytes:
        return answers.envelope(self.stamp, action, request.message_id, body)

    # -- transfer ----------------------------------------------------------------------

    def _get(self, request: Request, resource: ResourceUri, schema: Schema) -> str:
        class_def = _class_of(resource, schema)
        if not request.selectors:
            raise invalid_selectors(missing=True)
        keys = _checked_keys(request, resource, class_def)
        instance = self.provider.get(CimReference(schema.namespace, class_def.name, keys))
        if instance is None:
            raise not_found()
        return instance_xml(instance, schema)

    # -- enumeration -------------------------------------------------------------------

    def _enumerate(self, request: Request, resource: ResourceUri, schema: Schema) -> str:
        content = request.content
        if content is None or content.tag != f"{_N}Enumerate":
            raise schema_violation(why="The body is no Enumerate element.")
        selection, label = self._select(content, resource, schema)
        mode = _mode_of(content)
        cursor = Cursor(selection, mode, schema, self.machine, label)
        if content.find(f"{_W}OptimizeEnumeration") is None:
            context = self.contexts.put(cursor)
            inner = f"<n:EnumerationContext>{context}</n:EnumerationContext>"
        else:
            wanted = _max_elements(content.findtext(f"{_W}MaxElements"))
            items = "".join(cursor.page(wanted, request.max_envelope_bytes))
            context = self._context(cursor, "<n:EnumerationContext/>")
            inner = f"{context}<w:Items>{items}</w:Items>{_end(cursor, 'w')}"
        return f"<n:EnumerateResponse>{inner}</n:EnumerateResponse>"

    def _pull(self, request: Request, resource: ResourceUri, schema: Schema) -> str:  # noqa: ARG002 - one shape for all operations
        content = request.content
        if content is None or content.tag != f"{_N}Pull":
            raise schema_violation(why="The body is no Pull element.")
        identifier = (content.findtext(f"{_N}EnumerationContext") or "").strip()
        cursor = self.contexts.take(identifier)
        items: list[str] = []
        if not self.empty_page:
            try:
                wanted = _max_elements(content.findtext(f"{_N}MaxElements"))
                items = cursor.page(wanted, request.max_envelope_bytes)
            except CimFault:
                self.contexts.restore(identifier, cursor)
                raise
        context = self._context(cursor, "")
        inner = f"{context}<n:Items>{''.join(items)}</n:Items>{_end(cursor, 'n')}"
        return f"<n:PullResponse>{inner}</n:PullResponse>"

    def _release(self, request: Request, resource: ResourceUri, schema: Schema) -> str:  # noqa: ARG002 - one shape for all operations
        content = request.content
        if content is None or content.tag != f"{_N}Release":
            raise schema_violation(why="The body is no Release element.")
        self.contexts.take((content.findtext(f"{_N}EnumerationContext") or "").strip())
        return ""

    def _context(self, cursor: Cursor, when_done: str) -> str:
        if cursor.exhausted:
            return when_done
        return f"<n:EnumerationContext>{self.contexts.put(cursor)}</n:EnumerationContext>"

    def _select(
        self, content: ET.Element, resource: ResourceUri, schema: Schema
    ) -> tuple[Selection, str]:
        """Run the filter, or the plain listing; return what was found and a label."""
        element = content.find(f"{_W}Filter")
        if element is None:
            element = content.find(f"{_N}Filter")
        if element is None:
            if resource.is_query:
                raise cannot_process_filter(why="A query needs a filter.")
            found = run_enumeration(resource.class_name, self.provider, schema)
            return found, resource.class_name
        dialect = element.get("Dialect", "")
        if dialect == names.DIALECT_ASSOCIATION:
            return self._associate(element, schema)
        if dialect != names.DIALECT_WQL:
            raise unknown_dialect()
        if not resource.is_query:
            raise cannot_process_filter(why="The class name must be * when a WQL filter is used.")
        return self._query("".join(element.itertext()), schema)

    def _query(self, text: str, schema: Schema) -> tuple[Selection, str]:
        query = wql.parse(text)
        if isinstance(query, wql.Select):
            return run_select(query, self.provider, schema), query.class_name
        source = source_of(query, schema)
        label = query.result_class or query.association_class
        return run_association(query, source, self.provider, schema), label

    def _associate(self, element: ET.Element, schema: Schema) -> tuple[Selection, str]:
        content = next(iter(element), None)
        if content is None:
            raise cannot_process_filter(why="The association filter is empty.")
        query, source = read_association_filter(content, schema)
        label = query.result_class or query.association_class
        return run_association(query, source, self.provider, schema), label

    # -- methods -----------------------------------------------------------------------

    def _invoke(self, request: Request, resource: ResourceUri, schema: Schema) -> bytes:
        class_def = _class_of(resource, schema)
        method = class_def.methods.get(request.action.removeprefix(f"{resource}/"))
        if method is None:
            raise action_not_supported()
        if not request.selectors:
            raise internal_error(WMI_INVALID_METHOD_PARAMETERS)
        target = CimReference(
            schema.namespace, class_def.name, _checked_keys(request, resource, class_def)
        )
        if self.provider.get(target) is None:
            raise not_found(operation="ExecMethod")
        try:
            arguments = read_arguments(request.content, resource, method, schema)
            result = self.provider.invoke(MethodCall(target, method.name, arguments))
        except Refused as refusal:
            result = MethodResult(refusal.return_value)
        members = dict(method.outputs)
        members["ReturnValue"] = _RETURN_VALUE
        values = {**result.outputs, "ReturnValue": int(result.return_value)}
        ordered = {name: members[name] for name in sorted(members)}
        body = output_xml(resource, method.name, ordered, values, schema)
        return self._envelope(f"{request.action}Response", request, body)


_RETURN_VALUE = TypedName("ReturnValue", "uint32")


def _class_of(resource: ResourceUri, schema: Schema) -> ClassDef:
    class_def = schema.get(resource.class_name)
    if class_def is None:
        raise invalid_class()
    return class_def


def _checked_keys(
    request: Request, resource: ResourceUri, class_def: ClassDef
) -> tuple[tuple[str, str], ...]:
    """Return the selectors under their schema names; unknown and double ones are refused."""
    spelled = {name.lower(): name for name in class_def.keys}
    found: dict[str, str] = {}
    for name, value in request.selectors:
        if name == "__cimnamespace":
            if value.lower() != resource.namespace.lower():
                raise internal_error(WMI_INVALID_PARAMETER, "GetObject")
            continue
        key = spelled.get(name.lower())
        if key is None or key in found:
            raise invalid_selectors(missing=False)
        found[key] = value
    return tuple(found.items())


def _mode_of(content: ET.Element) -> EnumerationMode:
    text = (content.findtext(f"{_W}EnumerationMode") or EnumerationMode.OBJECT).strip()
    try:
        return EnumerationMode(text)
    except ValueError as error:
        raise schema_violation(why="The enumeration mode is unknown.") from error


def _max_elements(text: str | None) -> int:
    """Return how many items a page may have: one unless asked otherwise [R]."""
    plain = (text or "1").strip()
    if not plain.isascii() or not plain.isdigit() or int(plain) < 1:
        raise schema_violation(why="MaxElements is no positive number.")
    return min(int(plain), _MAX_BATCH_ITEMS)


def _end(cursor: Cursor, prefix: str) -> str:
    return f"<{prefix}:EndOfSequence/>" if cursor.exhausted else ""
