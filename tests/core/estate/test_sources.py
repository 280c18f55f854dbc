"""Files, folders and standard input; what cannot be read is a finding."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import ConfigError
from safepoint.estate import check_estate, load_estate


def test_a_folder_is_searched_at_any_depth_without_hidden_files(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.yml").write_text(documents["Connection"])
    (tmp_path / "sub" / "b.yaml").write_text(documents["Cluster"])
    (tmp_path / "sub" / "deep" / "c.yaml").write_text(documents["Policy"])
    (tmp_path / ".git" / "x.yaml").write_text("{")
    (tmp_path / ".hidden.yaml").write_text("{")
    (tmp_path / "notes.txt").write_text("{")

    estate = load_estate([tmp_path])

    assert [*estate.connections, *estate.clusters, *estate.policies] == ["hosts", "c1", "gold"]


def test_a_file_named_twice_is_read_once(tmp_path: Path, documents: dict[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(documents["Policy"])

    estate = load_estate([tmp_path, tmp_path / "a.yaml", str(tmp_path / "a.yaml")])

    assert list(estate.policies) == ["gold"]


def test_a_dash_is_standard_input(documents: dict[str, str]) -> None:
    stdin = io.BytesIO(documents["Policy"].replace("{}", "{x: 1}").encode())

    (found,) = check_estate(["-"], stdin=stdin).findings

    assert (found.file, found.line) == ("<stdin>", 4)


def test_documents_of_several_files_are_one_estate(
    tmp_path: Path, whole_estate: str, documents: dict[str, str]
) -> None:
    for kind, text in documents.items():
        (tmp_path / f"{kind}.yaml").write_text(text)
    together = tmp_path / "all.yaml"
    together.write_text(whole_estate)

    apart = load_estate([tmp_path / f"{kind}.yaml" for kind in reversed(documents)])

    assert apart.fingerprint == load_estate([together]).fingerprint


def test_a_byte_order_mark_is_no_part_of_the_text(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text(documents["Policy"], encoding="utf-8-sig")

    assert list(load_estate([tmp_path]).policies) == ["gold"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("apiVersion: safepoint/v1".encode("utf-16"), "UTF-16"),
        ("# f\u00fcr\nname: M\u00fcller".encode("latin-1"), "byte 0xfc on line 1"),
        (b"# fine\nname: \xff\n", "byte 0xff on line 2"),
    ],
)
def test_other_encodings_are_refused(tmp_path: Path, content: Any, says: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)

    (found,) = check_estate([tmp_path]).findings

    assert found.code == "encoding"
    assert says in found.summary
    assert "UTF-8" in found.hint


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path, documents: dict[str, str]) -> None:
    (tmp_path / "estate.yaml").write_text(documents["Policy"])

    (found,) = check_estate([tmp_path / "estat.yaml"]).findings

    assert (found.code, found.file) == ("no-file", str(tmp_path / "estat.yaml"))
    assert found.hint == "did you mean estate.yaml?"


def test_a_missing_folder_points_to_init(tmp_path: Path) -> None:
    (found,) = check_estate([tmp_path / "nowhere" / "estate.yaml"]).findings

    assert "safepoint init" in found.hint


def test_an_empty_folder_is_a_finding(tmp_path: Path) -> None:
    (found,) = check_estate([tmp_path]).findings

    assert (found.code, found.file) == ("no-documents", str(tmp_path))


def test_an_unreadable_file_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.symlink_to(path)

    (found,) = check_estate([path]).findings

    assert found.code in {"unreadable-file", "no-file"}


def test_every_source_is_tried_before_anything_is_refused(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    (tmp_path / "bad.yaml").write_text(documents["Policy"].replace("{}", "{x: 1}"))
    (tmp_path / "empty.yaml").write_text("")

    with pytest.raises(ConfigError) as caught:
        load_estate([tmp_path, tmp_path / "missing.yaml"])

    assert len(caught.value.findings) == 3
    assert "3 errors in 3 files" in caught.value.message


def test_naming_no_file_is_an_error_and_no_empty_estate() -> None:
    with pytest.raises(ConfigError) as caught:
        load_estate([])

    assert "no file was named" in caught.value.findings[0]


def test_relative_paths_start_from_the_folder_of_their_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: dict[str, str]
) -> None:
    folder = tmp_path / "estate"
    folder.mkdir()
    shares = "  shares: [{path: '\\\\fs01\\a', mount: mnt/a}, {path: '\\\\fs01\\b', mount: /b}]\n"
    text = documents["Connection"] + "---\n" + documents["Cluster"] + shares
    (folder / "a.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    cluster = load_estate([Path("estate/a.yaml")]).clusters["c1"]

    assert [share.mount for share in cluster.spec.shares] == [folder / "mnt/a", Path("/b")]


def test_a_mount_below_the_home_folder(tmp_path: Path, documents: dict[str, str]) -> None:
    shares = "  shares: [{path: '\\\\fs01\\a', mount: ~/mnt}]\n"
    (tmp_path / "a.yaml").write_text(
        documents["Connection"] + "---\n" + documents["Cluster"] + shares
    )

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(tmp_path / "me"))
        environment.setenv("USERPROFILE", str(tmp_path / "me"))
        cluster = load_estate([tmp_path]).clusters["c1"]

    assert cluster.spec.shares[0].mount == tmp_path / "me" / "mnt"
