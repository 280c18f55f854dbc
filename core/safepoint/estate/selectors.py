"""Which VMs a job means; pure, fast for thousands of selectors and VMs."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from safepoint.models.jobs import ProtectionJob, Selector
from safepoint.models.replica_documents import Replica

__all__ = ["Candidates", "HasPath", "Selectable", "Selection", "absent_names", "select"]

_MAGIC: Final = re.compile(r"[*?\[]")


class HasPath(Protocol):
    """A disk, for the purpose of selection."""

    @property
    def path(self) -> str:
        """The UNC path of the file."""


class Selectable(Protocol):
    """A VM, for the purpose of selection; `safepoint.models.workloads.Workload` is one."""

    @property
    def name(self) -> str:
        """The VM's name."""

    @property
    def node(self) -> str:
        """The host that owns the VM now."""

    @property
    def disks(self) -> Sequence[HasPath]:
        """The disks."""


_Test: TypeAlias = Callable[[Selectable], bool]


class Selection:
    """The selectors of one job or replica, compiled. Immutable and safe to share between threads.

    The cluster is not looked at: the caller passes workloads of the job's cluster.
    """

    def __init__(self, job: ProtectionJob | Replica) -> None:
        self._include = _AnyOf(job.spec.include)
        self._exclude = _AnyOf(job.spec.exclude)

    def includes(self, workload: Selectable, /) -> bool:
        """Tell whether the job means this VM: included and not excluded."""
        return self._include.matches(workload) and not self._exclude.matches(workload)

    @property
    def beginnings(self) -> frozenset[str] | None:
        """With what, case folded, the name of every VM begins that the job can mean; None: any."""
        return self._include.beginnings


def select(workload: Selectable, job: ProtectionJob) -> bool:
    """Tell whether `job` means `workload`. For many workloads make one `Selection`."""
    return Selection(job).includes(workload)


VmT = TypeVar("VmT", bound=Selectable)


class Candidates(Generic[VmT]):
    """The VMs of a cluster in the order of their names, so that a job need not try every one.

    With hundreds of jobs of names or patterns such as `sql*`, choosing takes time that grows with
    the VMs that are chosen, not with jobs times VMs.
    """

    def __init__(self, workloads: Iterable[VmT]) -> None:
        self._rows = tuple(workloads)
        pairs = sorted((row.name.casefold(), place) for place, row in enumerate(self._rows))
        self._names = [name for name, _ in pairs]
        self._places = [place for _, place in pairs]

    @cached_property
    def names(self) -> frozenset[str]:
        """All names, case folded."""
        return frozenset(self._names)

    def meant_by(self, selection: Selection) -> list[VmT]:
        """Return the VMs that a selection includes, in the order in which they came."""
        beginnings = selection.beginnings
        if beginnings is None:
            return [row for row in self._rows if selection.includes(row)]
        places = {place for one in beginnings for place in self._beginning_with(one)}
        rows = (self._rows[place] for place in sorted(places))
        return [row for row in rows if selection.includes(row)]

    def _beginning_with(self, text: str) -> Iterable[int]:
        for number in range(bisect_left(self._names, text), len(self._names)):
            if not self._names[number].startswith(text):
                break
            yield self._places[number]


def absent_names(
    job: ProtectionJob | Replica, workloads: Iterable[Selectable] | Candidates[VmT]
) -> tuple[str, ...]:
    """Return the names that `include` spells out and no workload has, in the order written."""
    named = [s.name for s in job.spec.include if s.name is not None and _is_literal(s.name)]
    if not named:
        return ()
    present: AbstractSet[str]
    if isinstance(workloads, Candidates):
        present = workloads.names
    else:
        present = {row.name.casefold() for row in workloads}
    return tuple(dict.fromkeys(name for name in named if name.casefold() not in present))


class _AnyOf:
    """A list of selectors; plain names, the bulk of long lists, are looked up at once."""

    def __init__(self, selectors: Iterable[Selector]) -> None:
        self._names: set[str] = set()
        self._tests: list[list[_Test]] = []
        beginnings: set[str] = set()
        for selector in selectors:
            beginnings.add(_beginning(selector))
            if _is_plain_name(selector) and selector.name is not None:
                self._names.add(selector.name.casefold())
            else:
                self._tests.append(_tests_of(selector))
        self.beginnings = None if "" in beginnings else frozenset(beginnings)

    def matches(self, workload: Selectable) -> bool:
        if workload.name.casefold() in self._names:
            return True
        return any(all(test(workload) for test in tests) for tests in self._tests)


def _is_plain_name(selector: Selector) -> bool:
    only_name = selector.share is None and selector.node is None
    return only_name and selector.name is not None and _is_literal(selector.name)


def _beginning(selector: Selector) -> str:
    """Return with what every name that matches begins; empty when that can be anything."""
    return _MAGIC.split(selector.name.casefold(), maxsplit=1)[0] if selector.name else ""


def _is_literal(pattern: str) -> bool:
    return _MAGIC.search(pattern) is None


def _tests_of(selector: Selector) -> list[_Test]:
    tests: list[_Test] = []
    if selector.name is not None:
        tests.append(_name_test(selector.name))
    if selector.node is not None:
        tests.append(_node_test(selector.node))
    if selector.share is not None:
        tests.append(_share_test(selector.share))
    return tests  # `all: true` adds no condition


def _name_test(pattern: str) -> _Test:
    matches = _compile(pattern)
    return lambda workload: matches(workload.name)


def _node_test(pattern: str) -> _Test:
    matches = _compile(pattern)
    return lambda workload: matches(workload.node)


def _share_test(pattern: str) -> _Test:
    """Match part by part, so that `*` stays inside one part of the path."""
    parts = [_compile(part) for part in _split_unc(pattern)]

    def is_below(path: str) -> bool:
        names = _split_unc(path)
        return len(names) >= len(parts) and all(
            matches(name) for matches, name in zip(parts, names, strict=False)
        )

    return lambda workload: any(is_below(disk.path) for disk in workload.disks)


def _split_unc(path: str) -> list[str]:
    return path.replace("/", "\\").removeprefix("\\\\").split("\\")


def _compile(pattern: str) -> Callable[[str], bool]:
    match = re.compile(fnmatch.translate(pattern.casefold())).match
    return lambda text: match(text.casefold()) is not None
