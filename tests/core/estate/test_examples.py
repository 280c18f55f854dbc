"""The examples are estates that work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from safepoint.estate import Selection, check_estate, check_text, starter_estate
from safepoint_commvault.settings import CommvaultJobBlock, CommvaultSettings
from safepoint_native.settings import NativeSettings
from safepoint_veeam.block import VeeamJobBlock
from safepoint_veeam.settings import VeeamSettings

EXAMPLES = Path(__file__).parents[3] / "examples"
ESTATES = sorted(
    path for path in EXAMPLES.iterdir() if path.suffix == ".yaml" or path.name == "department"
)


@pytest.mark.parametrize("path", ESTATES, ids=lambda path: path.name)
def test_each_example_is_valid_without_a_warning(path: Any) -> None:
    assert [finding.render() for finding in check_estate([path]).findings] == []


@pytest.mark.parametrize("path", ESTATES, ids=lambda path: path.name)
def test_each_example_suits_the_driver_it_names(path: Path) -> None:
    models: dict[str, type[BaseModel]] = {
        "native": NativeSettings,
        "commvault": CommvaultSettings,
        "veeam": VeeamSettings,
    }
    blocks: dict[str, type[BaseModel]] = {"commvault": CommvaultJobBlock, "veeam": VeeamJobBlock}
    checked = check_estate([path], settings_model=models.get, job_block=blocks.get)

    assert [finding.render() for finding in checked.findings] == []


def test_the_first_estate_suits_the_driver_that_comes_with_safepoint() -> None:
    text = starter_estate(driver="native", settings=NativeSettings)

    checked = check_text(text, settings_model={"native": NativeSettings}.get)

    assert [finding.render() for finding in checked.findings] == []


def test_the_readme_lists_exactly_the_examples() -> None:
    listed = set(
        re.findall(r"^\| \[([^]/]+)/?\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    )

    assert listed == {path.name for path in ESTATES}


def test_the_jobs_of_the_department_share_no_vm() -> None:
    class Vm:
        node = "hv01"
        disks = (type("Disk", (), {"path": r"\\ham-fs01\vmstore1\x\d.vhdx"})(),)

        def __init__(self, name: str) -> None:
            self.name = name

    estate = check_estate([EXAMPLES / "department"]).estate
    chosen = {
        name: [vm for vm in ("sql1", "ora01", "web", "x-tmp") if Selection(job).includes(Vm(vm))]
        for name, job in estate.jobs.items()
        if job.spec.cluster == "hamburg"
    }

    assert chosen == {"hamburg-databases": ["sql1", "ora01"], "hamburg-servers": ["web"]}
