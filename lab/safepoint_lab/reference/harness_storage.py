"""The harness of the reference driver that knows what lies on its shares."""

from __future__ import annotations

from typing_extensions import override

from safepoint.drivers import CanInspectStorage
from safepoint.testing.rules_storage import StorageHarness
from safepoint_lab.reference.harness import ReferenceHarness
from safepoint_lab.reference.session import ReferenceSettings
from safepoint_lab.reference.storage import StrayFile

__all__ = ["ReferenceStorageHarness"]


class ReferenceStorageHarness(ReferenceHarness, StorageHarness):
    """The shares of the world in memory."""

    @override
    def open_inspecting(self) -> CanInspectStorage:
        return self._open(ReferenceSettings())

    @override
    def true_disk_files(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for machine in self.world.machines.values():
            for disk, content in machine.contents.items():
                found[machine.file_of(disk)] = len(content)
                found |= {machine.file_of(disk, layer): 4096 for layer in machine.layers}
        return found | {one.path: one.size_bytes for one in self.world.storage.stray}

    @override
    def leave_stray_file(self) -> str:
        share = next(iter(self.world.storage.free_bytes))
        path = f"{share}\\old\\disk0_1.avhdx"
        parent = f"{share}\\old\\disk0.vhdx"
        problem = f"the parent of {path} is not there: {parent}"
        self.world.storage.stray.append(StrayFile(path, 512, parent=parent, problem=problem))
        return path

    @override
    def take_share_away(self) -> None:
        self.world.storage.away.add(next(iter(self.world.storage.free_bytes)))

    @override
    def heal(self) -> None:
        self.world.storage.away.clear()

    @override
    def true_free_bytes(self, share: str) -> int:
        return self.world.storage.free_bytes[share]
