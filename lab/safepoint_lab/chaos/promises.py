"""What must hold at every moment, whichever engine does the work; one list for all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from safepoint_lab.chaos.finding import Story

__all__ = ["Moment", "Seen", "hold_to"]


@dataclass(frozen=True)
class Seen:
    """One of our checkpoints that is there."""

    id: str
    name: str
    vm: str


@dataclass(frozen=True)
class Moment:
    """How it stands, by the world's own word, and what our journal says of it."""

    ours: Sequence[Seen]
    """Every checkpoint that we asked for and that is there."""
    present: Collection[str]
    """The id of every checkpoint that is there, whoever made it."""
    must_stay: Collection[str]
    """Those of others that nobody may have taken away."""
    kept: Collection[str]
    """Ours that a person asked to stay."""
    open_vms: Collection[str]
    """VMs with an open row in our journal."""
    touched: Sequence[str] = ()
    """Our writes that were aimed at what others made."""
    running_twice: Sequence[str] = ()
    """VMs of which two copies run."""
    connected_tests: Sequence[str] = ()
    """Test VMs of replicas that are connected to more than the switch for tests."""
    on_replicas: Sequence[str] = ()
    """Checkpoints of ours that were made on a VM that receives changes."""


def hold_to(story: Story, moment: Moment) -> None:
    """Note every promise that is broken at this moment.

    A checkpoint of ours without an open row is one that outlived whoever was to release it: nobody
    would come back for it. So that promise is also the one that none is older than its lease.
    """
    vms = [one.vm for one in moment.ours if one.id not in moment.kept]
    story.check("one of ours a VM", holds=len(vms) == len(set(vms)), detail=str(vms))
    gone = sorted(set(moment.must_stay) - set(moment.present))
    story.check("others are untouched", holds=not gone, detail=str(gone))
    touched = list(moment.touched)
    story.check("no write to others", holds=not touched, detail=str(touched))
    twice = list(moment.running_twice)
    story.check("never two running copies", holds=not twice, detail=str(twice))
    connected = list(moment.connected_tests)
    story.check("test VMs are isolated", holds=not connected, detail=str(connected))
    made = list(moment.on_replicas)
    story.check("no checkpoint of ours on a replica", holds=not made, detail=str(made))
    for one in moment.ours:
        detail = f"{one.id} {one.name!r} of {one.vm}"
        holds = one.vm in moment.open_vms
        story.check("each of ours has an open row", holds=holds, detail=detail)
