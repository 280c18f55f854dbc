"""Restore requests in their three families [X][P][T]."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.api.job_models import started
from safepoint_lab.commvault.bodies import flag, inside, integer, rows, text, texts
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import TASK, Problem, invalid, missing
from safepoint_lab.commvault.records import Hypervisor
from safepoint_lab.commvault.restore import RestoreWish, VmRestore
from safepoint_lab.commvault.wording import moment

__all__ = ["RestoreCalls", "task_restore"]

_DISK_LEVEL = 4


def task_restore(association: Mapping[str, Any], options: Mapping[str, Any]) -> RestoreWish:
    """Return what a restore task asks for; `Problem` for one that cannot be."""
    restore = inside(options, "restoreOptions")
    destination = inside(restore, "destination")
    disk_level = inside(restore, "virtualServerRstOption.diskLevelVMRestoreOption")
    volume = inside(restore, "volumeRstOption")
    sources = texts(inside(restore, "fileOption"), "sourceItem")
    if not sources:
        raise missing(field="fileOption.sourceItem")
    disks_only = integer(volume, "volumeLevelRestoreType") == _DISK_LEVEL
    if disks_only:
        machines = _disk_sources(sources, destination)
    else:
        machines = _machines(sources, rows(disk_level, "advancedRestoreOptions"))
    common = inside(restore, "commonOptions")
    return RestoreWish(
        machines=machines,
        in_place=flag(destination, "inPlace"),
        disks_only=disks_only,
        proxy=text(inside(destination, "destClient"), "clientName"),
        overwrite=flag(common, "unconditionalOverwrite")
        or flag(disk_level, "passUnconditionalOverride"),
        power_on=flag(disk_level, "powerOnVmAfterRestore"),
        until=moment(_time(inside(restore, "browseOption.timeRange"))),
        job=_job_of(options, restore),
        group=integer(association, "subclientId"),
        hypervisor=integer(association, "clientId"),
    )


class RestoreCalls:
    """Handlers of the short restore calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("POST", "v2/vsa/vm/{guid}/recover", self.recover, TASK),
            Operation("POST", "V4/VM/{guid}/restore", self.restore_v4),
        ]

    def recover(self, call: Call) -> Answer:
        """Restore one VM by the short documented call; keys are from a comment only [P]."""
        body = call.body
        in_place = flag(body, "inPlaceRestore")
        place = inside(inside(body, "destinationInfo"), "hyperv")
        machine = VmRestore(call.path["guid"])
        if not in_place:
            folder = text(place, "destinationPath")
            if not text(place, "Server") or not folder:
                raise missing(field="destinationInfo.hyperv")
            name = text(place, "newName")
            machine = VmRestore(
                call.path["guid"],
                name=name,
                host=text(place, "Server"),
                folder=ntpath.join(folder, name) if name else folder,
            )
        wish = RestoreWish(
            machines=(machine,),
            in_place=in_place,
            overwrite=flag(body, "passUnconditionalOverride"),
            power_on=flag(body, "powerOnVmAfterRestore"),
            job=integer(body, "jobId"),
            hypervisor=self._destination(body),
        )
        return started(self._engine.restores.start(wish, call.user))

    def restore_v4(self, call: Call) -> Answer:
        """Restore one VM in place; other destinations are published for clouds only [T]."""
        body = call.body
        if not flag(body, "inPlaceRestore"):
            raise invalid(field="inPlaceRestore", reason="only true is supported for Hyper-V")
        wish = RestoreWish(
            machines=(VmRestore(call.path["guid"]),),
            in_place=True,
            overwrite=flag(body, "overwriteVM"),
            power_on=flag(body, "powerOnVMAfterRestore"),
            until=moment(call.number("toTime")),
            proxy=text(inside(body, "accessNode"), "name"),
        )
        return started(self._engine.restores.start(wish, call.user))

    def _destination(self, body: Mapping[str, Any]) -> int:
        name = text(inside(body, "destinationClient"), "clientName")
        if not name:
            return 0
        found = self._engine.shelf.named(Hypervisor, name)
        if found is None:
            message = f"Client [{name}] is no virtualization client (simulated text)"
            raise Problem(message, status=400)
        return found.id


def _machines(sources: list[str], advanced: list[Mapping[str, Any]]) -> tuple[VmRestore, ...]:
    """Return the VMs of whole-VM restores, with what the advanced options say of each."""
    by_guid = {text(item, "guid").upper(): item for item in advanced}
    found = []
    for source in sources:
        guid = source.strip("\\").upper()
        item = by_guid.get(guid, {})
        disks = {
            text(disk, "name").casefold(): text(disk, "DestinationPath")
            for disk in rows(item, "disks")
            if text(disk, "DestinationPath")
        }
        machine = VmRestore(
            guid,
            name=text(item, "newName"),
            host=text(item, "esxHost"),
            folder=text(item, "DestinationPath"),
            folders=disks,
        )
        found.append(machine)
    return tuple(found)


def _disk_sources(sources: list[str], destination: Mapping[str, Any]) -> tuple[VmRestore, ...]:
    paths = texts(destination, "destPath")
    if not paths:
        raise missing(field="destination.destPath")
    folder = paths[0]
    found: dict[str, dict[str, str]] = {}
    for source in sources:
        guid, _, name = source.strip("\\").partition("\\")
        if not name:
            raise invalid(field="fileOption.sourceItem", reason=f"'{source}' names no disk")
        found.setdefault(guid.upper(), {})[name.rpartition("\\")[2]] = ""
    return tuple(VmRestore(guid, folder=folder, disks=disks) for guid, disks in found.items())


def _time(span: Mapping[str, Any]) -> int:
    """Return the end of a time range: a number, or an object with one [S]."""
    value = span.get("toTime", 0)
    if isinstance(value, Mapping):
        return integer(value, "time")
    return integer(span, "toTime")


def _job_of(options: Mapping[str, Any], restore: Mapping[str, Any]) -> int:
    """Return the job whose data is wanted; where it stands differs [?]."""
    by_job = inside(options, "advConfig.browseAdvancedConfigBrowseByJob")
    other = inside(restore, "browseOption.advConfig.browseAdvancedConfigBrowseByJob")
    return integer(by_job, "jobId") or integer(other, "jobId")
