"""Who is alive: told by a lock that the operating system drops at death, however it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from safepoint.errors import FencedError, LeaseHeldError, StoreError
from safepoint.store import Executor, Store
from safepoint.store.leases import Lease

_CHILD = """
import sys
from pathlib import Path
from safepoint.store import Store
store = Store(Path(sys.argv[1]))
executor = store.executors.enter()
lease = store.leases.take("vm hx1/A", executor.id, purpose="run in a child")
print(executor.id, lease.epoch, flush=True)
sys.stdin.read()  # until killed, or told to end
"""


def test_entered_process_is_alive_until_it_closes(store: Store) -> None:
    executor = store.executors.enter()

    assert store.executors.is_alive(executor.id)
    executor.close()
    assert not store.executors.is_alive(executor.id)


def test_process_that_left_is_not_alive_and_leaves_no_file(store: Store, folder: Path) -> None:
    executor = store.executors.enter()
    store.executors.leave(executor)

    assert not store.executors.is_alive(executor.id)
    assert list((folder / "executors").iterdir()) == []


def test_unknown_process_is_not_alive(store: Store) -> None:
    assert not store.executors.is_alive("1-nobody")


def test_two_entries_of_one_process_differ(store: Store) -> None:
    first, second = store.executors.enter(), store.executors.enter()

    assert first.id != second.id
    first.close()
    assert store.executors.is_alive(second.id)
    second.close()


def test_asking_leaves_the_living_alive(store: Store, executor: Executor) -> None:
    for _ in range(3):
        assert store.executors.is_alive(executor.id)


def test_lock_file_of_the_dead_is_removed(store: Store, folder: Path) -> None:
    executor = store.executors.enter()
    executor.close()
    store.executors.is_alive(executor.id)

    assert list((folder / "executors").iterdir()) == []


def test_process_of_another_host_counts_as_alive(store: Store, executor: Executor) -> None:
    """Its lock cannot be tested from here, and taking over from the living is worse than waiting."""
    with store._database.transaction() as tx:
        tx.execute(sa.text("UPDATE executor SET host = 'elsewhere'"))
    executor.close()

    assert store.executors.is_alive(executor.id)


def test_folder_that_takes_no_locks_is_refused(store: Store, folder: Path) -> None:
    (folder / "executors").write_text("in the way")

    with pytest.raises(StoreError, match=r"local disk|lock file"):
        store.executors.enter()


def test_killed_process_is_dead_at_once_and_its_lease_can_be_taken(
    store: Store, folder: Path, executor: Executor
) -> None:
    """A real process and a real kill: no time-out, no heartbeat, no clean-up by the victim."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        holder, epoch = child.stdout.readline().split()
        assert store.executors.is_alive(holder)
        with pytest.raises(LeaseHeldError, match="run in a child"):
            store.leases.take("vm hx1/A", executor.id, purpose="too early")

        child.kill()
        child.wait()

        assert not store.executors.is_alive(holder)
        lease = store.leases.take("vm hx1/A", executor.id, purpose="takeover")
    assert lease.epoch == int(epoch) + 1
    with pytest.raises(FencedError):
        store.leases.check(Lease("vm hx1/A", int(epoch), holder))
