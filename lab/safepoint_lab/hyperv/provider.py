"""The CIM provider of one simulated Hyper-V host: which class is answered by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from safepoint_lab.hyperv import (
    associations,
    cluster,
    components,
    devices,
    images,
    jobs,
    machines,
    management,
    operating_system,
    resources,
    schemas,
    services,
    settings,
    snapshots,
    summaries,
    switches,
)
from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.replication import rows as replicas
from safepoint_lab.hyperv.replication.methods import METHODS as REPLICATION_METHODS
from safepoint_lab.world.enums import ReturnValue
from safepoint_lab.world.model import NotHereError
from safepoint_lab.world.model import Refused as WorldRefused
from safepoint_lab.wsman.cimfault import (
    Refused,
    action_not_supported,
    invalid_selectors,
    not_found,
)
from safepoint_lab.wsman.schema import ClassDef, Schema
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall, MethodResult

__all__ = [
    "HyperVProvider",
    "Method",
    "Rows",
]

Rows = Callable[[Host, Mapping[str, str]], Iterator[CimInstance]]
Method = Callable[[Host, MethodCall], MethodResult]

_SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
_MANAGEMENT = "Msvm_VirtualSystemManagementService"
_IMAGES = "Msvm_ImageManagementService"

_ROWS: Mapping[str, Rows] = {
    "Msvm_ComputerSystem": machines.rows,
    "Msvm_PlannedComputerSystem": machines.planned_rows,
    "Msvm_VirtualSystemSettingData": settings.rows,
    "Msvm_ResourceAllocationSettingData": devices.resource_rows,
    "Msvm_StorageAllocationSettingData": devices.storage_rows,
    "Msvm_ProcessorSettingData": devices.processor_rows,
    "Msvm_MemorySettingData": devices.memory_rows,
    "Msvm_SyntheticEthernetPortSettingData": devices.adapter_rows,
    "Msvm_EthernetPortAllocationSettingData": devices.connection_rows,
    "Msvm_VirtualEthernetSwitch": switches.switch_rows,
    "Msvm_VssComponentSettingData": devices.vss_setting_rows,
    "Msvm_VssComponent": components.vss_rows,
    "Msvm_KvpExchangeComponent": components.kvp_rows,
    "Msvm_HeartbeatComponent": components.heartbeat_rows,
    "Msvm_ShutdownComponent": components.shutdown_rows,
    "Msvm_ConcreteJob": jobs.concrete_rows,
    "Msvm_StorageJob": jobs.storage_rows,
    "Msvm_VirtualSystemManagementServiceSettingData": services.management_setting_rows,
    "Msvm_DiskMergeSettingData": services.merge_setting_rows,
    "Msvm_AffectedJobElement": associations.affected_rows,
    "Msvm_SnapshotOfVirtualSystem": associations.snapshot_rows,
    "Msvm_SettingsDefineState": associations.state_rows,
    "Msvm_MostCurrentSnapshotInBranch": associations.most_current_rows,
    "Msvm_LastAppliedSnapshot": associations.last_applied_rows,
    "Msvm_ParentChildSettingData": associations.parent_rows,
    "Msvm_VirtualSystemSettingDataComponent": associations.component_rows,
    "Msvm_SystemDevice": associations.device_rows,
    "MSCluster_Cluster": cluster.cluster_rows,
    "MSCluster_Node": cluster.node_rows,
    "MSCluster_ResourceGroup": cluster.group_rows,
    "MSCluster_Resource": cluster.resource_rows,
    "MSCluster_NodeToActiveGroup": cluster.node_group_rows,
    "MSCluster_NodeToActiveResource": cluster.node_resource_rows,
    "MSCluster_ResourceGroupToResource": cluster.group_resource_rows,
    "Win32_OperatingSystem": operating_system.operating_system_rows,
    "Win32_ComputerSystem": operating_system.computer_system_rows,
    "Msvm_ReplicationServiceSettingData": replicas.server_rows,
    "Msvm_ReplicationAuthorizationSettingData": replicas.authorization_rows,
    "Msvm_ReplicationProvider": replicas.provider_rows,
    "Msvm_ReplicationRelationship": replicas.relationship_rows,
    "Msvm_ReplicationSettingData": replicas.setting_rows,
    "Msvm_SystemReplicationRelationship": replicas.system_relationship_rows,
    "Msvm_SystemReplicationSettingData": replicas.system_setting_rows,
    "Msvm_ReplicaSystemDependency": replicas.dependency_rows,
    "Msvm_FailoverNetworkAdapterSettingData": replicas.address_rows,
    **{name: services.service_rows(name) for name in services.CLASSES},
}
"""Classes without an entry (shares of a node, reference points) have no instances."""

_METHODS: Mapping[str, Method] = {
    "Msvm_ComputerSystem.RequestStateChange": management.request_state_change,
    "Msvm_ShutdownComponent.InitiateShutdown": management.initiate_shutdown,
    f"{_SNAPSHOTS}.CreateSnapshot": snapshots.create,
    f"{_SNAPSHOTS}.DestroySnapshot": snapshots.destroy,
    f"{_SNAPSHOTS}.DestroySnapshotTree": snapshots.destroy_tree,
    f"{_SNAPSHOTS}.ApplySnapshot": snapshots.apply,
    f"{_SNAPSHOTS}.ClearSnapshotState": snapshots.clear_state,
    f"{_MANAGEMENT}.ModifySystemSettings": management.modify_system,
    f"{_MANAGEMENT}.DefineSystem": management.define_system,
    f"{_MANAGEMENT}.DestroySystem": management.destroy_system,
    f"{_MANAGEMENT}.AddResourceSettings": resources.add,
    f"{_MANAGEMENT}.ModifyResourceSettings": resources.modify,
    f"{_MANAGEMENT}.RemoveResourceSettings": resources.remove,
    f"{_MANAGEMENT}.ModifyGuestServiceSettings": resources.modify_guest_services,
    f"{_MANAGEMENT}.GetSummaryInformation": summaries.get_summary_information,
    f"{_IMAGES}.GetVirtualHardDiskSettingData": images.get_setting_data,
    f"{_IMAGES}.GetVirtualHardDiskState": images.get_state,
    f"{_IMAGES}.ValidateVirtualHardDisk": images.validate,
    **REPLICATION_METHODS,
    **{f"{name}.RequestStateChange": jobs.request_state_change for name in jobs.CLASSES},
    **{f"{name}.GetError": jobs.get_error for name in jobs.CLASSES},
    **{f"{name}.GetErrorEx": jobs.get_error_ex for name in jobs.CLASSES},
}


class HyperVProvider:
    """The classes of one host over the world; see `safepoint_lab.wsman.provider.CimProvider`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def locale(self) -> str:
        """The node's locale."""
        return self._host.locale

    def schema(self, namespace: str) -> Schema | None:
        """Return the schema of a namespace this host has; no cluster's on one that is in none."""
        found = schemas.find(namespace)
        if found is not None and found.namespace == schemas.MSCLUSTER and self._is_standalone():
            return None
        return found

    def _is_standalone(self) -> bool:
        home = self._host.node.cluster
        return any(c.name == home and c.standalone for c in self._host.world.clusters())

    def instances(
        self,
        namespace: str,  # noqa: ARG002 - class names are unique over the namespaces
        class_name: str,
        hints: Mapping[str, str],
    ) -> Iterable[CimInstance]:
        """Return the instances of exactly this class, as they are at one moment."""
        rows = _ROWS.get(class_name)
        if rows is None:
            return []
        with self._host.world.lock:
            return list(rows(self._host, hints))

    def get(self, reference: CimReference) -> CimInstance | None:
        """Return the instance with these keys.

        Fewer keys than the class has are enough where they still name one instance, as hosts
        accept for services ([R]); a host's behaviour for other classes is [I].

        Raises:
            CimFault: The keys given name several instances.
        """
        class_def = self._class_def(reference)
        if class_def is None or not reference.keys:
            return None
        hints = {name.lower(): value for name, value in reference.keys}
        candidates = self.instances(reference.namespace, reference.class_name, hints)
        found = [each for each in candidates if _has_keys(each, hints, class_def)]
        if len(found) > 1:
            raise invalid_selectors(missing=True)
        return found[0] if found else None

    def references(self, association: str, target: CimReference) -> Iterator[CimInstance]:
        """Yield the association rows that point to the target."""
        wanted = _identity(target)
        hints = {name.lower(): value for name, value in target.keys}
        for row in self.instances(target.namespace, association, hints):
            ends = row.properties.values()
            if any(isinstance(e, CimReference) and _points(e, wanted) for e in ends):
                yield row

    def invoke(self, call: MethodCall) -> MethodResult:
        """Do a method; the world's refusals become return values, its absences faults."""
        method = _METHODS.get(f"{call.target.class_name}.{call.method}")
        if method is None:
            raise action_not_supported()
        if self._host.restricted:
            raise Refused(int(ReturnValue.ACCESS_DENIED))
        try:
            return method(self._host, call)
        except WorldRefused as refusal:
            raise Refused(refusal.return_value) from refusal
        except NotHereError as error:
            raise not_found(operation="ExecMethod") from error

    def view(self, *, locale: str | None = None, restricted: bool = False) -> HyperVProvider:
        """Return the same host in another locale, or as an account without rights sees it."""
        forced = locale or self._host.forced_locale
        hidden = restricted or self._host.restricted
        return HyperVProvider(replace(self._host, forced_locale=forced, restricted=hidden))

    def subject_of(self, identifiers: Sequence[str]) -> str:
        """Return the VM that GUIDs of a request belong to: VM, checkpoint or job, anywhere."""
        with self._host.world.lock:
            for guid in identifiers:
                found = self._vm_of(guid)
                if found:
                    return found
        return ""

    def _vm_of(self, guid: str) -> str:
        world = self._host.world
        lookups: tuple[Callable[[], str | None], ...] = (
            lambda: world.vm(guid).guid,
            lambda: world.checkpoint(guid).vm,
            lambda: world.job(guid, node=self._host.name).vm,
        )
        for lookup in lookups:
            try:
                return lookup() or ""
            except NotHereError:
                continue
        return ""

    def _class_def(self, reference: CimReference) -> ClassDef | None:
        schema = self.schema(reference.namespace)
        return schema.get(reference.class_name) if schema else None


def _has_keys(instance: CimInstance, wanted: Mapping[str, str], class_def: ClassDef) -> bool:
    spelled = {name.lower(): name for name in class_def.keys}
    return all(
        name in spelled and instance.text(spelled[name]).lower() == value.lower()
        for name, value in wanted.items()
    )


def _identity(reference: CimReference) -> tuple[str, frozenset[tuple[str, str]]]:
    keys = frozenset((name.lower(), value.lower()) for name, value in reference.keys)
    return reference.class_name, keys


def _points(end: CimReference, wanted: tuple[str, frozenset[tuple[str, str]]]) -> bool:
    class_name, keys = _identity(end)
    return class_name == wanted[0] and wanted[1] <= keys
