"""One simulated Hyper-V host as the classes see it: the world, narrowed to one node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from safepoint_lab.hyperv.desk import JobDesk
from safepoint_lab.hyperv.fittings import Adapter, Fittings
from safepoint_lab.hyperv.identifiers import GUID
from safepoint_lab.hyperv.schemas import VIRTUALIZATION
from safepoint_lab.world.model import NEVER, Checkpoint, Node, NotHereError, Vm
from safepoint_lab.world.port import WorldPort
from safepoint_lab.wsman.values import CimInstance, CimValue

__all__ = [
    "Host",
    "instance",
]

_IDENTIFYING = frozenset(
    {"name", "instanceid", "virtualsystemidentifier", "systemname", "deviceid"}
)
"""Properties whose GUID says which VM a row belongs to; a display name may hold any GUID."""


@dataclass(frozen=True, slots=True)
class Host:
    """A node of the world, what only the wire knows of it, and how it is looked at.

    `forced_locale` overrides the node's own. `restricted` hides everything of Hyper-V, as from an account that may log in but is no
    Hyper-V administrator. Read methods expect the caller to hold `world.lock`.
    """

    world: WorldPort
    name: str
    fittings: Fittings
    desk: JobDesk
    forced_locale: str | None = None
    restricted: bool = False

    @property
    def node(self) -> Node:
        """The node's own record."""
        return self.world.node(self.name)

    @property
    def locale(self) -> str:
        """The language its texts are in."""
        return self.forced_locale or self.node.locale

    @property
    def computer_name(self) -> str:
        """The NetBIOS name, upper case, as it stands in object paths."""
        return self.name.upper()

    def now(self) -> datetime:
        """Return the time by this node's clock."""
        return self.world.now(self.name)

    def local(self, moment: datetime) -> datetime:
        """Return a time of the lab's clock as this node's clock would have recorded it."""
        skew = round((self.now() - self.world.now()).total_seconds())
        return moment if moment == NEVER else moment + timedelta(seconds=skew)

    def machines(self, hints: Mapping[str, str] | None = None) -> Sequence[Vm]:
        """Return the VMs this node owns; only the one that the hints' GUIDs belong to, if any.

        A GUID may be that of a VM or of one of its checkpoints.
        """
        if self.restricted:
            return ()
        for name, value in (hints or {}).items():
            found = GUID.search(value) if name in _IDENTIFYING else None
            if found:
                owner = self.owner(found[0].upper())
                return () if owner is None else (owner,)
        return self.world.vms(node=self.name)

    def owner(self, guid: str) -> Vm | None:
        """Return the VM on this node that a VM's or checkpoint's GUID belongs to."""
        if self.restricted:
            return None
        try:
            return self.world.vm(guid, node=self.name)
        except NotHereError:
            checkpoint = self.checkpoint(guid)
        return self.world.vm(checkpoint.vm, node=self.name) if checkpoint else None

    def checkpoints(self, vm: Vm) -> Sequence[Checkpoint]:
        """Return the checkpoints of a VM of this node, oldest first."""
        return self.world.checkpoints(vm.key, node=self.name)

    def adapters(self, vm: Vm) -> Sequence[Adapter]:
        """Return the adapters of a VM; those of a test VM are where its replica's go in tests."""
        replica = self.world.replication.tested_by(vm)
        if replica is None:
            return self.fittings.adapters(vm.key)
        found = self.fittings.adapters(replica.key)
        return [replace(each, switch=each.test_switch, test_switch="") for each in found]

    def checkpoint(self, guid: str) -> Checkpoint | None:
        """Return a checkpoint whose VM is on this node."""
        try:
            return self.world.checkpoint(guid, node=self.name)
        except NotHereError:
            return None


def instance(class_name: str, **properties: CimValue) -> CimInstance:
    """Make an instance of a virtualization class."""
    return CimInstance(VIRTUALIZATION, class_name, properties)
