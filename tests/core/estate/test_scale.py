"""Large estates load, wrong ones too; work that grows with the square would meet the time limit."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.estate import check_text


@pytest.fixture
def large(documents: dict[str, str]) -> Any:
    jobs = [
        documents["ProtectionJob"]
        .replace("nightly", f"job{job}")
        .replace("[{all: true}]", "".join(f"\n    - name: vm-{job}-{vm}" for vm in range(34)))
        for job in range(300)
    ]
    return "---\n".join(
        [documents["Connection"], documents["Cluster"], documents["Policy"], *jobs]
    )


def test_ten_thousand_names_in_three_hundred_jobs(large: str) -> None:
    estate = check_text(large).estate

    assert len(estate.jobs) == 300
    assert len(estate.fingerprint) == 64


@pytest.mark.slow
def test_ten_thousand_mistakes(large: str) -> None:
    checked = check_text(large.replace("- name: vm", "- nmae: vm"))

    assert (
        len([finding for finding in checked.findings if finding.code == "unknown-field"]) == 10_200
    )
