"""A repository is made once; one that is away is missed, and never made anew by accident."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from safepoint.errors import ConflictError, NotFoundError, UnreachableError
from safepoint_native.shelf import Shelf


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "mount" / "repository"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "drivers" / "hosts"


@pytest.fixture
def shelf(place: Path, memory: Path) -> Shelf:
    return Shelf("hosts", place, memory)


def _take_away(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))


def test_it_is_made_when_it_is_needed_for_the_first_time(shelf: Shelf, place: Path) -> None:
    made = shelf.open()
    assert made.path == place
    assert shelf.open() is made


def test_reading_makes_nothing(shelf: Shelf, place: Path) -> None:
    assert shelf.existing() is None
    assert shelf.problem() == ""
    with pytest.raises(NotFoundError):
        shelf.reading()
    assert not place.exists()


def test_one_that_is_away_is_not_made_anew(shelf: Shelf, place: Path, memory: Path) -> None:
    """Neither by whoever had it open, nor by the next process, nor by reading."""
    shelf.open()
    _take_away(place)
    for later in (shelf, Shelf("hosts", place, memory)):
        for look in (later.open, later.existing, later.reading):
            with pytest.raises(UnreachableError, match="any more"):
                look()
        assert "any more" in later.problem()
    assert not place.exists()


def test_a_folder_that_holds_something_else_is_a_problem_and_stays_as_it_is(
    shelf: Shelf, place: Path
) -> None:
    place.mkdir(parents=True)
    (place / "holiday.jpg").touch()
    assert "not empty" in shelf.problem()
    assert [one.name for one in place.iterdir()] == ["holiday.jpg"]


def test_it_is_there_again_when_its_disk_is(shelf: Shelf, place: Path) -> None:
    first = shelf.open().repository_id
    _take_away(place)
    with pytest.raises(UnreachableError):
        shelf.open()
    place.with_name("elsewhere").rename(place)
    assert shelf.open().repository_id == first


def test_a_copy_whose_repository_goes_away_makes_no_folder(shelf: Shelf, place: Path) -> None:
    repository = shelf.open()
    writer = repository.begin("p1", vm="clu1/VM1", tag="t1", created_at=datetime.now(UTC))
    _take_away(place)
    with pytest.raises(UnreachableError):
        repository.begin("p2", vm="clu1/VM2", tag="t2")
    with pytest.raises(UnreachableError):
        writer.add_file("machine.json", b"{}")
    writer.close()
    assert not place.exists()


def test_whoever_declares_it_anew_gets_a_new_one(shelf: Shelf, place: Path) -> None:
    """An apply is a person's word that the old one is gone."""
    first = shelf.open().repository_id
    _take_away(place)
    made = shelf.make()
    assert made.repository_id != first
    assert shelf.open() is made


def test_a_folder_of_another_connection_is_not_missed(shelf: Shelf, memory: Path) -> None:
    """Who changes the setting has another repository, which may be new."""
    shelf.open()
    other = Shelf("hosts", memory / "other", memory)
    assert other.existing() is None
    assert other.open().path == memory / "other"


def test_without_a_setting_there_is_none(memory: Path) -> None:
    shelf = Shelf("hosts", None, memory)
    assert shelf.existing() is None
    with pytest.raises(ConflictError, match="no repository"):
        shelf.open()
