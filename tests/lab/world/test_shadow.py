"""The ground truth goes back to any checkpoint, also after a restart."""

from __future__ import annotations

import random

import pytest
from blake3 import blake3

from safepoint_lab.world.cells import CELL_BYTES, cell_digests, disk_digest
from safepoint_lab.world.shadow import Shadow

SIZE = 3 * CELL_BYTES + 4096 * 5


@pytest.fixture
def shadow(tmp_path):
    made = Shadow(tmp_path / "shadow", SIZE)
    yield made
    made.close()


def content(shadow: Shadow) -> bytes:
    return shadow.read_at(0, SIZE)


def scribble(shadow: Shadow, rng: random.Random, writes: int) -> None:
    for _ in range(writes):
        length = rng.randrange(1, 30_000)
        shadow.write_at(rng.randrange(SIZE - length), rng.randbytes(length))


def test_digests_follow_every_write(shadow, rng):
    for _ in range(5):
        scribble(shadow, rng, 3)
        assert shadow.cells() == cell_digests(shadow.read_at, SIZE)


def test_the_digest_of_a_disk_can_be_computed_by_anybody(shadow, rng):
    scribble(shadow, rng, 10)
    data = content(shadow)
    cells = [data[at : at + CELL_BYTES] for at in range(0, SIZE, CELL_BYTES)]
    wanted = blake3(b"".join(blake3(cell).digest() for cell in cells)).hexdigest()
    assert disk_digest(shadow.cells()) == wanted


def test_going_back_to_any_checkpoint_in_any_order(shadow, rng):
    moments = {}
    for name in ("A", "B", "C"):
        scribble(shadow, rng, 6)
        shadow.freeze(name)
        moments[name] = content(shadow)
    scribble(shadow, rng, 6)
    for name in ("B", "A", "C", "A", "B"):
        shadow.revert(name)
        assert content(shadow) == moments[name]
        scribble(shadow, rng, 2)


def test_checkpoints_survive_reopening_and_a_torn_tail(shadow, tmp_path, rng):
    scribble(shadow, rng, 4)
    shadow.freeze("A")
    before = content(shadow)
    scribble(shadow, rng, 4)
    shadow.close()
    with (tmp_path / "shadow" / "A.undo").open("ab") as file:
        file.write(b"half a record")
    again = Shadow(tmp_path / "shadow", SIZE)
    scribble(again, rng, 4)
    again.revert("A")
    assert content(again) == before
    again.release("A")
    again.release("A")
    assert again.checkpoints == ()
    again.close()
    assert not (tmp_path / "shadow" / "A.undo").exists()
