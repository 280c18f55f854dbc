"""`safepoint audit` from the outside: bad input is said, and nothing is done."""

from __future__ import annotations

import pytest

from safepoint.cli.app import main


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "list", "--since", "1x"],
        ["audit", "list", "--since", "999999d"],
        ["audit", "list", "--limit", "0"],
        ["audit", "verify", "--head", "garbage"],
    ],
)
def test_bad_input_is_a_usage_error(words, capsys) -> None:
    assert main(words) == 2
    assert "error" in capsys.readouterr().err
