"""Which VMs a job means; pure, fast for thousands of selectors and VMs."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from safepoint.models.jobs import ProtectionJob, Selector
from safepoint.models.replica_documents import Replica

__all__ = ["HasPath", "Selectable", "Selection", "absent_names", "select"]

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


def select(workload: Selectable, job: ProtectionJob) -> bool:
    """Tell whether `job` means `workload`. For many workloads make one `Selection`."""
    return Selection(job).includes(workload)


def absent_names(job: ProtectionJob | Replica, workloads: Iterable[Selectable]) -> tuple[str, ...]:
    """Return the names that `include` spells out and no workload has, in the order written."""
    present = {workload.name.casefold() for workload in workloads}
    named = (selector.name for selector in job.spec.include if selector.name is not None)
    absent = (name for name in named if _is_literal(name) and name.casefold() not in present)
    return tuple(dict.fromkeys(absent))


class _AnyOf:
    """A list of selectors; plain names, the bulk of long lists, are looked up at once."""

    def __init__(self, selectors: Iterable[Selector]) -> None:
        self._names: set[str] = set()
        self._tests: list[list[_Test]] = []
        for selector in selectors:
            if _is_plain_name(selector) and selector.name is not None:
                self._names.add(selector.name.casefold())
            else:
                self._tests.append(_tests_of(selector))

    def matches(self, workload: Selectable) -> bool:
        if workload.name.casefold() in self._names:
            return True
        return any(all(test(workload) for test in tests) for tests in self._tests)


def _is_plain_name(selector: Selector) -> bool:
    only_name = selector.share is None and selector.node is None
    return only_name and selector.name is not None and _is_literal(selector.name)


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
