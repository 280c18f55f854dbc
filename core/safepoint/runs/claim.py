"""Claiming one VM for a deed that is no run: while it is claimed nobody else works on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from safepoint.errors import BusyError, LeaseHeldError, RunCancelledError, SafepointError
from safepoint.models.refs import Ref
from safepoint.models.workloads import Workload
from safepoint.runs.occupants import Occupants
from safepoint.runs.recover import lease_key
from safepoint.runs.waiting import Waiter
from safepoint.store import Lease, Store

__all__ = ["Claim"]


@dataclass(frozen=True)
class Claim:
    """Claims VMs for this process.

    Args:
        store: Keeps the leases.
        executor: This process.
        occupants: Which products work on a VM by themselves.
        waiter: How to wait.
        say: Told what is waited for.
    """

    store: Store
    executor: str
    occupants: Occupants
    waiter: Waiter
    say: Callable[[str], None]

    @contextmanager
    def held(
        self,
        vm: Ref,
        name: str,
        purpose: str,
        *,
        there: Workload | None,
        wait_seconds: float,
        cancel: threading.Event,
    ) -> Iterator[None]:
        """Hold the VM's lease once no product works on it either.

        Args:
            vm: The VM.
            name: Its name, for messages.
            purpose: What for, as others are told it.
            there: The VM as its hosts show it, if they do: without it no product is asked.
            wait_seconds: How long to wait for whoever has it.
            cancel: Ends the wait.

        Raises:
            LeaseHeldError: a run or a deed of safepoint works on it.
            BusyError: a product works on it by itself.
            RunCancelledError: cancelled while it was waited for.
        """
        last: list[SafepointError] = []

        def taken() -> Lease | None:
            if cancel.is_set():
                msg = f"cancelled while waiting for VM {name}"
                raise RunCancelledError(msg)
            try:
                return self._take(vm, name, purpose, there)
            except (LeaseHeldError, BusyError) as error:
                if wait_seconds and (not last or last[0].message != error.message):
                    self.say(f"waiting: {error.message}")
                last[:] = [error]
                return None

        lease = self.waiter.until(taken, deadline_seconds=wait_seconds)
        if lease is None:
            raise last[0]
        try:
            yield
        finally:
            self.store.leases.give_back(lease)

    def _take(self, vm: Ref, name: str, purpose: str, there: Workload | None) -> Lease:
        try:
            lease = self.store.leases.take(lease_key(vm), self.executor, purpose=purpose)
        except LeaseHeldError as error:
            msg = f"VM {name}: {error.message}"
            raise LeaseHeldError(msg, hint=f"{error.hint} --wait waits for it.") from error
        try:
            # Asked under the lease: whoever of ours comes later finds it taken.
            if there is not None:
                self._refuse_products(there)
        except BaseException:
            self.store.leases.give_back(lease)
            raise
        return lease

    def _refuse_products(self, there: Workload) -> None:
        other = self.occupants.of(there)
        if other is not None:
            msg = f"VM {there.name} is being worked on by {other.text}"
            hint = "Wait until it has ended, or give --wait."
            raise BusyError(msg, hint=hint, operation="claim", system=other.connection)
