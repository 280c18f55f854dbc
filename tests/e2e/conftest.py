"""A lab in this process and the command line on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from safepoint.cli.app import main
from safepoint.models.refs import Ref
from safepoint.models.runs import Task
from safepoint.store import Store
from safepoint_lab.daemon import Lab


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass
class Site:
    """A lab, a home, and the command line between them."""

    lab: Lab
    home: Path
    capture: pytest.CaptureFixture[str]
    extra: list[str] = field(default_factory=list)

    def safepoint(self, *words: str) -> Said:
        """Run a command as a person would."""
        self.capture.readouterr()
        code = main(["--estate", str(self.lab.estate), *words])
        out, err = self.capture.readouterr()
        assert "Traceback" not in out + err
        assert self.lab.password not in out + err, "a secret was printed"
        return Said(code, out, err)

    def store(self) -> Store:
        """Open the journal."""
        return Store(self.home)

    def frozen_by(self, task: Task | dict[str, Any]) -> str:
        """Return the GUID of the checkpoint that a task's point was copied from."""
        if isinstance(task, dict):
            task = Task.model_validate(task)
        with self.store() as store:
            rows = store.checkpoints.of_run(task.run)
            native = [r.native for r in rows if r.workload == task.workload and r.native][-1]
        return native.id.split("/")[1]

    def assert_clean(self) -> None:
        """Nothing is left: no checkpoint, no lease, no open row, no unsealed file."""
        assert self.lab.operations.wait_merged(timeout_seconds=20)
        assert self.lab.operations.checkpoints() == []
        with self.store() as store:
            assert store.checkpoints.open() == ()
            assert store.leases.held() == {}
        repository = self.lab.folder.root / "repository"
        assert not list(repository.rglob("*.partial"))


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two nodes, three VMs with small disks, shares as folders; shared by a module."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=3, disk_bytes=16 << 20, smb="path") as lab:
        yield lab


@pytest.fixture
def site(small_lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    """The module's lab with a home of the test's own; faults are cleared afterwards."""
    try:
        yield Site(small_lab, tmp_path / "home", capsys)
    finally:
        small_lab.operations.clear_fault()


@pytest.fixture
def site_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Lab], Site]:
    """Put a command line on a lab of the test's own."""
    return lambda lab: Site(lab, tmp_path / "home", capsys)


@pytest.fixture
def vm_ref() -> Callable[[str], Ref]:
    """Make the handle of a lab VM."""
    return lambda guid: Ref(kind="workload", system="clu1", id=guid.upper())
