"""Is a saved plan still the plan? What moved since is told by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from safepoint.errors import PlanError, PlanStaleError
from safepoint.models.plans import Plan, PlannedChange
from safepoint.planning.digests import change_digest

__all__ = ["check_fresh"]

_AGAIN = "Make a new plan and read it; nothing was changed."

#: A place in a plan: connection and address.
Place = tuple[str, str]


def check_fresh(saved: Plan, fresh: Plan, done: Collection[Place]) -> None:
    """Compare a saved plan with one made right now in the same scope.

    Args:
        saved: As read from its file.
        fresh: Made from the documents and the world as they are.
        done: Where the saved plan was carried out already, in an apply that did not get to its
            end; these places have moved by our own hand.

    Raises:
        PlanStaleError: the documents, the world, or the file changed.
    """
    if saved.estate != fresh.estate:
        msg = "the plan was made for another estate, or the documents changed since"
        raise PlanStaleError(msg, hint=_AGAIN)
    _check_world(saved, fresh, done)
    _check_changes(saved, fresh, done)


def _check_world(saved: Plan, fresh: Plan, done: Collection[Place]) -> None:
    old, new = _observed(saved), _observed(fresh)
    moved = sorted(
        place
        for place in old.keys() | new.keys()
        if place not in done and old.get(place) != new.get(place)
    )
    if moved:
        connection, address = moved[0]
        more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
        msg = f"the world moved since the plan was made: {connection}: {address}{more}"
        raise PlanStaleError(msg, hint=_AGAIN)


def _check_changes(saved: Plan, fresh: Plan, done: Collection[Place]) -> None:
    now = _by_place(fresh)
    before = _by_place(saved)
    for place, change in before.items():
        if place in done:
            if place in now:
                msg = f"{place[0]}: {place[1]} was applied and has been changed again since"
                raise PlanStaleError(msg, hint=_AGAIN)
        elif place not in now or change_digest(now[place]) != change_digest(change):
            msg = f"{place[0]}: {place[1]} would be changed in another way than the plan says"
            raise PlanStaleError(msg, hint=_AGAIN)
    extra = sorted(now.keys() - before.keys())
    if extra:
        msg = f"{extra[0][0]}: {extra[0][1]} would be changed too, which the plan does not say"
        raise PlanStaleError(msg, hint=_AGAIN)


def _observed(plan: Plan) -> Mapping[Place, str]:
    return {
        (one.connection, address): digest
        for one in plan.observed
        for address, digest in one.resources.items()
    }


def _by_place(plan: Plan) -> dict[Place, PlannedChange]:
    places = {(c.connection, c.address): c for c in plan.writes}
    if len(places) != len(plan.writes):
        msg = "the plan changes one object twice"
        raise PlanError(msg, hint="The file was edited; make a new plan.")
    return places
