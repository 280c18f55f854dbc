"""The leases of all VMs of a run at once: all or none, refused or waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from safepoint.errors import LeaseHeldError
from safepoint.models.refs import Ref
from safepoint.runs.recover import lease_key
from safepoint.store import Lease, Store

__all__ = ["all_of"]


@contextmanager
def all_of(
    store: Store, executor: str, vms: Mapping[Ref, str], *, purpose: str
) -> Iterator[tuple[Lease, ...]]:
    """Hold the lease of every VM, so that no other run of safepoint works on one of them.

    Raises:
        LeaseHeldError: a live process holds one; those taken so far are given back.
    """
    with ExitStack() as stack:
        leases = []
        for vm, name in sorted(vms.items(), key=lambda item: str(item[0])):
            try:
                lease = store.leases.take(lease_key(vm), executor, purpose=purpose)
            except LeaseHeldError as error:
                msg = f"VM {name}: {error.message}"
                raise LeaseHeldError(msg, hint=error.hint) from error
            stack.callback(store.leases.give_back, lease)
            leases.append(lease)
        yield tuple(leases)
