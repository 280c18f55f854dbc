"""A lab that is killed while it replicates comes back with two sides that can be made equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.world.killing import run_and_kill
from tests.lab.world.pairs import CLEAN_OFF, START, Pair, make_world

from safepoint_lab.world.cells import cell_digests
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.replication.numbers import ReplicationState
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

#: Replicates, fails over, takes it back, tests and resynchronises for ever; the guest writes on.
CHURN = """
import os, random, sys, threading
from datetime import timedelta
from pathlib import Path
from safepoint_lab.world.model import Refused
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World

world = World.open(Path(sys.argv[1]), Timings(speed=200.0))
world.start()
rng, replication = random.Random(int(sys.argv[2])), world.replication
vm, replica = world.vm_named("sql01"), world.vm_named("sql01@clu-dr")
guest = world.guest(vm.key)

def write():
    while True:
        if guest.step():
            os.write(1, b"step\\n")
        if rng.random() < 0.03:
            guest.write_file(f"W{rng.randrange(5)}.BIN", rng.randbytes(rng.randrange(1, 60_000)))

def do(method, *arguments, node):
    try:
        world.wait_job(method(*arguments, node=node), 20.0)
    except Refused:
        pass

threading.Thread(target=write, daemon=True).start()
while True:
    os.write(1, b"deed\\n")
    deed, there = rng.random(), replica.node
    if deed < 0.5:
        world.advance(timedelta(minutes=20))
    elif deed < 0.75:
        point = rng.choice([None, *(each.guid for each in replication.points(replica))])
        do(replication.fail_over, replica.guid, point, node=there)
        do(replication.revert, replica.guid, node=there)
    elif deed < 0.85:
        do(replication.resynchronize, vm.guid, node=vm.node)
    else:
        do(replication.test_replica, replica.guid, None, node=there)
        test = replication.test_of(replica)
        if test is not None:
            do(world.destroy_vm, test.guid, node=test.node)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("killed")
    world = make_world(made, 1)
    pair = Pair(world, "sql01")
    pair.create(history_hours=3)
    pair.begin()
    world.stop()
    return made


def settle(pair: Pair) -> None:
    """Do what an administrator would, until both sides replicate."""
    replication, replica = pair.world.replication, pair.replica
    test = replication.test_of(replica)
    if test is not None:
        pair.finish(pair.world.destroy_vm(test.guid, node=test.node))
    if pair.record(replica).state is ReplicationState.RECOVERED:
        pair.finish(replication.revert(replica.guid, node=replica.node))
    pair.cycle()
    if pair.states() != (ReplicationState.REPLICATING, ReplicationState.REPLICATING):
        pair.finish(replication.resynchronize(pair.vm.guid, node=pair.vm.node))


@pytest.mark.parametrize("seed", range(2))
def test_both_sides_can_be_made_equal(folder: Path, seed: int) -> None:
    run_and_kill(CHURN, folder, seed, deeds=12)
    world = World.open(folder, Timings(speed=50))
    world.start()
    try:
        pair = Pair(world, "sql01")
        settle(pair)
        pair.power(pair.vm, CLEAN_OFF)
        pair.cycle()
        assert pair.content(pair.vm) == pair.content(pair.replica)
        for vm in (pair.vm, pair.replica):  # and the lab's ground truth agrees
            for disk in vm.disks:
                with world.guest(vm.key).lock, open_chain(world.storage.chain(disk)) as chain:
                    found = cell_digests(chain.read_at, chain.size_bytes)
                    assert found == world.storage.shadow(vm, disk).cells()
        assert world.guest(pair.vm.key).inspect().bank.state == "application"
        pair.power(pair.vm, START)
    finally:
        world.stop()
    assert world.scheduler.failures == []
