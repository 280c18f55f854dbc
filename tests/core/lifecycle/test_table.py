"""The table of the checkpoint lifecycle: total, without dead ends, and always to an end."""

from __future__ import annotations

import itertools

import pytest

from safepoint.errors import IllegalTransitionError
from safepoint.lifecycle import TABLE, CheckpointEvent, CheckpointState, next_state
from safepoint.lifecycle.table import OPEN_STATES

S = CheckpointState
E = CheckpointEvent

_FINAL = {S.RELEASED, S.FAILED_CREATE, S.FOREIGN}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_pair_is_in_the_table_or_raises(state: S, event: E) -> None:
    if (state, event) in TABLE:
        assert next_state(state, event) is TABLE[state, event]
    else:
        with pytest.raises(IllegalTransitionError) as caught:
            next_state(state, event)
        assert str(state) in caught.value.message
        assert str(event) in caught.value.message


@pytest.mark.parametrize("state", list(S))
def test_refusal_names_what_is_allowed(state: S) -> None:
    refused = next(e for e in E if (state, e) not in TABLE)
    allowed = {str(e) for s, e in TABLE if s is state}

    with pytest.raises(IllegalTransitionError) as caught:
        next_state(state, refused)

    said = caught.value.message.rpartition("allowed: ")[2]
    assert said == (", ".join(sorted(allowed)) or "nothing: it is final")


def test_open_states_are_those_that_are_not_final() -> None:
    assert frozenset(set(S) - _FINAL) == OPEN_STATES


@pytest.mark.parametrize("state", sorted(_FINAL))
def test_final_state_is_never_left(state: S) -> None:
    assert not [event for before, event in TABLE if before is state]


@pytest.mark.parametrize("state", list(S))
def test_every_state_can_be_reached(state: S) -> None:
    assert state in _reachable(S.REQUESTED)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_every_open_state_can_come_to_an_end(state: S) -> None:
    assert _reachable(state) & _FINAL


@pytest.mark.parametrize("event", list(E))
def test_every_event_has_a_place(event: E) -> None:
    assert [row for row in TABLE if row[1] is event]


def test_whatever_may_exist_is_released_only_by_proof() -> None:
    """The one way to `released` is the observed merge, and to the merge the observed absence."""
    into_released = {(s, e) for (s, e), after in TABLE.items() if after is S.RELEASED}
    into_merging = {e for (_, e), after in TABLE.items() if after is S.MERGING}

    assert into_released == {(S.MERGING, E.MERGED)}
    assert into_merging == {E.DELETED}


def test_nothing_is_held_that_was_not_seen() -> None:
    assert {e for (_, e), after in TABLE.items() if after is S.HELD} == {E.SEEN}


def test_deletion_is_journaled_before_it_is_asked_for() -> None:
    """Who may be refused has said so before."""
    assert {s for s, e in TABLE if e is E.DELETE_REFUSED} == {S.RELEASING}


def _reachable(start: S) -> set[S]:
    reached = {start}
    while True:
        more = {after for (before, _), after in TABLE.items() if before in reached}
        if more <= reached:
            return reached
        reached |= more
