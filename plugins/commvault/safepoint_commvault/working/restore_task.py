"""The task that restores a VM: the body that the vendor's own SDK sends for Hyper-V [X].

Its spellings are the product's (`volumeLeveRestore`). Two things differ from the SDK: passwords of
the caller are not named in it, and the destination is the access node on the target host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from safepoint_commvault.wire.browsing import BackedUp
from safepoint_commvault.wire.work import VSA_AGENT, SubclientEntity

__all__ = ["RestoreTask"]

_RESTORE: Final = 1001
_HYPERV: Final = 2


@dataclass(frozen=True, slots=True)
class RestoreTask:
    """Everything that a restore of one VM needs to be told."""

    group: SubclientEntity
    vm: BackedUp
    disks: Sequence[BackedUp]
    until: datetime
    """The newest backup up to this moment is meant."""
    in_place: bool
    new_name: str
    proxy: str
    """The access node that writes."""
    host: str
    """The Hyper-V host that gets the VM."""
    folder: str
    """Where its files go."""
    network: str
    """The virtual switch; empty keeps each adapter's own."""
    in_cluster: bool
    """Whether a new VM becomes a resource of the failover cluster."""
    start: bool
    comm_cell_id: int

    def body(self) -> dict[str, Any]:
        """Return the task."""
        return {
            "associations": [{**self.group.association(), "subclientGUID": self.group.guid or ""}],
            "task": {
                "initiatedFrom": 2,
                "taskType": 1,
                "policyType": 0,
                "taskFlags": {"disabled": False},
            },
            "subTasks": [
                {
                    "subTaskOperation": 1,
                    "subTask": {"subTaskType": 3, "operationType": _RESTORE},
                    "options": {"commonOpts": {}, "restoreOptions": self._options()},
                }
            ],
        }

    def _options(self) -> dict[str, Any]:
        destination: dict[str, Any] = {
            "isLegalHold": False,
            "inPlace": self.in_place,
            "destClient": {"clientName": self.proxy},
        }
        if not self.in_place:
            destination["destPath"] = [""]
        return {
            "browseOption": self._browse(),
            "commonOptions": self._common(),
            "destination": destination,
            "fileOption": {"sourceItem": [f"\\{self.vm.id}"], "browseFilters": []},
            "virtualServerRstOption": self._virtual(),
            "volumeRstOption": {
                "destinationVendor": _HYPERV,
                "volumeLeveRestore": False,
                "volumeLevelRestoreType": 1,
                "destinationDiskType": 0,
            },
        }

    def _browse(self) -> dict[str, Any]:
        return {
            "listMedia": False,
            "useExactIndex": False,
            "noImage": False,
            "commCellId": self.comm_cell_id,
            "liveBrowse": False,
            "mediaOption": {
                "mediaAgent": {"mediaAgentName": ""},
                "proxyForSnapClients": {"clientName": ""},
                "library": {},
                "copyPrecedence": {"copyPrecedenceApplicable": False, "copyPrecedence": 0},
                "drivePool": {},
            },
            "backupset": {"clientName": self.group.client, "appName": VSA_AGENT},
            "timeRange": {"toTime": int(self.until.timestamp())},
        }

    def _common(self) -> dict[str, Any]:
        return {
            "restoreToDisk": False,
            "indexFreeRestore": False,
            "onePassRestore": False,
            "detectRegularExpression": True,
            "wildCard": False,
            "preserveLevel": 1,
            "stripLevel": 0,
            "skipErrorsAndContinue": False,
            "restoreACLs": True,
            "stripLevelType": 0,
            "allVersion": False,
            "unconditionalOverwrite": self.in_place,
            "includeAgedData": False,
            "validateOnly": False,
        }

    def _virtual(self) -> dict[str, Any]:
        instance: dict[str, Any] = {
            "clientName": self.group.client,
            "instanceName": self.group.instance,
            "appName": VSA_AGENT,
        }
        if not self.in_place:
            instance |= {
                "instanceId": int(self.group.instance_id or 0),
                "clientId": int(self.group.client_id or 0),
            }
        return {
            "isDiskBrowse": True,
            "isFileBrowse": False,
            "isVolumeBrowse": False,
            "isVirtualLab": False,
            "esxServer": self.host,
            "isAttachToNewVM": False,
            "viewType": "DEFAULT",
            "isBlockLevelReplication": False,
            "diskLevelVMRestoreOption": self._disk_level(),
            "vCenterInstance": instance,
        }

    def _disk_level(self) -> dict[str, Any]:
        option: dict[str, Any] = {
            "esxServerName": self.host,
            "vmFolderName": "",
            "dataCenterName": "",
            "hostOrCluster": "",
            "diskOption": 0,
            "vmName": "",
            "transportMode": 0,
            "passUnconditionalOverride": self.in_place,
            "powerOnVmAfterRestore": self.start,
            "registerWithFailoverCluster": self.in_cluster and not self.in_place,
            "redirectWritesToDatastore": "",
            "delayMigrationMinutes": 0,
            "skipDiskOverride": False,
            "restoreEmptyForFilteredDisks": False,
            "advancedRestoreOptions": [self._vm()],
        }
        if self.in_place:
            option["dataStore"] = {}
        return option

    def _vm(self) -> dict[str, Any]:
        return {
            "guid": self.vm.id,
            "newGuid": "",
            "name": self.vm.label,
            "newName": self.new_name,
            "esxHost": self.host,
            "projectId": "",
            "cluster": "",
            "DestinationPath": self.folder,
            "disks": [
                {"name": disk.label, "DestinationPath": self.folder, "new_name": disk.label}
                for disk in self.disks
            ],
            "nics": [self._nic(name) for name in self.vm.networks],
            "vmTags": [],
            "vmIPAddressOptions": [],
            "FolderPath": "",
            "resourcePoolPath": "/",
            "restoreVMTags": True,
            "volumeType": "Auto",
            "vmCustomMetadata": [],
        }

    def _nic(self, name: str) -> dict[str, Any]:
        return {
            "sourceNetwork": name,
            "sourceNetworkId": "",
            "name": name,
            "networkName": name if self.in_place else "",
            "destinationNetwork": self.network or name,
        }
