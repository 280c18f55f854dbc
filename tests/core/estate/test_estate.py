"""The estate as others use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from pydantic import ValidationError

from safepoint.errors import UnknownNameError
from safepoint.estate import Estate
from safepoint.models.estate import Cluster, ClusterNode, ClusterSpec, Metadata


def test_documents_are_found_by_kind_and_name(
    load: Callable[[str], Estate], whole_estate: str
) -> None:
    estate = load(whole_estate)

    assert estate.jobs["nightly"].spec.connection == "hosts"
    assert estate.connection("hosts").spec.driver == "native"
    assert estate.cluster("c1").spec.nodes[0].name == "hv01"
    assert estate.policy("gold").spec.consistency == "application"
    assert estate.policy("gold").spec.fallback == "fail"
    assert estate.job("nightly").spec.verify is True


def test_an_unknown_name_gets_a_suggestion(
    load: Callable[[str], Estate], whole_estate: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load(whole_estate).job("nigthly")

    assert caught.value.message == "no job is called nigthly"
    assert caught.value.hint == "did you mean nightly?"


def test_an_unknown_name_in_an_empty_estate(
    load: Callable[[str], Estate], documents: dict[str, str]
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load(documents["Policy"]).job("nightly")

    assert caught.value.hint == "the estate has no job at all"


def test_the_mappings_cannot_be_changed(load: Callable[[str], Estate], whole_estate: str) -> None:
    estate = load(whole_estate)

    with pytest.raises(TypeError):
        cast("dict[str, object]", estate.jobs)["other"] = None
    with pytest.raises(ValidationError):
        setattr(estate.jobs["nightly"], "spec", None)  # noqa: B010  # mypy would refuse it too
    with pytest.raises(KeyError):
        estate.jobs["other"]


def test_a_document_knows_where_it_came_from(
    load: Callable[[str], Estate], whole_estate: str
) -> None:
    estate = load(whole_estate)

    source = estate.source(estate.job("nightly"))

    assert (source.file, source.line) == ("e.yaml", 20)


FIRST = """\
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {retention: {keepFor: 14d}}
"""


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + FIRST,
        FIRST.replace("14d", "2w"),
        FIRST.replace("14d", "336h"),
        FIRST.replace("{retention", "{consistency: application, retention"),
        "{spec: {retention: {keepFor: 14d}}, metadata: {name: gold},\n kind: Policy, apiVersion: safepoint/v1}",
    ],
)
def test_the_fingerprint_ignores_what_makes_no_difference(
    load: Callable[[str], Estate], same: str
) -> None:
    assert load(same).fingerprint == load(FIRST).fingerprint


@pytest.mark.parametrize(
    ("old", "new"), [("14d", "15d"), ("gold", "Gold"), ("keepFor: 14d", "keepAtLeast: 14")]
)
def test_the_fingerprint_sees_every_change(
    load: Callable[[str], Estate], old: str, new: str
) -> None:
    assert load(FIRST.replace(old, new)).fingerprint != load(FIRST).fingerprint


def test_the_fingerprint_does_not_depend_on_the_folder(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    from safepoint.estate import load_estate

    share = "  shares: [{path: '\\\\fs01\\a', mount: mnt/a}]\n"
    prints = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / f"{name}.yaml"
        file.write_text(documents["Connection"] + "---\n" + documents["Cluster"] + share)
        prints.append(load_estate([file]).fingerprint)

    assert prints[0] == prints[1]


def test_python_code_may_use_the_snake_case_names() -> None:
    cluster = Cluster(
        metadata=Metadata(name="c1"),
        spec=ClusterSpec(hypervisor="hosts", nodes=(ClusterNode(name="hv01", address="hv01"),)),
    )

    assert cluster.model_dump(by_alias=True)["spec"]["limits"] == {"perNode": 2, "perShare": 4}
    assert cluster.spec.limits.per_node == 2
