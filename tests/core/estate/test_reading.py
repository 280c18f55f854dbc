"""How text becomes values: the rules of YAML 1.2, every problem with its line."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from safepoint.estate import reading
from safepoint.estate.nodes import locate
from safepoint.estate.reading import read_text


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every rule holds with libyaml and with the slower parser that is always there."""
    loader = getattr(yaml, request.param, None)
    if loader is None:
        pytest.skip("PyYAML was built without libyaml here")
    monkeypatch.setattr(reading, "_LOADER", loader)
    return request.param


def plain(text: str) -> list[object]:
    result = read_text(text)

    assert result.problems == []
    return [document.root.plain() for document in result.documents]


def problems(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in read_text(text).problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("22:00", "22:00"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("007", 7),
        ("-3", -3),
        ("0o17", 15),
        ("0xff", 255),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("-", None),
        ("'007'", "007"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("!!float 5", 5),
    ],
)
def test_words_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    if written == "-":
        written, meant = "'-'", "-"

    assert plain(f"a: {written}\n") == [{"a": meant}]


def test_a_number_of_a_thousand_digits_is_text() -> None:
    digits = "9" * 1000

    assert plain(f"a: {digits}") == [{"a": digits}]


def test_documents_are_separate_and_keep_their_lines() -> None:
    result = read_text("# first\na: 1\n---\n---\n# second\nb:\n  - c: 1\n    d: 2\n...\n")

    assert [document.root.plain() for document in result.documents] == [
        {"a": 1},
        None,
        {"b": [{"c": 1, "d": 2}]},
    ] or [document.root.plain() for document in result.documents] == [
        {"a": 1},
        {"b": [{"c": 1, "d": 2}]},
    ]
    place = locate(result.documents[-1].root, ("b", 0, "d"))
    assert (place.field, place.line) == ("b[0].d", 8)


def test_a_line_of_dashes_inside_of_a_block_is_only_a_border_at_its_beginning() -> None:
    assert plain("a: |\n  --- x\n  y\n---\nb: 1\n") == [{"a": "--- x\ny\n"}, {"b": 1}]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_count_alike_whatever_ends_them(newline: str) -> None:
    text = newline.join(["a: 1", "---", "b: 1", "b: 2", ""])

    assert problems(text) == [(4, "duplicate-key")]


def test_a_broken_document_does_not_hide_its_neighbours() -> None:
    result = read_text("a: 1\n---\nname: lost\nb: [\n---\nc: 'x\n---\nd: 4\n")

    assert [document.root.plain() for document in result.documents] == [{"a": 1}, {"d": 4}]
    assert [(p.line, p.code) for p in result.problems] == [(4, "yaml-syntax"), (6, "yaml-syntax")]
    assert result.lost_names == {"lost"}


def test_a_tab_is_named_as_such() -> None:
    result = read_text("a:\n  b: 1\n\tc: 2\n")

    assert [(p.line, p.code) for p in result.problems] == [(3, "yaml-tab")]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "duplicate-key"),
        ("a: {b: 1, b: 2}\n", 1, "duplicate-key"),
        ("a: 1\nb: !secret x\n", 2, "yaml-tag"),
        ("a: !!python/object:os.system x\n", 1, "yaml-tag"),
        ("a: !!binary eA==\n", 1, "yaml-tag"),
        ("a: !!set {x, y}\n", 1, "yaml-tag"),
        ("a: !!int x\n", 1, "yaml-tag"),
        ("%TAG !e! tag:x,2000:\n---\na: !e!x 1\n", 1, "yaml-tag"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "yaml-merge"),
        ("a: 1\n5: 2\n", 2, "yaml-key"),
        ("? [a, b]\n: 1\n", 1, "yaml-key"),
        ("a: 1\nb: *nothing\n", 2, "yaml-alias"),
        ("a: 1\nb: &x [*x]\n", 2, "yaml-alias"),
        ("a: 1\nb: \x07\n", 2, "yaml-character"),
        ("a: 1\nb: x\u2028\n", 2, "yaml-character"),
        ("a: 1\nb: x\x85\n", 2, "yaml-character"),
        ("a: 1\nb: x: y\n", 2, "yaml-syntax"),
        ("a: 1\nb: @x\n", 2, "yaml-syntax"),
        ("a: 1\nb: '\\x\n", 2, "yaml-syntax"),
        ('a: 1\nb: "\\q"\n', 2, "yaml-syntax"),
        ("- *.vhdx\n", 1, "yaml-syntax"),
    ],
)
def test_what_is_not_allowed_is_found_with_its_line(text: str, line: int, code: str) -> None:
    assert (line, code) in problems(text)


def test_aliases_stand_for_whole_values() -> None:
    assert plain("a: &x [1, 2]\nb: *x\n") == [{"a": [1, 2], "b": [1, 2]}]


def test_deep_nesting_is_refused_and_never_ends_the_process() -> None:
    assert problems("[" * 100_000) == [(1, "yaml-depth")]


def test_a_chain_of_aliases_counts_as_nesting() -> None:
    chain = "\n".join(f"x{i}: &a{i} [{f'*a{i - 1}' if i else 1}]" for i in range(200))

    assert [code for _, code in problems(chain)] == ["yaml-depth"]


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    rows = [f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10) if i else 1}]" for i in range(12)]

    assert [code for _, code in problems("\n".join(rows))] == ["yaml-size"]


@pytest.mark.parametrize(
    "text",
    [
        "password: *S3cretValue\n",
        "password: !S3cretValue x\n",
        "password: !S3cretValue!x y\n",
        "password: &S3cretValue\n: x: y",
        "password: @S3cretValue\n",
        'password: "S3cretValue\\q"\n',
        "password: S3cretValue: x\n",
        "password: 'S3cretValue\n",
        "password: [S3cretValue\n",
    ],
)
def test_no_complaint_about_syntax_repeats_the_text(text: str) -> None:
    result = read_text(text)

    assert result.problems
    assert "S3cretValue" not in repr(result.problems)
