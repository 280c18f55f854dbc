"""Making a VM from a stored configuration, one look at a time.

The caller decides when to look again; each `advance` starts at most one thing on the host or
looks at it once. A builder lives in memory only: after a crash the half-made VM is found by its
notes and destroyed, and the work begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safepoint.errors import (
    InvalidRequestError,
    OutcomeUnknownError,
    ProtocolError,
    SafepointError,
    TransientError,
)
from safepoint.models.checkpoints import OperationState
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import EmbeddedInstance
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid
from safepoint_native.hyperv.configuration import (
    ControllerConfiguration,
    DiskConfiguration,
    MachineConfiguration,
)
from safepoint_native.hyperv.disks import (
    CONTROLLER_KINDS,
    Controller,
    ControllerKind,
    controllers,
    drives,
)
from safepoint_native.hyperv.jobs import Started, look_at_job
from safepoint_native.hyperv.restore import (
    controller_settings,
    defined_machine,
    disk_settings,
    drive_settings,
    start_add,
    start_add_adapters,
    start_define,
)
from safepoint_native.hyperv.schema import RASD
from safepoint_native.hyperv.settings import owned_rows

__all__ = ["BuildLook", "MachineBuilder"]


@dataclass(frozen=True)
class BuildLook:
    """Where the making of a VM stands."""

    state: OperationState
    phase: str
    """What is being done: ``define``, ``controllers``, ``drives``, ``disks``, ``adapters``."""
    vm_id: str
    """The VM as soon as it exists, also after a failure: then it is to be destroyed."""
    error: SafepointError | None = None


class MachineBuilder:
    """Defines a VM and attaches its disks.

    Args:
        client: The node it shall live on.
        configuration: What it is like.
        name: Its name.
        folder: Where its configuration files go.
        disk_paths: Disk name → file, for every disk to attach; the files exist already.
        vm_id: The identity it shall have; None for a new one.
        notes: A line by which it can be found again.
    """

    def __init__(
        self,
        client: CimClient,
        configuration: MachineConfiguration,
        *,
        name: str,
        folder: str,
        disk_paths: Mapping[str, str],
        vm_id: str | None = None,
        notes: str = "",
    ) -> None:
        places = {(one.kind, one.number) for one in configuration.controllers}
        attachable = {
            disk.name for disk in configuration.disks if (disk.controller, disk.number) in places
        }
        unknown = sorted(set(disk_paths) - attachable)
        if unknown:
            msg = f"{', '.join(unknown)}: no place for it in the configuration of {name}"
            raise InvalidRequestError(msg, system=client.node)
        self._client = client
        self._configuration = configuration
        self._name = name
        self._folder = folder
        self._disk_paths = dict(disk_paths)
        self._disks = [disk for disk in configuration.disks if disk.name in disk_paths]
        self._wanted_id = None if vm_id is None else guid(vm_id)
        self._notes = notes
        self._vm_id = ""
        self._phase = "define"
        self._steps: tuple[Callable[[], Started | None], ...] = (
            self._define,
            self._add_controllers,
            self._add_drives,
            self._add_disks,
            self._add_adapters,
        )
        self._next_step = 0
        self._current: Started | None = None
        self._end: BuildLook | None = None

    def advance(self) -> BuildLook:
        """Do the next thing or look at the current one; harmless after the end.

        A failure is part of the answer. A host that cannot be reached or is busy raises
        `TransientError`; then nothing was done and the same call may be made again.
        """
        if self._end is not None:
            return self._end
        try:
            self._advance()
        except TransientError:
            raise
        except SafepointError as exc:
            self._end = self._look(OperationState.FAILED, exc)
        return self._end or self._look(OperationState.RUNNING)

    def _advance(self) -> None:
        if self._current is not None and self._current.job is not None:
            operation = self._current.operation
            look = look_at_job(self._client, self._current.job, operation=operation)
            if look.state is OperationState.RUNNING:
                return
            if look.state is not OperationState.SUCCEEDED:
                raise look.error or self._forgotten(operation)
        if self._current is not None and self._current.operation == "DefineSystem":
            self._vm_id = self._identify(self._current)
        self._current = None
        while self._current is None and self._next_step < len(self._steps):
            self._current = self._steps[self._next_step]()
            self._next_step += 1
        if self._current is None:
            self._end = self._look(OperationState.SUCCEEDED)

    def _define(self) -> Started:
        self._phase = "define"
        return start_define(
            self._client,
            self._configuration,
            name=self._name,
            folder=self._folder,
            vm_id=self._wanted_id,
            notes=self._notes,
        )

    def _add_controllers(self) -> Started | None:
        """Add what the definition did not bring along, such as SCSI controllers."""
        self._phase = "controllers"
        there = self._controllers()
        missing: list[ControllerConfiguration] = []
        for kind in CONTROLLER_KINDS:
            wanted = [one for one in self._configuration.controllers if one.kind == kind]
            missing += wanted[sum(one.kind == kind for one in there) :]
        return self._add(controller_settings(missing)) if missing else None

    def _add_drives(self) -> Started | None:
        self._phase = "drives"
        if not self._disks:
            return None
        ids = self._controller_ids()
        node = self._client.node
        return self._add(
            [
                drive_settings(node, ids[disk.controller, disk.number], disk.position)
                for disk in self._disks
            ]
        )

    def _add_disks(self) -> Started | None:
        self._phase = "disks"
        if not self._disks:
            return None
        ids = self._controller_ids()
        actual = {(one.kind, one.number): one.instance_id for one in self._controllers()}
        places = {
            (actual[one.controller, one.number], one.position): one.instance_id
            for one in drives(self._devices())
        }
        return self._add([self._disk_settings(disk, ids, places) for disk in self._disks])

    def _add_adapters(self) -> Started | None:
        self._phase = "adapters"
        adapters = self._configuration.adapters
        if not adapters:
            return None
        keep = self._wanted_id is not None
        return start_add_adapters(self._client, self._vm_id, adapters, keep_mac=keep)

    def _disk_settings(
        self,
        disk: DiskConfiguration,
        controller_ids: Mapping[tuple[ControllerKind, int], str],
        drive_ids: Mapping[tuple[str, int], str],
    ) -> EmbeddedInstance:
        drive_id = drive_ids.get((controller_ids[disk.controller, disk.number], disk.position))
        if drive_id is None:
            what = f"the drive for {disk.name} is not there"
            raise self._strange(what)
        return disk_settings(self._client.node, drive_id, self._disk_paths[disk.name])

    def _add(self, settings: list[EmbeddedInstance]) -> Started:
        return start_add(self._client, self._vm_id, settings)

    def _devices(self) -> list[CimRow]:
        return owned_rows(self._client, RASD, [self._vm_id])[self._vm_id]

    def _controllers(self) -> list[Controller]:
        return controllers(self._devices())

    def _controller_ids(self) -> dict[tuple[ControllerKind, int], str]:
        """Map the configuration's controllers to those of the new VM, in their order.

        The host numbers SCSI controllers as it likes, so the n-th takes the place of the n-th.
        """
        there = self._controllers()
        found: dict[tuple[ControllerKind, int], str] = {}
        for kind in CONTROLLER_KINDS:
            ours = sorted(
                one.number for one in self._configuration.controllers if one.kind == kind
            )
            theirs = [one.instance_id for one in there if one.kind == kind]
            if len(theirs) < len(ours):
                what = f"a {kind} controller is not there"
                raise self._strange(what)
            found |= {(kind, number): theirs[index] for index, number in enumerate(ours)}
        return found

    def _identify(self, defined: Started) -> str:
        found = defined_machine(self._client, defined)
        if not found:
            msg = f"{self._client.node}: the host does not say which VM it defined"
            raise OutcomeUnknownError(msg, operation="DefineSystem", system=self._client.node)
        if self._wanted_id is not None and found != self._wanted_id:
            self._vm_id = found
            what = f"the VM was defined with another identity ({found})"
            hint = "This host does not let the identity be chosen; restore under a new one."
            raise self._strange(what, hint)
        return found

    def _strange(self, what: str, hint: str = "") -> ProtocolError:
        node = self._client.node
        return ProtocolError(f"{node}: {what}", hint=hint, operation=self._phase, system=node)

    def _forgotten(self, operation: str) -> OutcomeUnknownError:
        msg = f"{self._client.node}: the host forgot the job of {operation}"
        hint = "Look whether the VM exists; destroy it and begin anew."
        return OutcomeUnknownError(msg, hint=hint, operation=operation, system=self._client.node)

    def _look(self, state: OperationState, error: SafepointError | None = None) -> BuildLook:
        return BuildLook(state, self._phase, self._vm_id, error)
