"""Turning a restore point into a VM: files first, then the registration, then the power."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import PureWindowsPath

from typing_extensions import Buffer

from safepoint.errors import (
    ConflictError,
    NotFoundError,
    RunTimedOutError,
    SafepointError,
)
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.restores import RestorePreview, RestoreRequest
from safepoint.models.workloads import Activity, PowerState
from safepoint_native.background import Piece
from safepoint_native.cim.client import CimClient
from safepoint_native.copier import MACHINE_FILE
from safepoint_native.copying import restore_disk
from safepoint_native.hyperv.builder import MachineBuilder
from safepoint_native.hyperv.checkpoints import list_checkpoints
from safepoint_native.hyperv.configuration import MachineConfiguration, capture_configuration
from safepoint_native.hyperv.inventory import VirtualMachine, list_machines, machine
from safepoint_native.hyperv.power import start_machine, turn_off
from safepoint_native.hyperv.restore import start_destroy
from safepoint_native.mapping import vm_ref
from safepoint_native.nodes import Nodes
from safepoint_native.repository import Repository, StoredPoint
from safepoint_native.repository.points import StoredFile
from safepoint_native.sources.port import ShareAccess
from safepoint_native.vhdx import DiskKind, SequentialVhdxWriter
from safepoint_native.waiting import finish

__all__ = ["Restorer"]

#: Lies in a target folder while a restore fills it: whoever finds it knows that what is there
#: is unfinished, and whose.
MARKER = "safepoint-restore.json"
_DEFINE_DEADLINE_SECONDS = 600.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class _Plan:
    stored: StoredPoint
    configuration: MachineConfiguration
    name: str
    folder: str
    """UNC folder of the VM's configuration and of a new VM's disks."""
    disks: dict[str, str]
    """Disk name → the UNC path it will have."""
    original: VirtualMachine | None
    """The VM that is replaced in place; None makes a new registration."""
    vm_id: str | None
    """The identity to register with; None for a new one."""
    node: str


class Restorer:
    """Previews and carries out restores to one cluster."""

    def __init__(
        self,
        nodes: Nodes,
        shares: ShareAccess,
        repository: Callable[[], Repository],
        now: Callable[[], datetime],
    ) -> None:
        self._nodes = nodes
        self._shares = shares
        self._repository = repository
        self._now = now

    def preview(self, request: RestoreRequest) -> RestorePreview:
        """Say what would happen and what is in the way."""
        stored = self._repository().point(request.point.id)
        blockers: list[str] = []
        if stored.problem:
            blockers.append(f"the restore point is damaged: {stored.problem}")
            return _preview(request, stored, blockers)
        plan = self._plan(request, stored)
        blockers += self._blockers(request, plan)
        free = self._free_bytes(plan.folder, blockers)
        if free is not None and free < stored.size_bytes:
            blockers.append(
                f"{plan.folder} has {free / 2**30:.1f} GiB free, "
                f"the disks need up to {stored.size_bytes / 2**30:.1f} GiB"
            )
        return RestorePreview(
            workload_name=str(stored.metadata.get("name", "")),
            target_name=plan.name,
            cluster=request.cluster,
            node=plan.node,
            size_bytes=stored.size_bytes,
            free_bytes=free,
            steps=tuple(_steps(request, plan)),
            blockers=tuple(blockers),
            warnings=tuple(_warnings(plan)),
        )

    def work(self, request: RestoreRequest, key: str) -> Callable[[Piece[Ref]], Ref]:
        """Return the work itself, to be run in a thread.

        Raises:
            ConflictError: the preview has blockers.
        """
        preview = self.preview(request)
        if preview.blockers:
            msg = f"cannot restore {preview.target_name}: {'; '.join(preview.blockers)}"
            raise ConflictError(msg, operation="restore", system=request.cluster)
        plan = self._plan(request, self._repository().point(request.point.id))

        def run(piece: Piece[Ref]) -> Ref:
            if plan.original is not None:
                return self._replace(piece, request, plan, plan.original)
            return self._create(piece, request, plan, key)

        return run

    def _plan(self, request: RestoreRequest, stored: StoredPoint) -> _Plan:
        reader = self._repository().reader(stored.point_id, vm=stored.vm)
        configuration = MachineConfiguration.model_validate_json(reader.file(MACHINE_FILE))
        original = self._original(configuration.id) if request.in_place else None
        if request.in_place:
            name = configuration.name
            paths = {disk.name: str(disk.metadata["base_file"]) for disk in stored.disks}
            if original is not None:
                paths |= {disk.name: disk.path for disk in original.disks if disk.name in paths}
            folder = configuration.folder or _folder_of(next(iter(paths.values())))
        else:
            name = request.new_name
            first = _folder_of(str(stored.disks[0].metadata["base_file"]))
            root = request.share or str(PureWindowsPath(first).parent)
            folder = f"{root.rstrip(chr(92))}\\{name}"
            paths = _new_paths(stored, folder)
        return _Plan(
            stored=stored,
            configuration=configuration,
            name=name,
            folder=folder,
            disks=paths,
            original=original,
            vm_id=configuration.id if request.in_place else None,
            node=original.node if original else (request.node or self._some_node()),
        )

    def _original(self, vm_id: str) -> VirtualMachine | None:
        try:
            return self._nodes.on_owner(vm_id, lambda client: machine(client, vm_id))
        except NotFoundError:
            return None

    def _some_node(self) -> str:
        return self._nodes.first_living().node

    def _blockers(self, request: RestoreRequest, plan: _Plan) -> Iterator[str]:
        if request.network:
            yield "a restored adapter starts disconnected; connect it to a network afterwards"
        if plan.original is not None:
            yield from self._in_place_blockers(request, plan, plan.original)
            return
        names = {vm.name.casefold() for c in self._nodes.living() for vm in list_machines(c)}
        if plan.name.casefold() in names and not request.in_place:
            yield f"cluster {request.cluster} has a VM called {plan.name!r} already"
        is_taken = not request.in_place and self._shares.exists(plan.folder)
        if is_taken and not self._is_unfinished(plan.folder):
            yield f"the folder {plan.folder} exists already"
        for path in plan.disks.values():
            if request.in_place and self._shares.exists(path):
                yield f"{path} exists, but the VM it belonged to does not; move it away first"

    def _in_place_blockers(
        self, request: RestoreRequest, plan: _Plan, vm: VirtualMachine
    ) -> Iterator[str]:
        if vm.power not in {PowerState.OFF, PowerState.SAVED} and not request.stop_running:
            yield f"VM {vm.name} is {vm.power}; shut it down or give --stop"
        checkpoints = self._nodes.on_owner(vm.id, lambda c: list_checkpoints(c, vm.id))
        if checkpoints:
            yield f"VM {vm.name} has {len(checkpoints)} checkpoint(s); delete them first"
        if vm.replication_mode:
            yield f"VM {vm.name} is replicated; remove the relationship on both sides first"
        if vm.activity is not Activity.NONE:
            yield f"VM {vm.name} is busy: {vm.activity}"
        attached = {disk.name for disk in vm.disks}
        missing = sorted(set(plan.disks) - attached)
        if missing:
            yield f"VM {vm.name} has no disk {', '.join(missing)} any more; restore it as a new VM"

    def _free_bytes(self, folder: str, blockers: list[str]) -> int | None:
        where = PureWindowsPath(folder)
        for candidate in (where, *where.parents):
            try:
                if self._shares.exists(str(candidate)):
                    return self._shares.free_bytes(str(candidate))
            except SafepointError as error:
                blockers.append(error.message)
                return None
        blockers.append(f"nothing of {folder} can be reached from here")
        return None

    # -- a new VM -----------------------------------------------------------------------------

    def _create(self, piece: Piece[Ref], request: RestoreRequest, plan: _Plan, key: str) -> Ref:
        if self._shares.exists(plan.folder) and self._is_unfinished(plan.folder):
            self._clear_unfinished(plan.folder)
        with self._folder(plan, key) as written:
            self._write_disks(piece, plan, plan.disks, written)
            client = self._nodes.client(plan.node)
            vm_id = self._register(piece, client, plan, key)
            if request.start:
                piece.phase = "starting the VM"
                finish(client, start_machine(client, vm_id))
        return vm_ref(request.cluster, vm_id)

    @contextmanager
    def _folder(self, plan: _Plan, key: str) -> Iterator[list[str]]:
        """Make the target folder; yields the list of files written; removes them on failure."""
        marker = f"{plan.folder}\\{MARKER}"
        written: list[str] = []
        is_new = not self._shares.exists(plan.folder)
        self._shares.make_directory(plan.folder)
        content = {"key": key, "began_at": self._now().isoformat()}
        self._shares.write_file(marker, json.dumps(content).encode())
        try:
            yield written
        except BaseException:
            for path in (*written, marker):
                with suppress(NotFoundError):
                    self._shares.remove(path)
            if is_new:
                # Whatever else came into the folder meanwhile is not ours to remove.
                with suppress(SafepointError):
                    self._shares.remove(plan.folder)
            raise
        self._shares.remove(marker)

    def _is_unfinished(self, folder: str) -> bool:
        return self._shares.exists(f"{folder}\\{MARKER}")

    def _clear_unfinished(self, folder: str) -> None:
        """Remove what an interrupted restore left: its half-made VM and its files."""
        key = str(json.loads(self._shares.read_file(f"{folder}\\{MARKER}"))["key"])
        for client in self._nodes.living():
            for vm in list_machines(client):
                if vm.power is PowerState.OFF and _lies_in(vm, folder):
                    # Only what that very restore registered; it wrote its key into the notes.
                    notes = capture_configuration(client, vm.id).notes
                    if _plain(key) in notes:
                        finish(client, start_destroy(client, vm.id))
        entries = self._shares.entries(folder)
        for entry in sorted(entries, key=lambda one: one.name == MARKER):
            if entry.name.casefold().endswith(".vhdx") or entry.name == MARKER:
                self._shares.remove(f"{folder}\\{entry.name}")

    def _register(self, piece: Piece[Ref], client: CimClient, plan: _Plan, key: str) -> str:
        piece.phase = "registering the VM"
        builder = MachineBuilder(
            client,
            plan.configuration,
            name=plan.name,
            folder=plan.folder,
            disk_paths=plan.disks,
            vm_id=plan.vm_id,
            notes=_plain(f"restored by safepoint from {plan.stored.point_id} {key}"),
        )
        try:
            return self._built(piece, builder, plan.name)
        except BaseException:
            vm_id = builder.advance().vm_id
            if vm_id:
                finish(client, start_destroy(client, vm_id))
            raise

    @staticmethod
    def _built(piece: Piece[Ref], builder: MachineBuilder, name: str) -> str:
        waited_seconds = 0.0
        while True:
            look = builder.advance()
            if look.error is not None:
                raise look.error
            if look.state is OperationState.SUCCEEDED:
                return look.vm_id
            piece.check()
            piece.cancel.wait(_PAUSE_SECONDS)
            waited_seconds += _PAUSE_SECONDS
            if waited_seconds > _DEFINE_DEADLINE_SECONDS:
                msg = f"registering {name} did not end: {look.phase}"
                raise RunTimedOutError(msg)

    # -- in place -----------------------------------------------------------------------------

    def _replace(
        self, piece: Piece[Ref], request: RestoreRequest, plan: _Plan, vm: VirtualMachine
    ) -> Ref:
        """Write the new files beside the old ones, then turn off, then swap by renaming.

        The old files are kept under another name until a person removes them.
        """
        tag = plan.stored.point_id
        beside = {name: f"{path}.restoring-{tag}" for name, path in plan.disks.items()}
        written: list[str] = []
        for path in beside.values():
            with suppress(NotFoundError):
                self._shares.remove(path)  # of an interrupted attempt
        try:
            self._write_disks(piece, plan, beside, written)
            piece.check()
        except BaseException:
            for path in written:
                with suppress(NotFoundError):
                    self._shares.remove(path)
            raise
        # The VM may have been started or moved while hours went by.
        now = self._nodes.on_owner(vm.id, lambda client: machine(client, vm.id))
        if now.power not in {PowerState.OFF, PowerState.SAVED}:
            piece.phase = "turning the VM off"
            self._nodes.on_owner(vm.id, lambda client: finish(client, turn_off(client, vm.id)))
        piece.phase = "swapping the disks"
        stamp = f"{self._now():%Y%m%dT%H%M%S}"
        self._swap({path: beside[name] for name, path in plan.disks.items()}, stamp)
        if request.start:
            piece.phase = "starting the VM"
            self._nodes.on_owner(vm.id, lambda c: finish(c, start_machine(c, vm.id)))
        return vm_ref(request.cluster, vm.id)

    def _swap(self, files: dict[str, str], stamp: str) -> None:
        """Put every written file in the place of the old one; all of them, or none.

        An attempt that died in the middle may have left a place empty; then there is nothing to
        set aside.
        """
        done: list[tuple[str, str]] = []
        try:
            for path, written in files.items():
                aside = f"{path}.before-restore-{stamp}"
                for source, target in ((path, aside), (written, path)):
                    if source == path and not self._shares.exists(path):
                        continue
                    self._shares.rename(source, target)
                    done.append((source, target))
        except SafepointError as error:
            self._swap_back(done, error)
            raise

    def _swap_back(self, done: list[tuple[str, str]], error: SafepointError) -> None:
        for source, target in reversed(done):
            try:
                self._shares.rename(target, source)
            except SafepointError as second:
                msg = (
                    f"{error.message}; and {target} could not be put back as {source}: "
                    f"{second.message}"
                )
                hint = "Rename it by hand before the VM is started; nothing was removed."
                raise ConflictError(msg, hint=hint, operation="restore") from error

    # -- disks --------------------------------------------------------------------------------

    def _write_disks(
        self, piece: Piece[Ref], plan: _Plan, paths: dict[str, str], written: list[str]
    ) -> None:
        reader = self._repository().reader(plan.stored.point_id, vm=plan.stored.vm)
        piece.total_bytes = sum(reader.disk(d.name).data_bytes for d in plan.stored.disks)
        for disk in plan.stored.disks:
            piece.phase = f"writing {disk.name}"
            before = piece.done_bytes

            def tell(done: int, _total: int, before: int = before) -> None:
                piece.done_bytes = before + done

            with self._writer(disk, paths[disk.name]) as writer:
                written.append(paths[disk.name])
                restore_disk(
                    reader.disk(disk.name),
                    writer,
                    on_progress=tell,
                    should_stop=piece.cancel.is_set,
                )

    def _writer(self, disk: StoredFile, path: str) -> SequentialVhdxWriter:
        facts = disk.metadata
        return SequentialVhdxWriter(
            path,
            target=_NewShareFile(self._shares, path),
            kind=DiskKind(str(facts["kind"])),
            size_bytes=disk.size_bytes,
            block_bytes=int(facts["block_bytes"]),
            logical_sector_bytes=int(facts["logical_sector_bytes"]),
            physical_sector_bytes=int(facts["physical_sector_bytes"]),
        )


class _NewShareFile:
    """A new file on a share, as the VHDX writer wants it."""

    def __init__(self, shares: ShareAccess, path: str) -> None:
        self._shares = shares
        self._path = path
        self._sink = shares.create(path)

    def write_at(self, offset: int, data: Buffer) -> None:
        self._sink.write_at(offset, data)

    def resize(self, size_bytes: int) -> None:
        self._sink.resize(size_bytes)

    def sync(self) -> None:
        self._sink.sync()

    def close(self) -> None:
        self._sink.close()

    def discard(self) -> None:
        self._sink.close()
        with suppress(NotFoundError):
            self._shares.remove(self._path)


def _lies_in(vm: VirtualMachine, folder: str) -> bool:
    """Tell whether everything of a VM lies in this very folder."""
    inside = f"{folder}\\".casefold()
    files = [disk.path for disk in vm.disks]
    return all(path.casefold().startswith(inside) for path in files) and bool(
        files or vm.folder.casefold().rstrip("\\") == folder.casefold()
    )


def _folder_of(path: str) -> str:
    return path.rsplit("\\", 1)[0]


def _new_paths(stored: StoredPoint, folder: str) -> dict[str, str]:
    """Give every disk its old file name; its own name where two would be the same."""
    files = [str(disk.metadata["file"]) for disk in stored.disks]
    paths = {}
    for disk, file in zip(stored.disks, files, strict=True):
        is_usable = files.count(file) == 1 and file.casefold().endswith(".vhdx")
        paths[disk.name] = f"{folder}\\{file if is_usable else disk.name + '.vhdx'}"
    return paths


def _plain(text: str) -> str:
    """Keep what Hyper-V stores unharmed in notes."""
    return "".join(c if c.isalnum() or c in "-_. /:" else "-" for c in text)


def _preview(request: RestoreRequest, stored: StoredPoint, blockers: list[str]) -> RestorePreview:
    name = str(stored.metadata.get("name", stored.vm))
    return RestorePreview(
        workload_name=name,
        target_name=request.new_name or name,
        cluster=request.cluster,
        node=request.node,
        size_bytes=stored.size_bytes,
        free_bytes=None,
        steps=(),
        blockers=tuple(blockers),
    )


def _steps(request: RestoreRequest, plan: _Plan) -> Iterator[str]:
    for name, path in plan.disks.items():
        yield f"write {name} to {path}"
    if plan.original is None:
        identity = "its old identity" if plan.vm_id else "a new identity"
        yield f"register {plan.name} on {plan.node} with {identity}, adapters disconnected"
    else:
        if request.stop_running:
            yield f"turn {plan.name} off if it runs"
        yield "put the written files in place; the old ones stay beside them"
    if request.start:
        yield f"start {plan.name}"


def _warnings(plan: _Plan) -> Iterator[str]:
    if plan.original is None:
        yield "the VM is not made a cluster role; do that when you are content with it"
        missing = ", ".join(plan.configuration.not_captured)
        yield f"not kept in a restore point: {missing}"
    else:
        yield "only the disks are replaced; processors, memory and adapters stay as they are"
        yield "the old files stay as *.before-restore-*; remove them when you are content"
