"""Names that say whose a checkpoint is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safepoint.lifecycle import checkpoint_name, is_our_name, new_tag

_TAG = "0123456789abcdef"


def test_tags_are_16_hex_digits_and_never_the_same() -> None:
    tags = {new_tag() for _ in range(200)}

    assert len(tags) == 200
    assert all(len(tag) == 16 and set(tag) <= set("0123456789abcdef") for tag in tags)


def test_name_holds_the_label_and_the_tag() -> None:
    assert checkpoint_name(_TAG, "gold") == f"safepoint gold ({_TAG})"
    assert checkpoint_name(_TAG) == f"safepoint ({_TAG})"


@given(label=st.text(max_size=200))
def test_any_label_gives_a_plain_name_that_is_recognised(label: str) -> None:
    name = checkpoint_name(_TAG, label)

    assert is_our_name(name) == _TAG
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 80
    assert not set(name) & set("<>&\"'\\/|;$`")


@pytest.mark.parametrize(
    "tag", ["", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdefg", "x"]
)
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="not a tag"):
        checkpoint_name(tag)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Veeam Recovery Checkpoint",
        f"safepoint gold {_TAG}",
        f"safepoint gold ({_TAG}) copy",
        f"my safepoint gold ({_TAG})",
        f"safepoint two words ({_TAG})",
        f"safepoint gold ({_TAG.upper()})",
        f"safepoint gold ({_TAG})\n",
        f"Safepoint gold ({_TAG})",
    ],
)
def test_what_we_did_not_name_is_not_ours(name: str) -> None:
    assert is_our_name(name) is None
