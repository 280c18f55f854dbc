"""Large estates load in a second or two, wrong ones too."""

from __future__ import annotations

import time
from typing import Any

import pytest

from safepoint.estate import check_text

SECONDS = 15  # ten times what is usual; work that grows with the square takes minutes


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
    started = time.perf_counter()
    estate = check_text(large).estate

    assert len(estate.jobs) == 300
    assert len(estate.fingerprint) == 64
    assert time.perf_counter() - started < SECONDS


@pytest.mark.slow
def test_ten_thousand_mistakes(large: str) -> None:
    started = time.perf_counter()
    checked = check_text(large.replace("- name: vm", "- nmae: vm"))

    assert (
        len([finding for finding in checked.findings if finding.code == "unknown-field"]) == 10_200
    )
    assert time.perf_counter() - started < SECONDS
