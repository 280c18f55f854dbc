"""The ability to be managed by declaration: translate, observe, describe, apply.

The core does the rest: it compares, orders, guards, journals and observes again. A driver only
says what documents mean in its product (`translate`), what there is (`observe`), what that means
in documents (`describe`), and carries out one change (`apply`).

Some changes take minutes, such as installing components on every host. Then `apply` returns a
`Ref`, and the core follows it with `change_status` (`CanFollowChanges`); no driver waits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from safepoint.drivers.base import Driver
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.plans import Change, DescribeRequest, Description, Desired, Translation
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery

__all__ = ["CanFollowChanges", "CanManage", "CanRetire"]


class CanManage(Driver):
    """Vendor objects as resources in normal form.

    Laws, each a rule of `safepoint.testing`: translation is pure and total; the normal form is
    idempotent (describing a translation and translating that gives the same); after applying a
    plan the next plan is empty; a plan of what was just imported is empty; a broken listing
    raises; the same key has one effect.
    """

    @abstractmethod
    def translate(self, desired: Desired, /) -> Translation:
        """Say what the documents mean in this product. Pure: no connection, no clock, no memory.

        Total: every field of every job and policy has its entry in `losses`. Resources of no
        job, such as the repository itself, may be among the result.
        """

    @abstractmethod
    def observe(self, query: ResourceQuery, /) -> Iterator[Resource]:
        """List every object of the kinds that `translate` yields, whoever made them.

        Complete or raises. In normal form, so that what was applied reads back equal whatever
        defaults, order or masks the product adds.
        """

    @abstractmethod
    def describe(self, request: DescribeRequest, /) -> Description:
        """Say in documents what resources mean: the inverse of `translate`. Pure.

        Resources that no document can stand for are left out, with a loss that says so.
        """

    @abstractmethod
    def apply(self, change: Change, /, *, key: str) -> Resource | Ref | None:
        """Carry out one change and return the object as it is then; None after a deletion.

        A `Ref` means: begun, and it takes longer than a request. Only a driver that
        `CanFollowChanges` may return one.

        The same key has one effect, however often it is given. A creation writes the marker with
        the object in one request, or makes sure otherwise that an object without it is found by
        `observe` under the same address. Deleting what is gone already is no error.

        Raises:
            OutcomeUnknownError: sent, and no answer came; the core looks what became of it.
            ConflictError: the object is no longer what `change.before` says.
        """


class CanFollowChanges(CanManage):
    """Changes that take longer than a request.

    `apply` returns a `Ref` of what it began. The core looks at it until it has ended, then
    observes; an effect that is not there is treated as a lost answer. A product that knows no
    keys cannot tell a second request from the first: its driver looks, before it begins anything
    long, for something of that sort that is still under way, and returns that instead.
    """

    @abstractmethod
    def change_status(self, change: Ref, /) -> OperationStatus:
        """Look once at what `apply` began.

        SUCCEEDED does not promise the effect, FAILED promises no full effect; `message` says why.
        What the product has forgotten is UNKNOWN. `warnings` are shown.
        """


class CanRetire(CanManage):
    """Objects that outlive the wish for them, because their restore points hang on them.

    When a job leaves a product, what it has in the product is not deleted while it may hold
    restore points: it is switched off, and everything it depends on stays as it is.
    """

    @abstractmethod
    def retired(self, resource: Resource, /) -> Resource:
        """Return how an observed object looks when it only keeps its restore points.

        Pure. It starts nothing any more and loses nothing. For an object that looks like that
        already, or that cannot start anything, the result has equal attributes. A later wish
        for the same address brings it back to life.
        """
