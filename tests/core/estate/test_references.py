"""Names between documents: unique, and leading somewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from safepoint.estate import CheckedEstate, check_estate


def test_duplicate_names_are_found_with_both_places(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text(documents["Policy"])
    (tmp_path / "b.yaml").write_text("# moved\n" + documents["Policy"].replace("gold", "GOLD"))

    findings = check_estate([tmp_path]).findings

    assert [(finding.file, finding.line, finding.code) for finding in findings] == [
        (str(tmp_path / "b.yaml"), 4, "duplicate-name")
    ]
    assert f"{tmp_path / 'a.yaml'}:3" in findings[0].summary


def test_kinds_have_names_of_their_own(
    check: Callable[[str], CheckedEstate], whole_estate: str
) -> None:
    text = whole_estate.replace("nightly", "gold").replace("name: c1", "name: hosts")

    assert check(text.replace("cluster: c1", "cluster: hosts")).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "field", "hint"),
    [
        ("connection: hosts", "connection: hots", "spec.connection", "did you mean hosts?"),
        ("policy: gold", "policy: Gold", "spec.policy", "did you mean gold?"),
        ("cluster: c1", "cluster: gold", "spec.cluster", "gold is a Policy, a Cluster is needed"),
        ("cluster: c1", "cluster: zzz", "spec.cluster", "known: c1"),
        ("hypervisor: hosts", "hypervisor: hosst", "spec.hypervisor", "did you mean hosts?"),
    ],
)
def test_dangling_references_are_found(
    check: Callable[[str], CheckedEstate],
    whole_estate: str,
    old: str,
    new: str,
    field: str,
    hint: str,
) -> None:
    (found,) = check(whole_estate.replace(old, new)).findings

    assert (found.code, found.field) == ("dangling-reference", field)
    assert hint in found.hint


def test_a_kind_that_is_not_there_at_all(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    findings = check(documents["Cluster"]).findings

    assert [finding.hint for finding in findings] == ["these files have no Connection at all"]


def test_a_document_that_is_wrong_in_itself_still_counts_as_there(
    check: Callable[[str], CheckedEstate], whole_estate: str
) -> None:
    findings = check(whole_estate.replace("kind: Policy", "kind: policy")).findings

    assert [finding.code for finding in findings] == ["unknown-kind"]


def test_a_document_that_is_no_yaml_still_counts_as_there(
    check: Callable[[str], CheckedEstate], whole_estate: str
) -> None:
    findings = check(whole_estate.replace("spec: {}", "spec: {")).findings

    assert [finding.code for finding in findings] == ["yaml-syntax"]


def test_references_are_not_judged_while_a_file_is_missing(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    (tmp_path / "job.yaml").write_text(documents["ProtectionJob"])

    findings = check_estate([tmp_path / "job.yaml", tmp_path / "policies.yaml"]).findings

    assert [finding.code for finding in findings] == ["no-file"]
