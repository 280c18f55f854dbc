"""The native driver keeps every rule of the boundary, on a living lab."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers import Ability, CanCheckpoint, CanInspectStorage, Driver, DriverContext
from safepoint.models.refs import Ref
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.testing import CheckpointSuite
from safepoint.testing.rules_storage import StorageHarness
from safepoint.testing.suites_storage import StorageSuite
from safepoint_lab.daemon import Lab
from safepoint_native.driver import NativeDriver
from safepoint_native.settings import NativeSettings

LABS: dict[str, Lab] = {}


@pytest.fixture(autouse=True, scope="module")
def lab(tmp_path_factory):
    """One lab for all rules: two nodes, three VMs with small disks."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=3, disk_bytes=8 << 20, smb="path", speed=4.0) as started:
        LABS["lab"] = started
        yield started
    LABS.clear()


class NativeHarness(StorageHarness):
    """The lab's world is the truth; its faults are the product's."""

    cluster = "clu1"
    unsupported = MappingProxyType(
        {
            Ability.RUN_JOBS: "Hyper-V has no jobs",
            Ability.SUSPEND_RUNS: "Hyper-V has no jobs",
            Ability.INSTANT_RECOVERY: "a repository serves no disks to a running VM",
            Ability.REPLICATE: "Hyper-V Replica is not driven yet",
            Ability.HOLD_POINTS: "points do not age yet",
        }
    )

    def __init__(self) -> None:
        self.lab = LABS["lab"]
        self.secrets = (self.lab.password,)
        self._opened: list[Driver] = []
        self._folder = Path(tempfile.mkdtemp(prefix="safepoint-conformance-"))

    def _open(self, password: str) -> NativeDriver:
        status = self.lab.status()
        nodes = tuple(NodeAddress(name=n.name, address=n.url) for n in status.nodes)
        shares = (ShareInfo(path=r"\\fs01\vmstore1", mount=str(self._share())),)
        info = ClusterInfo(name=self.cluster, nodes=nodes, shares=shares)
        settings = NativeSettings(
            username=self.lab.username,
            password=SecretStr(password),
            ca=next(self.lab.folder.tls.glob("ca*.pem")),
            repository=self._folder / "repository",
        )
        context = DriverContext("conformance", lambda: datetime.now(UTC), self._folder, (info,))
        driver = NativeDriver(settings, context)
        self._opened.append(driver)
        return driver

    def _share(self) -> Path:
        disk = Path(self.lab.operations.vms()[0].disks[0].file)
        return disk.parents[1]

    @override
    def open(self) -> Driver:
        return self._open(self.lab.password)

    @override
    def open_checkpointing(self) -> CanCheckpoint:
        return self._open(self.lab.password)

    @override
    def open_with_wrong_password(self) -> Driver:
        return self._open("not-the-password")

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(vm.guid.upper() for vm in self.lab.operations.vms())

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.lab.operations.arm_fault("truncated-body", times=None, skip=after)

    @override
    def heal(self) -> None:
        self.lab.operations.clear_fault()

    @override
    def true_checkpoints(self, workload: Ref) -> frozenset[str]:
        return frozenset(c.guid.upper() for c in self.lab.operations.checkpoints(workload.id))

    @override
    def is_truly_merged(self, workload: Ref) -> bool:
        vm = self.lab.operations.vm(workload.id)
        return not vm.merging and all(disk.file.endswith(".vhdx") for disk in vm.disks)

    @override
    def add_foreign_checkpoint(self, workload: Ref) -> None:
        self.lab.operations.arm_fault("foreign-recovery-checkpoint", vm=workload.id)

    @override
    def lose_answer(self, method: str) -> None:
        name = {
            "create_checkpoint": "lost-answer-create",
            "delete_checkpoint": "lost-answer-delete",
        }
        self.lab.operations.arm_fault(name[method], times=1)

    @override
    def forget_operation(self, method: str) -> None:
        self.lab.operations.arm_fault("job-vanishes", times=1)

    @override
    def open_inspecting(self) -> CanInspectStorage:
        return self._open(self.lab.password)

    @override
    def true_disk_files(self) -> dict[str, int]:
        endings = {".vhdx", ".avhdx", ".rct", ".mrt"}
        return {
            r"\\fs01\vmstore1" + "\\" + str(one.relative_to(self._share())).replace("/", "\\"): (
                one.stat().st_size
            )
            for one in self._share().rglob("*")
            if one.suffix in endings
        }

    @override
    def leave_stray_file(self) -> str:
        folder = self._share() / "old" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "disk0_1.avhdx").write_bytes(b"left over by an earlier backup\n")
        return r"\\fs01\vmstore1\old\deep\disk0_1.avhdx"

    @override
    def take_share_away(self) -> None:
        self.lab.operations.arm_fault("share-offline")

    @override
    def true_free_bytes(self, share: str) -> int:
        return shutil.disk_usage(self._share()).free

    @override
    def close(self) -> None:
        shutil.rmtree(self._share() / "old", ignore_errors=True)
        self.lab.operations.clear_fault()
        cleaner = self._open(self.lab.password)
        for vm in self.lab.operations.vms():
            for checkpoint in self.lab.operations.checkpoints(vm.guid):
                ref = Ref(
                    kind="checkpoint",
                    system=self.cluster,
                    id=f"{vm.guid.upper()}/{checkpoint.guid.upper()}",
                )
                self.ended(cleaner, cleaner.delete_checkpoint(ref, key="clean"))
        assert self.lab.operations.wait_merged(timeout_seconds=20)
        for driver in self._opened:
            driver.close()


class TestNative(CheckpointSuite):
    """Every rule, required and of `CanCheckpoint`."""

    harness_class = NativeHarness


class TestNativeStorage(StorageSuite):
    """Every rule of `CanInspectStorage`."""

    harness_class = NativeHarness
