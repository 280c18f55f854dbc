"""Which observed object is the one that is wished: by marker, else by exact name, never by luck."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from safepoint.models.diagnostics import Diagnostic
from safepoint.models.resources import Resource
from safepoint.planning.findings import finding

__all__ = ["Matching", "Pair", "match", "owned"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A wish and what exists for it; one of the two may be missing."""

    wanted: Resource | None
    found: Resource | None

    @property
    def address(self) -> str:
        """The address of either."""
        some = self.wanted or self.found
        return some.address if some is not None else ""


@dataclass(slots=True)
class Matching:
    """All pairs, and what could not be decided."""

    pairs: list[Pair] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)


def owned(found: Iterable[Resource], owner: str) -> tuple[Resource, ...]:
    """Return the objects that bear our marker."""
    return tuple(r for r in found if r.marker is not None and r.marker.owner == owner)


def match(wanted: Sequence[Resource], found: Sequence[Resource], owner: str) -> Matching:
    """Pair wishes with objects. Objects of ours that nobody wishes come last, in their order.

    What is ambiguous, or belongs to another owner, is reported and left out.
    """
    ours, unmarked, theirs = _sorted(found, owner)
    result = Matching()
    for wish in wanted:
        if wish.is_observe_only:
            seen = ours[wish.address] or unmarked[wish.address] or theirs[wish.address]
            result.pairs.append(Pair(wish, seen[0] if seen else None))
            continue
        candidates = ours[wish.address] or unmarked[wish.address]
        if len(candidates) > 1:
            result.findings.append(_ambiguous(candidates))
        elif not candidates and theirs[wish.address]:
            result.findings.append(_foreign(theirs[wish.address][0]))
        else:
            result.pairs.append(Pair(wish, candidates[0] if candidates else None))
    addresses = {wish.address for wish in wanted}
    for address, group in ours.items():
        if address in addresses or not group:
            continue
        if len(group) > 1:
            result.findings.append(_ambiguous(group))
        elif not group[0].is_observe_only:
            result.pairs.append(Pair(None, group[0]))
    return result


_Groups = Mapping[str, list[Resource]]


def _sorted(found: Sequence[Resource], owner: str) -> tuple[_Groups, _Groups, _Groups]:
    ours: defaultdict[str, list[Resource]] = defaultdict(list)
    unmarked: defaultdict[str, list[Resource]] = defaultdict(list)
    theirs: defaultdict[str, list[Resource]] = defaultdict(list)
    for one in found:
        if one.marker is None:
            unmarked[one.address].append(one)
        elif one.marker.owner == owner:
            ours[one.address].append(one)
        else:
            theirs[one.address].append(one)
    return ours, unmarked, theirs


def _ambiguous(candidates: Sequence[Resource]) -> Diagnostic:
    which = ", ".join(sorted(str(r.native) if r.native else r.address for r in candidates))
    by = "marker" if candidates[0].marker is not None else "name"
    address = candidates[0].address
    text = f"{len(candidates)} objects have the {by} of {address}: {which}"
    return finding("ambiguous-resource", text, field=address)


def _foreign(resource: Resource) -> Diagnostic:
    owner = resource.marker.owner if resource.marker else ""
    text = f"{resource.address} exists and belongs to the estate {owner!r}"
    return finding("owned-by-another-estate", text, field=resource.address)
