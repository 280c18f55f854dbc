"""Putting interceptors around every call of a driver."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

from safepoint.drivers.abilities import ABILITY_TYPES, REFINEMENTS
from safepoint.drivers.base import Driver

__all__ = ["LISTINGS", "READS", "Call", "Interceptor", "intercepted"]

#: Calls that return an iterator. A wrapper reads them to their end, so that a failure half-way
#: is seen inside the wrapper and never as a short list.
LISTINGS = frozenset(
    {
        "workloads",
        "restore_points",
        "runs",
        "checkpoints",
        "observe",
        "follow_runs",
        "instant_recoveries",
        "replicas",
        "replica_points",
        "share_spaces",
        "disk_files",
        "replica_servers",
    }
)
#: Calls that change nothing and may therefore be repeated.
READS = LISTINGS | {
    "probe",
    "support",
    "operation",
    "change_status",
    "replica_operation",
    "merge_status",
    "preview_restore",
    "restore_status",
    "verification",
    "translate",
    "describe",
    "retired",
}


@dataclass(frozen=True)
class Call:
    """One call of a driver, as an interceptor sees it.

    The arguments are left out of its text form, so that no log shows a secret.
    """

    driver: str
    method: str
    arguments: tuple[Any, ...] = field(default=(), repr=False)
    """The positional ones, as they were given."""
    key: str = field(default="", repr=False)
    """The operation key, where the call has one."""

    @property
    def is_read(self) -> bool:
        """True when repeating the call is harmless."""
        return self.method in READS


#: Gets the call and what would run it; returns its result.
Interceptor: TypeAlias = Callable[[Call, Callable[[], Any]], Any]


def intercepted(driver: Driver, name: str, *interceptors: Interceptor) -> Driver:
    """Return a driver with the same abilities whose calls pass through `interceptors`.

    Args:
        driver: The driver inside.
        name: Its name in errors.
        interceptors: Outermost first.
    """
    bases = _most_derived(driver) or (Driver,)
    methods = {m for base in bases for m in _abstract_methods(base)}
    namespace = {m: _delegate(driver, Call(name, m), interceptors) for m in methods}
    kind = type(f"Intercepted{type(driver).__name__}", bases, namespace)
    return cast("Driver", kind())


def _most_derived(driver: Driver) -> tuple[type, ...]:
    """Return the classes a driver is of, without those that another one of them extends.

    An ability that builds on another one brings it along; naming both would have no order.
    """
    every = (*ABILITY_TYPES.values(), *REFINEMENTS)
    types = [kind for kind in every if isinstance(driver, kind)]
    return tuple(k for k in types if not any(k in other.__mro__[1:] for other in types))


def _abstract_methods(base: type) -> frozenset[str]:
    return cast("frozenset[str]", getattr(base, "__abstractmethods__", frozenset()))


def _delegate(driver: Driver, call: Call, interceptors: tuple[Interceptor, ...]) -> Any:
    target = getattr(driver, call.method)

    def run(_self: Driver, *args: Any, **kwargs: Any) -> Any:
        this = replace(call, arguments=args, key=str(kwargs.get("key", "")))

        def innermost() -> Any:
            result = target(*args, **kwargs)
            return list(result) if call.method in LISTINGS else result

        step: Callable[[], Any] = innermost
        for interceptor in reversed(interceptors):
            step = _bind(interceptor, this, step)
        result = step()
        return iter(result) if call.method in LISTINGS else result

    run.__name__ = call.method
    run.__doc__ = inspect.getdoc(target)
    return run


def _bind(interceptor: Interceptor, call: Call, inner: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: interceptor(call, inner)
