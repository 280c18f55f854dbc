"""Why a deed on a replica is refused: a stable id each, and what `safepoint explain` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["DONE_BEFORE", "REFUSALS", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason that keeps a deed from being begun."""

    code: str
    title: str
    """What is the matter, as the end of the sentence "VM: … "."""
    meaning: str
    """Why it is refused."""
    advice: str
    """What to do."""


_ALL: Final = (
    Refusal(
        "replica-primary-runs",
        "the primary runs",
        "Failing over or reversing now would leave two running copies of one VM: with the same "
        "name and addresses, and with data that drift apart.",
        "Use `failover --planned`, which shuts the primary down first and loses nothing, or turn "
        "the primary off.",
    ),
    Refusal(
        "replica-other-copy-runs",
        "another copy of the VM runs",
        "A third copy was failed over and runs. A second running copy would split the data.",
        "Take that failover back, or turn that copy off.",
    ),
    Refusal(
        "replica-primary-unread",
        "nobody can tell whether the primary still runs",
        "Its system does not answer. That may be the disaster itself, or only the network between "
        "here and there, with the primary alive and in use.",
        "When you know that it is down, say so: --primary-is-down. Otherwise repair the way to "
        "it first.",
    ),
    Refusal(
        "replica-side-unread",
        "one side cannot be read",
        "This deed changes both sides, or depends on what the other one shows.",
        "Repair the connection; `safepoint doctor` helps.",
    ),
    Refusal(
        "replica-none",
        "there is no replica to do this with",
        "The relationship is not there, or its replica's side does not know it.",
        "`safepoint replica status` shows what there is; `safepoint apply` sets up what is "
        "declared.",
    ),
    Refusal(
        "replica-not-replicating",
        "it does not replicate at the moment",
        "A planned failover sends the last changes first, which works only from a relationship "
        "that replicates.",
        "Resume or resynchronise it first; `safepoint replica status` says which.",
    ),
    Refusal(
        "replica-no-state",
        "the replica holds no complete state yet",
        "The first copy has not arrived, or a comparison is under way: a VM made from it now "
        "would not boot, or would be a mixture.",
        "Wait for it; `safepoint replica status` shows how far it is.",
    ),
    Refusal(
        "replica-test-left",
        "a test VM of it exists already",
        "One test at a time; and while one exists the replica can neither be failed over nor "
        "removed.",
        "`safepoint replica cancel` deletes it.",
    ),
    Refusal(
        "replica-failed-over",
        "it is failed over already",
        "There is nothing to fail over any more.",
        "Commit it, reverse it, or take it back with `safepoint replica cancel`.",
    ),
    Refusal(
        "replica-runs-there",
        "it runs there already",
        "The roles were swapped before. Failing over now would bring it back.",
        "Nothing needs to be done; name the other side with --to to bring it back.",
    ),
    Refusal(
        "replica-both-ways",
        "the VMs of the group do not all run on the same side",
        "Failing all of them over would bring some there and others back.",
        "Say where they shall run: --to CLUSTER. Those that run there already are left alone.",
    ),
    Refusal(
        "replica-not-failed-over",
        "it is not failed over",
        "Only a failover can be committed or reversed.",
        "`safepoint replica status` shows where it stands.",
    ),
    Refusal(
        "replica-final",
        "the failover is final",
        "It was committed or reversed: the other recovery points are gone, so that nothing can be "
        "taken back.",
        "To go back, fail over in the other direction.",
    ),
    Refusal(
        "replica-nothing-to-cancel",
        "there is nothing to take back",
        "No test VM, no open failover and no prepared failover were found.",
        "`safepoint replica status` shows where it stands.",
    ),
    Refusal(
        "replica-third-copy",
        "a third copy hangs on the replica",
        "Hyper-V does not reverse a replica that feeds a third copy.",
        "Remove the third copy first (`safepoint replica remove --third`), or fail over with "
        "--no-reverse.",
    ),
    Refusal(
        "replica-cannot-receive",
        "the primary's side is not set up to receive",
        "After a reversal the old primary has to receive changes. Its host would refuse, after "
        "the VM was shut down.",
        "Declare `reverse:` in the Replica document and apply it, or fail over with --no-reverse.",
    ),
    Refusal(
        "replica-not-paused",
        "it is neither paused nor stopped by an error",
        "There is nothing to resume.",
        "`safepoint replica status` shows where it stands.",
    ),
    Refusal(
        "replica-no-resync-needed",
        "it needs no comparison",
        "A resynchronisation reads both sides completely; it is for relationships that lost "
        "track of their changes.",
        "Nothing needs to be done.",
    ),
    Refusal(
        "replica-first-copy-begun",
        "the first copy has begun already",
        "It begins once.",
        "`safepoint replica status` shows how far it is.",
    ),
    Refusal(
        "replica-no-media-awaited",
        "the replica does not wait for its first copy",
        "Only a replica without its first copy takes one from media.",
        "`safepoint replica status` shows where it stands.",
    ),
    Refusal(
        "replica-deed-open",
        "another deed on it was begun and has not ended",
        "A process works on it, or died at it. Beginning something else now could undo half of "
        "it unseen.",
        "Give the same command again to finish it, or `safepoint replica cancel` to take it back.",
    ),
)

#: Every refusal by its id.
REFUSALS: Final[Mapping[str, Refusal]] = MappingProxyType({one.code: one for one in _ALL})
#: Refused because it is so already: of a group that is given the same command again.
DONE_BEFORE: Final = frozenset(
    {"replica-failed-over", "replica-final", "replica-runs-there", "replica-nothing-to-cancel"}
)
