"""What keeps a plan from doing harm: rules over what would change, each with a stable id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.plans import Action, PlannedChange, PlanScope
from safepoint.models.resources import Resource
from safepoint.planning.findings import finding, first_few

__all__ = [
    "DELETE_SHARE",
    "accepted",
    "check_changes",
    "check_shrunk",
    "check_switches",
    "is_check",
]

#: The part of what exists that may go without being named, if it is more than one object.
DELETE_SHARE: Final = 0.2
_GOING: Final = frozenset({Action.DELETE, Action.REPLACE})


def check_changes(
    connection: str,
    changes: Sequence[PlannedChange],
    existing: int,
    allow_delete: Collection[str],
    moved: Collection[str] = (),
) -> Iterator[Diagnostic]:
    """Find dangerous deletions, adoptions, and differences in what is only observed.

    Args:
        connection: Where.
        changes: The lines of this connection.
        existing: How many objects of ours there are.
        allow_delete: Addresses that were named.
        moved: Addresses that go because a job is declared on another connection now; they do not
            look like documents that are missing.
    """
    unnamed = [c for c in changes if c.action in _GOING and c.address not in allow_delete]
    for change in unnamed:
        if change.holds_data:
            verb = "replaced" if change.action is Action.REPLACE else "deleted"
            text = f"{connection}: {change.address} would be {verb} and may hold restore points"
            yield finding("deletes-data", text, field=change.address)
    missed = [c for c in unnamed if c.address not in moved]
    if len(missed) > max(1, DELETE_SHARE * existing):
        names = first_few([change.address for change in missed])
        text = f"{connection}: {len(missed)} of {existing} objects would go: {names}"
        yield finding("deletes-many", text)
    written = [c for c in changes if c.is_write and c.after is not None]
    for change in changes:
        if change.action is Action.ADOPT:
            text = f"{connection}: {change.address} exists already and would be taken over"
            yield finding("adopts-existing", text, field=change.address)
        elif change.action is Action.NONE and change.fields:
            if change.after is not None and not change.after.is_observe_only:
                text = f"{connection}: {change.address} exists already and {change.reason}"
                yield finding("cannot-adopt", text, field=change.address)
                continue
            first = [c for c in written if _brings(c, change)]
            yield from _differences(connection, change, first)


def _brings(other: PlannedChange, check: PlannedChange) -> bool:
    """Tell whether a change first makes what a check looks at, or adds it to what is there."""
    if check.after is None or other.address not in check.after.depends_on:
        return False
    # A host that is there and lacks something is not made by a change: it is repaired, perhaps.
    is_absent = check.before is not None and check.before.facts.get("is_absent")
    return other.action is Action.CREATE or bool(is_absent)


def check_shrunk(
    connection: str, remembered: Collection[str], found: Sequence[Resource], gone: Collection[str]
) -> Iterator[Diagnostic]:
    """Find an observation that lacks a large part of what was there last time.

    Args:
        connection: Where.
        remembered: The addresses of ours that the last good observation had.
        found: What is there now.
        gone: Addresses that safepoint itself deleted last.
    """
    present = {resource.address for resource in found}
    lost = sorted(set(remembered) - present - set(gone))
    if len(lost) > max(1, DELETE_SHARE * len(remembered)):
        text = f"{connection}: {len(lost)} of {len(remembered)} objects are not there: "
        text += first_few(lost)
        yield finding("observation-shrunk", text)


def check_switches(changes: Iterable[PlannedChange]) -> Iterator[Diagnostic]:
    """Find jobs that one connection lets go of and another one takes over."""
    changes = tuple(changes)
    leaving = {c.address: c for c in changes if c.action in {Action.RETIRE, Action.DELETE}}
    for change in changes:
        old = leaving.get(change.address)
        of_job = change.after is not None and any(
            document.startswith("ProtectionJob/") for document in change.after.documents
        )
        if old is not None and of_job and old.connection != change.connection:
            how = "switched off and kept" if old.action is Action.RETIRE else "deleted"
            text = f"{change.address} moves from {old.connection} to {change.connection}; "
            text += f"on {old.connection} it is {how}, afterwards"
            yield finding("job-switches", text, field=change.address)


def is_check(resource: Resource) -> bool:
    """Tell a preflight check from a job or replica that is only observed."""
    wishes = ("ProtectionJob/", "Replica/")
    of_job = any(document.startswith(wishes) for document in resource.documents)
    return resource.is_observe_only and not of_job


def accepted(findings: Sequence[Diagnostic], scope: PlanScope) -> tuple[Diagnostic, ...]:
    """Return the findings, those that were accepted by code as warnings."""
    return tuple(
        one.model_copy(update={"severity": Severity.WARNING})
        if one.code in scope.accept and one.severity is Severity.ERROR
        else one
        for one in findings
    )


def _differences(
    connection: str, change: PlannedChange, first: Sequence[PlannedChange]
) -> Iterator[Diagnostic]:
    """Find every field that differs; `first` is what this plan does and the check needs."""
    facts = change.before.facts if change.before is not None else {}
    known = [field for field in change.fields if field.before is not None]
    # What could not be looked at because of another problem is no problem of its own.
    for field in known or change.fields:
        reason = facts.get(f"{field.field}_problem") or facts.get("problem")
        text = f"{connection}: {change.address}: {field.field} is {_text(field.before)}"
        text += f", wanted {_text(field.after)}" + (f": {reason}" if reason else "")
        code = (
            "preflight-failed" if change.after and is_check(change.after) else "observed-differs"
        )
        if first and not known and code == "preflight-failed":
            deeds = sorted(f"{c.action}s {c.address}" for c in first)
            code, text = "preflight-pending", f"{text}; this plan {', '.join(deeds)} first"
        hint = str(facts.get(f"{field.field}_hint") or facts.get("hint") or "")
        yield finding(code, text, field=f"{change.address}.{field.field}", hint=hint)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return first_few([str(one) for one in value])
    return str(value)
