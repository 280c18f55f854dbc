"""Telling the audit log of every write, so that no driver can forget to.

What is not listed as a read counts as a write: a new method of the boundary is in the log from
its first day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from safepoint.drivers.wrap.intercept import Call
from safepoint.errors import OutcomeUnknownError, SafepointError
from safepoint.models.audit_log import AuditOutcome, Deed
from safepoint.models.base import Model
from safepoint.models.checkpoints import Checkpoint
from safepoint.models.plans import Change
from safepoint.models.refs import Ref

__all__ = ["AuditTrail", "AuditWrites"]

#: Neither reads that may be repeated nor writes.
_NO_WRITES: Final = frozenset({"close", "verify_copy", "start_verification"})
#: Larger requests are told by their size and digest.
_LONGEST_TEXT: Final = 4096


class AuditTrail(Protocol):
    """Where writes are told of, before and after."""

    def asked(self, deed: Deed, /) -> int:
        """Write down what is about to be asked, durably; returns the entry's number."""

    def answered(self, asked: int, deed: Deed, outcome: AuditOutcome, detail: str, /) -> None:
        """Write down how it came out, durably."""


class AuditWrites:
    """Tells the trail of each write before it is asked for, and of its outcome afterwards.

    When the trail cannot be written the write does not happen. Goes outermost, so that what it
    tells is what the core got to know.

    Args:
        trail: The audit log.
    """

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self._seen: dict[str, dict[str, Any]] = {}
        """Checkpoints as this process saw them last, by reference: what a deletion deletes."""

    def __call__(self, call: Call, proceed: Callable[[], Any], /) -> Any:
        """Run the call; a read passes untold."""
        if call.is_read or call.method in _NO_WRITES:
            result = proceed()
            if call.method == "checkpoints":
                self._remember(result)
            return result
        deed = self._deed(call)
        asked = self._trail.asked(deed)
        try:
            result = proceed()
        except OutcomeUnknownError as error:
            self._trail.answered(asked, deed, AuditOutcome.UNKNOWN, _detail(error))
            raise
        except SafepointError as error:
            self._trail.answered(asked, deed, AuditOutcome.FAILED, _detail(error))
            raise
        except BaseException as error:
            # Interrupted on the way, or a defect: the request may have been sent.
            self._trail.answered(asked, deed, AuditOutcome.UNKNOWN, type(error).__name__)
            raise
        detail = str(result) if isinstance(result, Ref) else ""
        self._trail.answered(asked, deed, AuditOutcome.DONE, detail)
        return result

    def _remember(self, checkpoints: Iterable[Checkpoint]) -> None:
        # The wrapper inside has read the listing to its end: this is a list already.
        for one in checkpoints:
            self._seen[str(one.ref)] = {
                "name": one.name,
                "kind": one.kind.value,
                "vm": one.workload_name,
                "created_at": one.created_at.isoformat(),
                "node": one.node,
            }

    def _deed(self, call: Call) -> Deed:
        request = call.arguments[0] if call.arguments else None
        target = _target(request)
        if isinstance(request, Change):
            before = request.before.attributes.plain() if request.before else None
            after = request.after.attributes.plain() if request.after else None
        else:
            before, after = self._seen.get(target), _asked_for(request, call.arguments[1:])
        return Deed(
            system=call.driver,
            deed=call.method.replace("_", "-"),
            target=target,
            key=call.key,
            before=_bounded(before),
            after=_bounded(after),
        )


def _detail(error: SafepointError) -> str:
    return f"{error.code}: {error.message}"


def _target(request: object) -> str:
    """Return what a request is about, in the words of the boundary."""
    if isinstance(request, Change):
        return request.address
    if isinstance(request, Ref | str):
        return str(request)
    if not isinstance(request, Model):
        return ""
    values = [getattr(request, name) for name in type(request).model_fields]
    refs = [value for value in values if isinstance(value, Ref)]
    words = [getattr(request, name) for name in ("job", "name") if hasattr(request, name)]
    found: list[object] = [*refs, *words]
    return str(found[0]) if found else ""


def _asked_for(request: object, further: Iterable[object]) -> dict[str, Any] | None:
    """Return the request in plain form; masked where a field is a secret."""
    asked: dict[str, Any] = {}
    if isinstance(request, Model) and not isinstance(request, Ref):
        asked |= request.model_dump(mode="json", exclude_defaults=True)
    words = [one for one in further if isinstance(one, str)]
    if words:
        asked["text"] = words[0]
    return asked or None


def _bounded(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if data is None:
        return None
    text = json.dumps(data, sort_keys=True, default=str)
    if len(text) <= _LONGEST_TEXT:
        return dict(data)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"fields": sorted(data), "characters": len(text), "sha256": digest}
