"""Whatever the text, a check ends with findings and never with an exception."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safepoint.estate import check_text, starter_estate

WHOLE = starter_estate(driver="native")
WORDS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "name", "spec", "safepoint/v1", "Policy", "Cluster", "gold",
     "ProtectionJob", "Connection", "include", "all", "nodes", "shares", "schedule", "timezone",
     "UTC", "14d", "on", "password", "a", ""]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | WORDS
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=25,
)
LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    ["a", "kind", ": ", ":", "- ", "\n", "\n  ", "\n\t", "---\n", "...\n", "[", "]", "{", "}", ",", "&x ",
     "*x", "!!str ", "!x ", "'", '"', "\\", "|\n", ">\n", "#", "%YAML 1.2\n", "? ", "<<", "\u2028",
     "\x85", "\ufeff", "0x", "1e9", "\U0001f600"]
)  # fmt: skip


@LIMITS
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text(text: str) -> None:
    checked = check_text(text)

    assert checked.errors or checked.estate is not None
    assert all(
        finding.line <= text.count("\n") + text.count("\r") + 1 for finding in checked.findings
    )


@LIMITS
@given(TREES, st.sampled_from(["Connection", "Cluster", "Policy", "ProtectionJob"]))
def test_any_tree(tree: Any, kind: str) -> None:
    document = {
        "apiVersion": "safepoint/v1",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": tree,
    }

    checked = check_text(yaml.safe_dump(document, allow_unicode=True))

    assert checked.errors or kind in ("Connection", "Policy")


@LIMITS
@given(
    st.dictionaries(
        st.text(max_size=5),
        SCALARS,
        max_size=4,
    )
)
def test_settings_arrive_as_they_were_written(content: Any) -> None:
    document = {
        "apiVersion": "safepoint/v1",
        "kind": "Connection",
        "metadata": {"name": "x"},
        "spec": {"driver": "d", "settings": content},
    }

    checked = check_text(json.dumps(document))

    if not checked.errors:
        assert checked.estate.connections["x"].spec.settings == content
    else:
        assert {finding.code for finding in checked.errors} <= {
            "secret-in-clear",
            "yaml-merge",
            "yaml-character",
            "yaml-syntax",
        }


@LIMITS
@given(st.integers(0, len(WHOLE)), st.integers(0, 20), st.lists(PIECES, max_size=2).map("".join))
def test_a_document_that_lost_some_bytes(start: int, length: Any, patch: str) -> None:
    checked = check_text(WHOLE[:start] + patch + WHOLE[start + length :])

    assert checked.errors or checked.estate is not None
