"""What no estate owns: found by its address, brought into line, never adopted, never deleted."""

from __future__ import annotations

import pytest

from safepoint.models.plans import Action
from safepoint.models.resources import Marker, Resource
from safepoint.planning.applying import has_effect
from safepoint.planning.matching import Pair, match
from safepoint.planning.planner import _change
from safepoint.store import WriteIntent

ADDRESS = "agents/clu1"


def agents(*nodes: str, shared: bool = True, marker: Marker | None = None) -> Resource:
    fields = dict.fromkeys((f"node.{name}" for name in nodes), True)
    return Resource(address=ADDRESS, attributes=fields, is_shared=shared, marker=marker)


def planned(wanted: Resource | None, found: Resource | None):
    return _change("acme", Pair(wanted, found), None, adopt=True)


def test_a_difference_is_an_update_and_no_adoption() -> None:
    assert planned(agents("a", "b"), agents("a")).action is Action.UPDATE
    assert planned(agents("a"), agents("a")).action is Action.NONE
    assert planned(agents("a"), None).action is Action.CREATE
    assert (
        planned(agents("a", "b", shared=False), agents("a", shared=False)).action is Action.ADOPT
    )


def test_nobody_asking_for_it_is_no_deletion() -> None:
    assert match([], [agents("a")], "default").pairs == []


@pytest.mark.parametrize(("shared", "seen"), [(True, True), (False, False)])
def test_the_effect_of_a_lost_answer_is_seen_without_a_marker(shared: bool, seen: bool) -> None:
    wish = agents("a", "b", shared=shared)
    intent = WriteIntent(
        plan="p",
        connection="acme",
        address=ADDRESS,
        action="update",
        change="",
        after=wish.attributes.plain(),
    )
    assert has_effect(intent, (wish,), "default") is seen
    assert not has_effect(intent, (agents("a", shared=shared),), "default")
