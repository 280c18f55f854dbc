"""VMs as the product sees them: inventory, protection, what its backups hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from safepoint.errors import ProtocolError
from safepoint_commvault.caller import Query
from safepoint_commvault.client.group import Group
from safepoint_commvault.wire.base import as_list
from safepoint_commvault.wire.browsing import BackedUp
from safepoint_commvault.wire.objects import InventoryItem, ProtectedVm
from safepoint_commvault.wire.work import VSA_APPLICATION, SubclientEntity

__all__ = ["VM_TYPE", "Vms"]

#: The kind of an inventory item, and of a rule, that stands for one VM.
VM_TYPE: Final = 9
_VSA_MODE: Final = 4
_BROWSE_PAGE: Final = 100_000
_VM_PAGE: Final = 500
_VMS: Final = "\\NONE:VMs"


class Vms(Group):
    """Reads only."""

    def inventory(self, hypervisor: str) -> list[InventoryItem]:
        """List the VMs that the proxies see on a hypervisor now."""
        query = {"PseudoClientId": hypervisor, "inventoryPath": _VMS}
        answer = self._caller.call("inventory", query=query)
        rows = self._rows(InventoryItem, answer, "inventoryInfo")
        return [row for row in rows if row.type == VM_TYPE]

    def known(self, hypervisor: str) -> list[ProtectedVm]:
        """List every VM the product has a status of, page by page.

        Raises:
            ProtocolError: the pages do not add up to the total that the product names.
        """
        query: Query = {
            "propertyLevel": "AllProperties",
            "status": 0,
            "PseudoClientId": hypervisor,
        }
        found: dict[str, ProtectedVm] = {}
        page = 0
        while True:
            # Pages of this list travel in a header [D].
            headers = {"PagingInfo": f"{page},{_VM_PAGE}"}
            answer = self._caller.call("protected-vms", query=query, headers=headers)
            rows = self._rows(ProtectedVm, answer, "vmStatusInfoList")
            fresh = {row.guid.upper(): row for row in rows if row.guid.upper() not in found}
            found |= fresh
            total = int(answer.get("totalRecords") or len(found))
            if len(found) >= total:
                return list(found.values())
            if not fresh:
                system = self._caller.transport.system
                msg = f"{system}: the list of VMs ended at {len(found)} of {total}"
                raise ProtocolError(msg, operation="protected-vms", system=system)
            page += 1

    def browse(
        self, entity: SubclientEntity, *, path: str = "\\", until: datetime | None = None
    ) -> list[BackedUp]:
        r"""List what backups of a VM group hold, at a moment or now.

        Args:
            entity: The VM group.
            path: What to list: the VMs, or the disks of `\<GUID>`.
            until: Look at the newest backup up to this moment.
        """
        answer = self._caller.call("browse", body=_question(entity, path, until))
        found: list[BackedUp] = []
        for one in as_list(answer.get("browseResponses")):
            result = one.get("browseResult") if isinstance(one, dict) else None
            rows = as_list((result or {}).get("dataResultSet"))
            found += [BackedUp.read(row) for row in rows]
        return found


def _question(entity: SubclientEntity, path: str, until: datetime | None) -> dict[str, Any]:
    to_time = int(until.timestamp()) if until is not None else 0
    paging = {"pageSize": _BROWSE_PAGE, "skipNode": 0, "firstNode": 0}
    sorting = {"ascending": False, "sortBy": [0]}
    query = {
        "type": 0,
        "queryId": "dataQuery",
        "dataParam": {"sortParam": sorting, "paging": paging},
    }
    return {
        "opType": 0,
        "mode": {"mode": _VSA_MODE},
        "paths": [{"path": path}],
        "options": {
            "showDeletedFiles": False,
            "restoreIndex": True,
            "vsDiskBrowse": path != "\\",
            "vsFileBrowse": False,
        },
        "entity": {
            "clientName": entity.client,
            "clientId": int(entity.client_id or 0),
            "applicationId": VSA_APPLICATION,
            "instanceId": int(entity.instance_id or 0),
            "backupsetId": int(entity.backup_set_id or 0),
            "subclientId": int(entity.id or 0),
        },
        "timeRange": {"fromTime": 0, "toTime": to_time},
        "advOptions": {"copyPrecedence": 0},
        "ma": {"clientName": ""},
        "queries": [query],
    }
