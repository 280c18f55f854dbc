"""CIM over WS-Management: typed calls, one request at a time, nothing repeated, nothing waited.

The one exception to "nothing repeated" is a running query that the host forgot: reading it
again from the start is the only way to a complete list.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from safepoint.errors import DriverError, NotFoundError, OutcomeUnknownError, ProtocolError
from safepoint_native.cim.envelope import Argument, EnvelopeBuilder, Request
from safepoint_native.cim.faults import (
    AnswerTooLargeError,
    EnumerationLostError,
    Fault,
    fault_error,
)
from safepoint_native.cim.instance_text import parse_instance_text
from safepoint_native.cim.jobs import JobStatus
from safepoint_native.cim.parse import Page, read_body, read_identity, read_outputs, read_page
from safepoint_native.cim.parse import read_row as read_instance
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.return_codes import COMPLETED, JOB_STARTED, return_code_error
from safepoint_native.cim.transport import AnswerLostError, Transport
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import object_path

__all__ = ["CimClient", "InvokeResult"]

#: More empty pages than this in a row are no list any more.
_MAX_EMPTY_PAGES: Final = 200


@dataclass(frozen=True)
class InvokeResult:
    """What a method answered; a refusal never gets here, it is raised."""

    return_value: int
    """0: done. 4096: a job was started."""
    outputs: CimRow
    job: CimRef | None
    """The job to follow; None when everything is done."""


class CimClient:
    """Typed calls to one host. May be used from several threads at once.

    Args:
        transport: How envelopes travel.
        node: The host's name in messages.
        address: The service URL, sent as destination.
        max_envelope_bytes: How large an answer may be.
        timeout_seconds: How long the host may work on one request.
        page_rows: How many rows to ask for at once.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        node: str,
        address: str = "",
        max_envelope_bytes: int = 512_000,
        timeout_seconds: int = 60,
        page_rows: int = 200,
    ) -> None:
        self.node = node
        self._transport = transport
        self._page_rows = page_rows
        self._build = EnvelopeBuilder(
            address or f"https://{node}:5986/wsman",
            max_envelope_bytes=max_envelope_bytes,
            timeout_seconds=timeout_seconds,
        )
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def requests(self) -> dict[str, int]:
        """How many requests were sent so far, by operation."""
        with self._lock:
            return dict(self._counts)

    @property
    def request_count(self) -> int:
        """How many requests were sent so far."""
        with self._lock:
            return self._counts.total()

    def close(self) -> None:
        """Let go of the connections; may be called twice."""
        self._transport.close()

    def identify(self) -> dict[str, str]:
        """Ask who answers: ``ProductVendor``, ``ProductVersion``, ``ProtocolVersion``."""
        return read_identity(self._ask(self._build.identify()))

    def get(self, ref: CimRef) -> CimRow:
        """Read one object.

        Raises:
            NotFoundError: it is not there (any more).
        """
        row = read_instance(self._ask(self._build.get(ref)))
        return CimRow(row.class_name, row.properties, row.namespace, ref)

    def query(
        self, namespace: str, wql: str, *, with_refs: bool = False, limit: int | None = None
    ) -> list[CimRow]:
        """Return every row of a query, or raise: the list is complete or there is none.

        A query the host forgot is asked anew once; an answer too large for an envelope is asked
        anew with fewer rows at a time.

        Args:
            namespace: Such as ``root/virtualization/v2``.
            wql: Text made with `safepoint_native.cim.wql` from constants and checked values.
            with_refs: Ask for the reference of every row too.
            limit: Stop after this many rows; the rest is given up.

        Raises:
            ClassAbsentError: the namespace or class does not exist on this host.
            AnswerTooLargeError: even a single row is too large.
        """
        rows_at_once = self._page_rows if limit is None else min(limit, self._page_rows)
        was_lost = False
        while True:
            try:
                return self._collect(
                    namespace, wql, rows_at_once, with_refs=with_refs, limit=limit
                )
            except EnumerationLostError:
                if was_lost:
                    raise
                was_lost = True
            except AnswerTooLargeError:
                if rows_at_once == 1:
                    raise
                rows_at_once = max(1, rows_at_once // 4)

    def invoke(
        self,
        ref: CimRef,
        method: str,
        arguments: Mapping[str, Argument] | None = None,
        *,
        changes: bool,
    ) -> InvokeResult:
        """Call a method.

        Args:
            ref: The object or service.
            method: Its name, in the right case.
            arguments: By name, in the right case; None and empty arrays are left out.
            changes: True when the call changes something: then every uncertain end is
                `OutcomeUnknownError`, also an answer that cannot be read.

        Raises:
            OutcomeUnknownError: sent, but how it ended is not known.
            DriverError: the kind that the fault or the ReturnValue means.
            UnsupportedError: the host does not support the call for this object.
        """
        request = self._build.invoke(ref, method, arguments or {})
        try:
            answer = self._send(request)
        except AnswerLostError as exc:
            if not changes:
                raise
            raise self._unknown(method, exc) from exc
        try:
            outputs = read_outputs(self._read(request, answer, changes=changes))
            value = outputs.need_integer("ReturnValue")
            job = outputs.reference("Job") if "Job" in outputs else None
        except ProtocolError as exc:
            if not changes:
                raise
            raise self._unknown(method, exc) from exc
        if value not in {COMPLETED, JOB_STARTED}:
            raise return_code_error(value, operation=method, node=self.node, changes=changes)
        if value == JOB_STARTED and job is None:
            msg = f"{self.node}: {method} started a job without saying which"
            raise OutcomeUnknownError(msg, operation=method, system=self.node)
        return InvokeResult(value, outputs, job if value == JOB_STARTED else None)

    def job(self, ref: CimRef) -> JobStatus:
        """Look at a job once.

        Raises:
            NotFoundError: the host forgot it, which is no failure: look for the effect.
        """
        return JobStatus.from_row(ref, self.get(ref))

    def job_errors(self, ref: CimRef) -> list[CimRow]:
        """Return what a finished job has to say: errors, or warnings after a success.

        Empty when it has nothing to say or the host forgot the job.
        """
        try:
            result = self.invoke(ref, "GetErrorEx", changes=False)
        except NotFoundError:
            return []
        what = f"an error of a job of {self.node}"
        found = [
            item if isinstance(item, CimRow) else parse_instance_text(str(item), what=what)
            for item in result.outputs.items("Errors")
            if item
        ]
        return list(found)

    def affected_elements(self, ref: CimRef) -> list[tuple[CimRef, frozenset[int]]]:
        """Return what a finished job touched, each with its effects (5: created).

        Hosts give the rows only once the job has ended [recorded].
        """
        path = object_path(ref.class_name, dict(ref.keys))
        wql = f"REFERENCES OF {path} WHERE ResultClass = Msvm_AffectedJobElement"
        found: list[tuple[CimRef, frozenset[int]]] = []
        for row in self.query(ref.namespace, wql):
            element = row.reference("AffectedElement")
            if element is not None:
                found.append((element, frozenset(row.integers("ElementEffects"))))
        return found

    def _collect(
        self, namespace: str, wql: str, rows_at_once: int, *, with_refs: bool, limit: int | None
    ) -> list[CimRow]:
        first = self._build.enumerate(
            namespace, wql, max_elements=rows_at_once, with_refs=with_refs
        )
        page = read_page(self._ask(first))
        rows = list(page.rows)
        empty_pages = 0
        while not page.is_last and (limit is None or len(rows) < limit):
            pull = self._build.pull(namespace, page.context, max_elements=rows_at_once)
            page = read_page(self._ask(pull))
            rows += page.rows
            empty_pages = 0 if page.rows else empty_pages + 1
            if empty_pages > _MAX_EMPTY_PAGES:
                msg = f"{self.node}: a query goes on without end and without rows"
                raise ProtocolError(msg, operation="Pull", system=self.node)
        self._give_up(namespace, page)
        return rows if limit is None else rows[:limit]

    def _give_up(self, namespace: str, page: Page) -> None:
        """Tell the host that the rest is not wanted; a refusal changes nothing for us."""
        if page.is_last:
            return
        try:
            self._ask(self._build.release(namespace, page.context))
        except DriverError:
            # The rows are here already, and the host forgets the query by itself in a minute.
            return

    def _ask(self, request: Request) -> Element:
        return self._read(request, self._send(request), changes=False)

    def _send(self, request: Request) -> bytes:
        with self._lock:
            self._counts[request.operation] += 1
        return self._transport.post(request.text)

    def _read(self, request: Request, answer: bytes, *, changes: bool) -> Element:
        body = read_body(answer, message_id=request.message_id, node=self.node)
        if isinstance(body, Fault):
            raise fault_error(body, operation=request.operation, node=self.node, changes=changes)
        return body

    def _unknown(self, method: str, cause: DriverError) -> OutcomeUnknownError:
        msg = f"{self.node}: {method} was sent, but its answer did not come ({cause.message})"
        hint = "Look for the effect before repeating the call."
        return OutcomeUnknownError(msg, hint=hint, operation=method, system=self.node)
