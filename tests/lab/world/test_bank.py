"""The bank tells application, crash and torn copies apart, always."""

from __future__ import annotations

import random

import pytest

from safepoint_lab.world.bank import BANK_BYTES, PAGE_BYTES, Bank, State, judge, new_bank, recover
from safepoint_lab.world.bank.ledger import PageWrite

TRIALS = 25


def apply(file: bytearray, write: PageWrite) -> None:
    file[write.offset : write.offset + PAGE_BYTES] = write.data


def reader(file: bytes | bytearray):
    return lambda offset, length: bytes(file[offset : offset + length])


def run(bank: Bank, file: bytearray, transactions: int) -> None:
    for _ in range(transactions):
        for write in bank.transaction():
            apply(file, write)


def fresh(seed: int) -> tuple[Bank, bytearray]:
    bank = new_bank(random.Random(seed))
    return bank, bytearray(bank.image())


def test_a_new_bank_is_at_rest():
    _, file = fresh(1)
    verdict = judge(reader(file))
    assert len(file) == BANK_BYTES
    assert (verdict.state, verdict.transaction) == (State.APPLICATION, 0)


@pytest.mark.parametrize("seed", range(TRIALS))
def test_frozen_between_any_two_writes_is_a_crash_with_every_commit_kept(seed):
    bank, file = fresh(seed)
    rng = random.Random(seed)
    run(bank, file, rng.randrange(40))
    committed = bank.committed
    writes = [*bank.transaction(), *bank.transaction()]
    cut = rng.randrange(1, len(writes))
    for write in writes[:cut]:
        apply(file, write)
    verdict = judge(reader(file))
    assert verdict.state is State.CRASH
    assert committed <= verdict.transaction <= bank.committed


@pytest.mark.parametrize("seed", range(TRIALS))
def test_brought_to_rest_is_application_consistent_and_loses_nothing(seed):
    bank, file = fresh(seed)
    run(bank, file, seed)
    for write in bank.rest():
        apply(file, write)
    verdict = judge(reader(file))
    assert (verdict.state, verdict.transaction) == (State.APPLICATION, seed)


@pytest.mark.parametrize("seed", range(TRIALS))
@pytest.mark.parametrize("backwards", [False, True])
def test_copied_page_by_page_while_running_is_torn(seed, backwards):
    bank, file = fresh(seed)
    run(bank, file, 20 + seed)
    rng = random.Random(seed)
    copy = bytearray(BANK_BYTES)
    pages = range(BANK_BYTES // PAGE_BYTES)
    for number in reversed(pages) if backwards else pages:
        at = number * PAGE_BYTES
        copy[at : at + PAGE_BYTES] = file[at : at + PAGE_BYTES]
        run(bank, file, rng.randrange(1, 4))
    assert judge(reader(copy)).state is State.TORN


def test_a_flipped_bit_is_torn():
    bank, file = fresh(3)
    run(bank, file, 5)
    file[30 * PAGE_BYTES + 100] ^= 1
    assert judge(reader(file)).state is State.TORN


def test_a_lost_page_write_is_torn():
    bank, file = fresh(4)
    run(bank, file, 40)
    old = bytes(file)
    changed = None
    while changed is None:
        run(bank, file, 30)
        changed = next(
            (
                n
                for n in range(17, 65)
                if old[n * PAGE_BYTES :][:PAGE_BYTES] != file[n * PAGE_BYTES :][:PAGE_BYTES]
            ),
            None,
        )
    file[changed * PAGE_BYTES : (changed + 1) * PAGE_BYTES] = old[changed * PAGE_BYTES :][
        :PAGE_BYTES
    ]
    assert judge(reader(file)).state is State.TORN


def test_a_crashed_bank_recovers_and_goes_on():
    bank, file = fresh(5)
    run(bank, file, 13)
    for write in list(bank.transaction())[:1]:
        apply(file, write)
    restarted = recover(reader(file), random.Random(9))
    for write in restarted.restate():
        apply(file, write)
    assert judge(reader(file)).state is State.APPLICATION
    assert restarted.committed == 14
    image = file
    run(restarted, image, 30)
    verdict = judge(reader(image))
    assert (verdict.state, verdict.transaction) == (State.CRASH, 44)
