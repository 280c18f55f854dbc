"""What was put is what is read, whatever the disk looked like."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError, UnknownNameError
from safepoint_native.repository import DiskExtent, Repository
from safepoint_native.repository.index import PointIndex

SIZE = 1 << 16
_numbers = itertools.count()

pieces = st.lists(
    st.tuples(
        st.integers(0, SIZE - 1),
        st.integers(1, 9000),
        st.sampled_from(["zeros", "noise", "same", "text"]),
    ),
    max_size=12,
)


def _content(kind: str, length: int, seed: int, kit: Any) -> bytes:
    if kind == "zeros":
        return bytes(length)
    if kind == "text":
        return (b"the quick brown fox " * (length // 20 + 1))[:length]
    return bytes(kit.noise(7 if kind == "same" else seed, length))


@given(wanted=pieces, level=st.sampled_from([0, 1]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_pieces_in_any_order_read_back(
    repository: Repository, kit: Any, wanted: Any, level: Any
) -> None:
    image, taken = bytearray(SIZE), bytearray(SIZE)
    number = next(_numbers)
    writer = repository.begin(f"h{number}", vm="vm", tag="t", level=level, pack_bytes=20_000)
    disk = writer.disk("d", SIZE)
    for seed, (offset, wish, kind) in enumerate(wanted):
        length = min(wish, SIZE - offset)
        if any(taken[offset : offset + length]):
            continue
        taken[offset : offset + length] = b"\1" * length
        image[offset : offset + length] = _content(kind, length, seed, kit)
        disk.put(offset, memoryview(image)[offset : offset + length])
    writer.seal()
    with repository.reader(f"h{number}") as reader:
        again = reader.disk("d")
        assert again.read_at(0, SIZE) == image
        assert again.read_at(SIZE // 3, SIZE // 3) == image[SIZE // 3 : SIZE // 3 * 2]
        _check_extents(list(again.extents()), image)
    assert repository.verify(f"h{number}").is_good


def _check_extents(extents: list[DiskExtent], image: bytearray) -> None:
    at = 0
    for number, (offset, length, is_data) in enumerate(extents):
        assert offset == at
        assert length > 0
        assert is_data or not any(image[offset : offset + length])
        assert number == 0 or is_data is not extents[number - 1].is_data
        at = offset + length
    assert at == len(image)


def test_point_tells_what_it_was_given(repository: Repository, kit: Any) -> None:
    frozen = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    writer = repository.begin(
        "p1", vm=kit.vm, tag="t", created_at=frozen, metadata={"job": "gold", "name": "sql01"}
    )
    disk = writer.disk("disk0", 1 << 20, metadata={"controller": "scsi0:0", "kind": "dynamic"})
    disk.put(4096, kit.noise(1, 4096))
    disk.put(8192, bytes(4096))
    writer.add_file("vm.vmcx", b"abc", metadata={"role": "configuration"})
    writer.add_file("empty", b"")
    sealed = writer.seal({"consistency": "application"})
    (listed,) = repository.points()
    assert listed == sealed == repository.point("p1")
    assert listed.created_at == frozen
    assert listed.vm == kit.vm
    assert listed.metadata == {"job": "gold", "name": "sql01", "consistency": "application"}
    assert [(d.name, d.size_bytes, dict(d.metadata)) for d in listed.disks] == [
        ("disk0", 1 << 20, {"controller": "scsi0:0", "kind": "dynamic"})
    ]
    assert [(f.name, f.size_bytes) for f in listed.files] == [("vm.vmcx", 3), ("empty", 0)]
    assert listed.put_bytes == 8192
    assert 4096 < listed.stored_bytes < 5000
    with repository.reader("p1") as reader:
        assert reader.disk_names() == ["disk0"]
        assert reader.file_names() == ["vm.vmcx", "empty"]
        assert reader.file("vm.vmcx") == b"abc"
        assert reader.file("empty") == b""
        with pytest.raises(UnknownNameError, match="disk9"):
            reader.disk("disk9")


def test_nothing_is_a_point_before_it_is_sealed(repository: Repository, kit: Any) -> None:
    writer = repository.begin("p1", vm=kit.vm, tag="t")
    writer.disk("d", kit.cell).put(0, kit.noise(1))
    assert not list(repository.points())
    writer.finish()
    assert not list(repository.points())
    with pytest.raises(NotFoundError):
        repository.verify("p1")
    with pytest.raises(NotFoundError):
        repository.reader("p1")
    assert repository.verify("p1", tag="t").is_good
    with repository.reader("p1", tag="t") as reader:
        assert reader.disk("d").read_at(0, kit.cell) == kit.noise(1)
    again = Repository.open(repository.path)  # another process may seal it
    assert again.seal("p1", tag="t") == again.seal("p1", tag="t") == repository.point("p1")
    assert repository.verify("p1").is_good


def test_a_discarded_copy_cannot_be_sealed(repository: Repository, kit: Any) -> None:
    writer = repository.begin("p1", vm=kit.vm, tag="mine")
    writer.disk("d", kit.cell).put(0, kit.noise(1))
    writer.finish()
    other = repository.begin("p2", vm=kit.vm, tag="other")
    other.disk("d", kit.cell).put(0, kit.noise(2))
    assert repository.discard("mine")
    assert not repository.discard("mine")
    with pytest.raises(NotFoundError):
        repository.seal("p1", tag="mine", vm=kit.vm)
    other.seal()
    assert [point.point_id for point in repository.points()] == ["p2"]
    assert repository.verify("p2").is_good


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 10), (4090, 10), (4096, 1), (0, 0), (0, 4097)]
)
def test_bytes_outside_the_disk_are_refused(
    repository: Repository, kit: Any, offset: int, length: int
) -> None:
    disk = repository.begin("p1", vm=kit.vm, tag="t").disk("d", 4096)
    with pytest.raises(InvalidRequestError, match="cannot put"):
        disk.put(offset, b"x" * length)


def test_overlapping_pieces_are_refused_before_anything_is_sealed(
    repository: Repository, kit: Any
) -> None:
    writer = repository.begin("p1", vm=kit.vm, tag="t")
    disk = writer.disk("d", 4096)
    disk.put(0, b"a" * 100)
    disk.put(99, b"b" * 100)
    with pytest.raises(InvalidRequestError, match="overlap"):
        writer.seal()
    assert not list(repository.points())


def test_names_and_ids_are_taken_once(repository: Repository, kit: Any) -> None:
    writer = repository.begin("p1", vm=kit.vm, tag="t")
    writer.disk("d", 10)
    with pytest.raises(ConflictError):
        writer.add_file("d", b"")
    writer.seal()
    with pytest.raises(ConflictError):
        writer.disk("e", 10)
    with pytest.raises(ConflictError):
        repository.begin("p1", vm=kit.vm, tag="t")


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", ".", "..", "CON", "nul", "ü~ %", "a" * 99])
def test_any_key_is_safe_as_a_name(repository: Repository, name: str) -> None:
    writer = repository.begin(name, vm=name, tag="t")
    writer.disk(name, 4).put(0, b"data")
    writer.seal()
    (point,) = repository.points(name)
    assert (point.point_id, point.vm) == (name, name)
    assert repository.verify(name).is_good
    inside = {path.relative_to(repository.path).parts[0] for path in repository.path.rglob("*")}
    assert inside == {"packs", "points", "README.txt", "restore.py", "safepoint-repository.json"}


@pytest.mark.parametrize("tag", ["", "a.b", "a/b", "x" * 81, "ä"])
def test_a_tag_that_could_not_be_found_again_is_refused(repository: Repository, tag: str) -> None:
    with pytest.raises(InvalidRequestError):
        repository.begin("p", vm="v", tag=tag)
    with pytest.raises(InvalidRequestError):
        repository.discard(tag)


def test_two_runs_write_at_the_same_time(repository: Repository, kit: Any) -> None:
    """Four points by four threads, four threads on one disk, all interleaved."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            writer = repository.begin(f"p{number}", vm=f"vm{number % 2}", tag=f"t{number}")
            disk = writer.disk("d", 64 * kit.cell)
            cells = iter(range(64))
            lock = threading.Lock()

            def put() -> None:
                while True:
                    with lock:
                        cell = next(cells, None)
                    if cell is None:
                        return
                    disk.put(cell * kit.cell, kit.noise(cell % 50 + 100 * number))

            threads = [threading.Thread(target=put) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            writer.seal()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for number in range(4):
        assert repository.verify(f"p{number}").is_good
        with repository.reader(f"p{number}") as reader:
            image = reader.disk("d").read_at(0, 64 * kit.cell)
        wanted = b"".join(kit.noise(cell % 50 + 100 * number) for cell in range(64))
        assert image == wanted
        index = repository.path / "points" / f"vm{number % 2}" / f"p{number}.index"
        records = PointIndex.decode(index.read_bytes(), "index").records
        assert len(records) == 50  # equal cells were stored once, although threads raced


def test_opening_something_else_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no safepoint repository"):
        Repository.open(tmp_path)
    (tmp_path / "file").write_text("x")
    for opener in (Repository.create, Repository.open_or_create):
        with pytest.raises(ConflictError, match="not empty"):
            opener(tmp_path)


def test_created_once_opened_ever_after(tmp_path: Path) -> None:
    made = Repository.open_or_create(tmp_path / "new" / "deep")
    assert Repository.open_or_create(made.path).repository_id == made.repository_id
    assert made.free_bytes() > 0
    with pytest.raises(ConflictError):
        Repository.create(made.path)
