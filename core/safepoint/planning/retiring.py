"""What stays although no document asks for it any more, because restore points hang on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from safepoint.drivers import CanManage, CanRetire
from safepoint.models.resources import Resource
from safepoint.planning.ordering import with_needs

__all__ = ["Stay", "stays"]


@dataclass(frozen=True, slots=True)
class Stay:
    """How an object stays, and why."""

    after: Resource
    reason: str


def stays(
    driver: CanManage, gone: Sequence[Resource], allow_delete: Collection[str]
) -> Mapping[str, Stay]:
    """Return by address what must not be deleted of what nobody asks for any more.

    That is what may hold restore points, switched off by its driver, and everything it depends
    on. A driver that cannot retire keeps nothing; the guard against deleting data is its fence.

    Args:
        driver: Says how a retired object looks.
        gone: The objects of ours that no document asks for.
        allow_delete: Addresses that may be deleted although they hold data.
    """
    if not isinstance(driver, CanRetire):
        return {}
    found = {
        one.address: Stay(driver.retired(one), "kept switched off: it may hold restore points")
        for one in gone
        if one.holds_data and one.address not in allow_delete
    }
    for address in with_needs(found, gone) - found.keys():
        one = next(each for each in gone if each.address == address)
        found[address] = Stay(one, "kept: what holds restore points needs it")
    return found
