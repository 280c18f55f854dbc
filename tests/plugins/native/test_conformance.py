"""The native driver keeps every rule of the boundary, on a living lab."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

import pytest
from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers import (
    Ability,
    CanCheckpoint,
    CanInspectStorage,
    CanManage,
    Driver,
    DriverContext,
)
from safepoint.errors import UnreachableError
from safepoint.models.estate import Cluster
from safepoint.models.refs import Ref
from safepoint.models.systems import ClusterInfo, NodeAddress, ShareInfo
from safepoint.testing import CheckpointSuite, ManageHarness, ManageSuite
from safepoint.testing.rules_storage import StorageHarness
from safepoint.testing.suites_storage import StorageSuite
from safepoint_lab.daemon import Lab
from safepoint_native.driver import NativeDriver
from safepoint_native.managing.registry import Registry
from safepoint_native.settings import NativeSettings
from safepoint_native.sources.filesystem import LocalFileSystem, ReadableFile

LABS: dict[str, Lab] = {}


@pytest.fixture(autouse=True, scope="module")
def lab(tmp_path_factory):
    """One lab for all rules: two nodes, three VMs with small disks."""
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(folder, nodes=2, vms=3, disk_bytes=8 << 20, smb="path", speed=4.0) as started:
        LABS["lab"] = started
        yield started
    LABS.clear()


class FailingShare(LocalFileSystem):
    """A folder whose share goes away when it is told to."""

    def __init__(self) -> None:
        self.opens_left: int | None = None
        """How many files can still be opened; None for as many as one likes."""
        self.loses_answer = False
        """Whether the next change of a final name happens and is never confirmed."""

    @override
    def open(self, path: Path, /) -> ReadableFile:
        if self.opens_left is not None:
            if self.opens_left == 0:
                raise UnreachableError("the share is gone")
            self.opens_left -= 1
        return super().open(path)

    @override
    def rename(self, source: Path, target: Path, /) -> None:
        super().rename(source, target)
        self._confirm()

    @override
    def remove(self, path: Path, /) -> None:
        super().remove(path)
        if path.suffix != ".partial":
            self._confirm()

    def _confirm(self) -> None:
        if self.loses_answer:
            self.loses_answer = False
            raise UnreachableError("the share is gone")


class NativeHarness(StorageHarness, ManageHarness):
    """The lab's world is the truth; its faults are the product's."""

    cluster = "clu1"
    driver_name = "native"
    unsupported = MappingProxyType(
        {
            Ability.RUN_JOBS: "Hyper-V has no jobs",
            Ability.SUSPEND_RUNS: "Hyper-V has no jobs",
            Ability.INSTANT_RECOVERY: "a repository serves no disks to a running VM",
            Ability.HOLD_POINTS: "points do not age yet",
        }
    )

    def __init__(self) -> None:
        self.lab = LABS["lab"]
        self.secrets = (self.lab.password,)
        self.files = FailingShare()
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
        context = DriverContext(self.connection, lambda: datetime.now(UTC), self._folder, (info,))
        driver = NativeDriver(settings, context, files=self.files)
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
        if listing == "observe":
            self.files.opens_left = after
            return
        self.lab.operations.arm_fault("truncated-body", times=None, skip=after)

    @override
    def heal(self) -> None:
        self.lab.operations.clear_fault()
        self.files.opens_left = None

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
        if method == "apply":
            self.files.loses_answer = True
            return
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

    # --- managing ------------------------------------------------------------------------------

    @override
    def open_managing(self) -> CanManage:
        return self._open(self.lab.password)

    @override
    def clusters(self) -> tuple[Cluster, ...]:
        nodes = [{"name": n.name, "address": n.url} for n in self.lab.status().nodes]
        shares = [{"path": r"\\fs01\vmstore1", "mount": str(self._share())}]
        spec = {"hypervisor": self.connection, "nodes": nodes, "shares": shares}
        return (Cluster.model_validate({"metadata": {"name": self.cluster}, "spec": spec}),)

    @property
    def _repository(self) -> Path:
        return self._folder / "repository"

    @property
    def _registry(self) -> Registry:
        return Registry(self._repository, LocalFileSystem())

    @override
    def true_objects(self) -> frozenset[str]:
        jobs = {unquote(file.stem) for file in self._repository.glob("jobs/*.json")}
        is_there = (self._repository / "safepoint-repository.json").exists()
        return frozenset(jobs | {"main"} if is_there else jobs)

    @override
    def add_by_hand(self) -> str:
        (some, *_) = self._registry.jobs()
        self._registry.put_job("by-hand", {**some.content, "marker": None}, "hand")
        return "job/by-hand"

    def _rewrite(self, address: str, **changed: object) -> None:
        name = address.partition("/")[2]
        entry = self._registry.job(name)
        assert entry is not None
        self._registry.put_job(name, {**entry.content, **changed}, "hand")

    @override
    def change_by_hand(self, address: str) -> None:
        entry = self._registry.job(address.partition("/")[2])
        assert entry is not None
        self._rewrite(address, job={**entry.content["job"], "verify": False})

    @override
    def remove_marker(self, address: str) -> None:
        self._rewrite(address, marker=None)

    @override
    def delete_by_hand(self, address: str) -> None:
        self._registry.remove_job(address.partition("/")[2])

    @override
    def rename_by_hand(self, address: str) -> bool:
        jobs = self._repository / "jobs"
        (jobs / f"{address.partition('/')[2]}.json").rename(jobs / "renamed.json")
        return True


class TestNative(CheckpointSuite):
    """Every rule, required and of `CanCheckpoint`."""

    harness_class = NativeHarness


class TestNativeStorage(StorageSuite):
    """Every rule of `CanInspectStorage`."""

    harness_class = NativeHarness


class TestNativeManaging(ManageSuite):
    """Every rule of `CanManage`."""

    harness_class = NativeHarness
