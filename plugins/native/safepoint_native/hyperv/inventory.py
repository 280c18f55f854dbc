"""What VMs a node has: one request a class, however many VMs there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from safepoint.errors import NotFoundError, PermissionDeniedError, TransientError
from safepoint.models.workloads import Activity, GuestState, PowerState
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import parse_instance_text
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid, literal
from safepoint_native.hyperv.disks import AttachedDisk, attached_disks
from safepoint_native.hyperv.schema import (
    ACTIVITIES,
    COMPUTER_SYSTEM,
    GUEST_STATES,
    POWER_STATES,
    RASD,
    SASD,
    V2,
    VIRTUALIZATION_MACHINE,
    VSSD,
    vm_ref,
)
from safepoint_native.hyperv.settings import (
    OWNERS_AT_ONCE,
    owned_rows,
    owner_and_tail,
    where_owned,
)

__all__ = [
    "VirtualMachine",
    "list_machines",
    "machine",
    "machine_ids",
    "no_rights",
    "read_activity",
    "system_row",
]

_REALIZED: Final = "Microsoft:Hyper-V:System:Realized"
_GENERATION: Final = "Microsoft:Hyper-V:SubType:"
_DISK_DEVICES: Final = "(ResourceType = 5 OR ResourceType = 6 OR ResourceType = 17)"
_IN_SERVICE: Final = 11
_DISABLED: Final = 3


@dataclass(frozen=True)
class VirtualMachine:
    """A VM as one node shows it at one moment."""

    id: str
    name: str
    """For people; not unique."""
    node: str
    power: PowerState
    native_power: str
    """EnabledState as it came, with the host's own word for a transition."""
    activity: Activity
    guest: GuestState
    guest_os: str
    """What the guest says of itself; empty when it says nothing."""
    generation: int
    version: str
    """The configuration version, such as ``10.0``."""
    user_checkpoint_type: int
    """2 disabled, 3 production else standard, 4 production only, 5 standard; 0 unknown."""
    health: int
    replication_mode: int
    """0 none, 1 primary, 2 replica, 3 test replica, 4 extended replica."""
    disks: tuple[AttachedDisk, ...] = ()
    folder: str = ""
    """Where the configuration lies."""
    notes: str = ""
    """What people, and safepoint's marker, say about it."""


def list_machines(
    client: CimClient, vm_ids: Collection[str] | None = None
) -> list[VirtualMachine]:
    """Return every VM of a node, or those of these that are there, or raise.

    A few VMs cost as many requests as all do, but the host answers with their rows only.

    VMs move and come into being while a listing runs, and nothing locks them. So what belongs
    to them is read first and the VMs themselves last: a VM that is there at the end and has its
    settings was there all the time; one without came in between and is read once more.

    Raises:
        PermissionDeniedError: the node shows not even itself: the account may not manage
            Hyper-V, which otherwise would look like a node without VMs (inference).
        ClassAbsentError: the node has no Hyper-V.
        TransientError: VMs keep coming and going; look again.
    """
    wanted = None if vm_ids is None else {guid(one) for one in vm_ids}
    few = sorted(wanted) if wanted and len(wanted) <= OWNERS_AT_ONCE else None
    parts = _read_parts(client, few)
    systems = client.query(V2, f"SELECT * FROM {COMPUTER_SYSTEM}")  # noqa: S608  (constants)
    if not systems:
        raise no_rights(client.node)
    machines = [
        row
        for row in systems
        if _is_machine(row) and (wanted is None or guid(row.need_text("Name")) in wanted)
    ]
    newcomers = {guid(row.need_text("Name")) for row in machines} - parts.settings.keys()
    late = [machine(client, vm_id) for vm_id in sorted(newcomers)]
    known = [row for row in machines if guid(row.need_text("Name")) not in newcomers]
    return [*(parts.build(row, client.node) for row in known), *late]


def machine(client: CimClient, vm_id: str) -> VirtualMachine:
    """Return one VM.

    Raises:
        NotFoundError: this node does not own it (any more).
        TransientError: it came to this node while it was read; look again.
    """
    wanted = guid(vm_id)
    parts = _read_parts(client, [wanted])
    return parts.build(system_row(client, wanted), client.node)


def machine_ids(client: CimClient) -> dict[str, str]:
    """Return GUID and name of every VM of a node with as few requests as can be."""
    described = literal(VIRTUALIZATION_MACHINE)
    wql = f"SELECT * FROM {COMPUTER_SYSTEM} WHERE Description = {described}"  # noqa: S608  (constants)
    rows = client.query(V2, wql)
    return {guid(row.need_text("Name")): row.text("ElementName") or "" for row in rows}


def system_row(client: CimClient, vm_id: str) -> CimRow:
    """Return the system object of one VM; raises NotFoundError when the node has none."""
    try:
        return client.get(vm_ref(vm_id))
    except NotFoundError as exc:
        msg = f"{client.node}: VM {guid(vm_id)} is not on this node"
        hint = "It may have moved to another node of the cluster, or been deleted."
        raise NotFoundError(msg, hint=hint, operation="Get", system=client.node) from exc


def read_activity(system: CimRow) -> Activity:
    """Return what is being done with a VM."""
    status = system.integers("OperationalStatus")
    if len(status) > 1:
        return ACTIVITIES.get(status[1], Activity.OTHER)
    return Activity.BACKING_UP if status[:1] == (_IN_SERVICE,) else Activity.NONE


def no_rights(node: str) -> PermissionDeniedError:
    """Return the error for an account that may log in but sees nothing of Hyper-V."""
    msg = f"{node}: Hyper-V shows this account nothing, not even the host itself"
    hint = "Put the account into the local group Hyper-V Administrators of the host."
    return PermissionDeniedError(msg, hint=hint, system=node)


def _is_machine(row: CimRow) -> bool:
    return row.class_name == COMPUTER_SYSTEM and row.text("Description") == VIRTUALIZATION_MACHINE


@dataclass(frozen=True)
class _Parts:
    """Everything about the VMs of a listing, by VM GUID."""

    settings: dict[str, list[CimRow]]
    storage: dict[str, list[CimRow]]
    devices: dict[str, list[CimRow]]
    vss: dict[str, CimRow]
    kvp: dict[str, CimRow]
    vss_switch: dict[str, list[CimRow]]

    def build(self, system: CimRow, node: str) -> VirtualMachine:
        vm_id = guid(system.need_text("Name"))
        realized = [
            row
            for row in self.settings.get(vm_id, [])
            if row.text("VirtualSystemType") == _REALIZED
        ]
        if not realized:
            msg = f"{node}: VM {vm_id} came to this node while it was read"
            raise TransientError(msg, hint="Look again.", system=node)
        setting = realized[0]
        disks = attached_disks(self.storage.get(vm_id, []), self.devices.get(vm_id, []))
        power, native = _power(system)
        return VirtualMachine(
            id=vm_id,
            name=system.text("ElementName") or "",
            node=node,
            power=power,
            native_power=native,
            activity=read_activity(system),
            guest=self._guest(vm_id, power),
            guest_os=_guest_os(self.kvp.get(vm_id)),
            generation=_generation(setting),
            version=setting.text("Version") or "",
            user_checkpoint_type=setting.integer("UserSnapshotType") or 0,
            health=system.integer("HealthState") or 0,
            replication_mode=system.integer("ReplicationMode") or 0,
            disks=tuple(disks),
            folder=setting.text("ConfigurationDataRoot") or "",
            notes=" ".join(setting.texts("Notes")),
        )

    def _guest(self, vm_id: str, power: PowerState) -> GuestState:
        """Judge whether the guest can be quiesced; components exist only while the VM runs."""
        switches = [row.integer("EnabledState") for row in self.vss_switch.get(vm_id, [])]
        if _DISABLED in switches:
            return GuestState.ABSENT
        if power is not PowerState.RUNNING:
            return GuestState.UNKNOWN
        component = self.vss.get(vm_id)
        status = component.integers("OperationalStatus") if component else ()
        return GUEST_STATES.get(status[0], GuestState.UNKNOWN) if status else GuestState.ABSENT


def _read_parts(client: CimClient, owners: list[str] | None) -> _Parts:
    scope = "" if owners is None else f" AND ({where_owned(owners)})"
    device_query = f"SELECT * FROM {RASD} WHERE {_DISK_DEVICES}{scope}"  # noqa: S608  (checked parts)
    settings = owned_rows(client, VSSD, owners)
    return _Parts(
        settings={owner: rows for owner, rows in settings.items() if rows},
        storage=owned_rows(client, SASD, owners),
        devices=_by_owner(client.query(V2, device_query)),
        vss=_components(client, "Msvm_VssComponent", owners),
        kvp=_components(client, "Msvm_KvpExchangeComponent", owners),
        vss_switch=owned_rows(client, "Msvm_VssComponentSettingData", owners),
    )


def _by_owner(rows: Iterable[CimRow]) -> dict[str, list[CimRow]]:
    found: dict[str, list[CimRow]] = {}
    for row in rows:
        found.setdefault(owner_and_tail(row)[0], []).append(row)
    return found


def _components(client: CimClient, class_name: str, owners: list[str] | None) -> dict[str, CimRow]:
    """Return an integration component by VM; those of VMs that do not run are missing."""
    names = " OR ".join(f"SystemName = {literal(owner)}" for owner in owners or [])
    where = f" WHERE {names}" if owners is not None else ""
    rows = client.query(V2, f"SELECT * FROM {class_name}{where}")  # noqa: S608  (checked parts)
    return {guid(row.need_text("SystemName")): row for row in rows}


def _power(system: CimRow) -> tuple[PowerState, str]:
    number = system.integer("EnabledState")
    word = system.text("OtherEnabledState") or ""
    native = " ".join(part for part in ("" if number is None else str(number), word) if part)
    return POWER_STATES.get(number or 0, PowerState.UNKNOWN), native


def _generation(setting: CimRow) -> int:
    tail = (setting.text("VirtualSystemSubType") or "").removeprefix(_GENERATION)
    return int(tail) if tail in {"1", "2"} else 0


def _guest_os(component: CimRow | None) -> str:
    """Return OSName among what the guest tells of itself over the key-value exchange."""
    for text in component.texts("GuestIntrinsicExchangeItems") if component else ():
        if "OSName" not in text:  # spares the parser a dozen items a VM
            continue
        item = parse_instance_text(text, what="what a guest says of itself")
        if item.text("Name") == "OSName":
            return item.text("Data") or ""
    return ""
