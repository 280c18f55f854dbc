"""Refusing before anything is touched: one deed, or the deeds of a whole group together."""

from __future__ import annotations

from collections.abc import Sequence

from safepoint.errors import LeaseHeldError, ReplicaRefusedError
from safepoint.replicas.deeds import DEEDS, TAKES_BACK, Deed
from safepoint.replicas.looking import Look
from safepoint.replicas.orders import DeedOrder
from safepoint.replicas.pictures import FACTS, Fact, Picture
from safepoint.replicas.refusals import DONE_BEFORE, REFUSALS
from safepoint.runs.recover import lease_key
from safepoint.store import Store

__all__ = ["check_before", "check_group", "check_guards", "lease_keys", "refused"]


def check_guards(order: DeedOrder, picture: Picture) -> None:
    """Refuse what would leave two running copies, or lose changes without saying so.

    Raises:
        ReplicaRefusedError: a guard of the deed does not hold; nothing was done.
    """
    for guard in DEEDS[order.deed].guards:
        is_asked = guard.when is None or guard.when in order.options
        is_waived = guard.unless is not None and guard.unless in order.options
        if is_asked and not is_waived and not FACTS[guard.fact](picture):
            raise refused(order.vm, guard.refusal, detail=_unread(guard.fact, picture))


def refused(vm: str, code: str, *, detail: str = "") -> ReplicaRefusedError:
    """Return the error for a refusal."""
    refusal = REFUSALS[code]
    more = f" ({detail})" if detail else ""
    hint = f"{refusal.advice} `safepoint explain {code}` says more."
    return ReplicaRefusedError(f"{vm}: {refusal.title}{more}", hint=hint, refusal=code)


def _unread(fact: Fact, picture: Picture) -> str:
    if fact not in {Fact.SOURCE_READ, Fact.TARGET_READ, Fact.ALL_READ}:
        return ""
    return "; ".join(f"{name}: {why}" for name, why in picture.unread.items())


def lease_keys(order: DeedOrder) -> tuple[str, ...]:
    """Return what a deed holds while it works: its relationship first, then both VMs."""
    refs = {ref for ref in (order.source, order.target) if ref is not None}
    return (
        f"replica {order.connection}/{order.pair}",
        *sorted(lease_key(ref) for ref in refs),
    )


def check_before(order: DeedOrder, found: Look, store: Store) -> None:
    """Refuse a deed as carrying it out would, without a lease and without a request.

    One that was begun and goes on is not refused: its own half of the work would look wrong.

    Raises:
        ReplicaRefusedError: a guard does not hold, or another deed is half-done.
        LeaseHeldError: a process works on one of the VMs.
    """
    half = [Deed(row.deed) for row in store.replica_deeds.open(order.connection, order.pair)]
    for deed in half:
        if deed is not order.deed and deed not in TAKES_BACK.get(order.deed, frozenset()):
            raise refused(order.vm, "replica-deed-open", detail=deed)
    if not half:
        check_guards(order, found.picture(order.pair, order.source, order.target))
    for key in lease_keys(order):
        store.leases.require_free(key)


def check_group(group: str, orders: Sequence[DeedOrder], found: Look, store: Store) -> None:
    """Refuse all deeds of a group when one would be refused, before the first VM moves.

    A VM with which it was done before does not count: that is how a group is gone on with.

    Raises:
        ReplicaRefusedError: the message names every VM and its reason.
    """
    errors: list[ReplicaRefusedError | LeaseHeldError] = []
    for order in orders:
        try:
            check_before(order, found, store)
        except ReplicaRefusedError as error:
            if error.refusal not in DONE_BEFORE:
                errors.append(error)
        except LeaseHeldError as error:
            errors.append(error)
    if not errors:
        return
    reasons = "; ".join(error.message for error in errors)
    msg = f"group {group}: nothing was begun, because {len(errors)} of {len(orders)} VMs "
    msg += f"would be refused: {reasons}"
    refusal = next((e.refusal for e in errors if isinstance(e, ReplicaRefusedError)), "")
    raise ReplicaRefusedError(msg, hint=errors[0].hint, refusal=refusal)
