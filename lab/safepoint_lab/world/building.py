"""Building a new estate: clusters, nodes, shares, VMs with disks; all by one seed."""

from __future__ import annotations

import ntpath
import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from safepoint_lab.world.content import DiskRole, Recipe
from safepoint_lab.world.enums import ControllerKind, GuestOs, ImageKind, PowerState
from safepoint_lab.world.model import (
    Cluster,
    Controller,
    Disk,
    DiskImage,
    Node,
    Share,
    Vm,
)
from safepoint_lab.world.registry import LabIdentity, Registry
from safepoint_lab.world.storage import DiskOrigin, NewDiskFile, Storage

__all__ = ["MIB", "EstatePlan", "build_estate"]

MIB = 1 << 20
_SMALL_LAB = 32
_SMALL_BUDGET = 8 << 30
_LARGE_BUDGET = 512 * MIB
_VARIANTS = 4
_DOMAIN = "lab.example.test"


@dataclass(frozen=True, slots=True)
class EstatePlan:
    """How big the new estate is. VMs are spread over clusters and nodes by turns.

    `bulk_bytes` is how much file data a disk gets; None fills about half of it, less in labs
    of more than 32 VMs (all disks together then hold about 512 MiB). A `replica_site` adds
    brokers for Hyper-V Replica, a cluster of two nodes and a standalone host, both without VMs.
    """

    clusters: int = 1
    nodes: int = 2
    vms: int = 6
    seed: int = 1
    disk_bytes: int = 64 * MIB
    bulk_bytes: int | None = None
    replica_site: bool = False

    def source_names(self) -> list[str]:
        """Return the names of the clusters that have VMs."""
        return [f"clu{number + 1}" for number in range(self.clusters)]

    def vm_names_of_first_cluster(self) -> list[str]:
        """Return the names of its VMs, in the order in which they are made."""
        return [_vm_name(number) for number in range(0, self.vms, self.clusters)]

    def bulk(self) -> int:
        """Return the file data a disk gets."""
        if self.bulk_bytes is not None:
            return self.bulk_bytes
        budget = _SMALL_BUDGET if self.vms <= _SMALL_LAB else _LARGE_BUDGET
        half = (self.disk_bytes - MIB) // 2
        return max(0, min(half, budget // max(self.vms, 1)))


@dataclass(frozen=True, slots=True)
class _Site:
    """A cluster, or a host that is in none."""

    name: str
    nodes: tuple[str, ...]
    server: str
    share: str
    has_broker: bool = False
    standalone: bool = False


_DR_SITE = _Site("clu-dr", ("hvr01", "hvr02"), "fs-dr", "replica1", has_broker=True)
_THIRD_SITE = _Site("hvt01", ("hvt01",), "fs-third", "replica2", standalone=True)


@dataclass(frozen=True, slots=True)
class _Trade:
    """What kind of server a VM is."""

    name: str
    os: GuestOs
    disks: int
    generation: int


_TRADES = (
    _Trade("sql", GuestOs.WINDOWS, 2, 2),
    _Trade("web", GuestOs.LINUX, 1, 2),
    _Trade("file", GuestOs.WINDOWS, 2, 1),
    _Trade("app", GuestOs.LINUX, 1, 2),
    _Trade("mail", GuestOs.WINDOWS, 1, 2),
    _Trade("erp", GuestOs.WINDOWS, 2, 1),
    _Trade("dev", GuestOs.LINUX, 1, 2),
    _Trade("dc", GuestOs.WINDOWS, 1, 2),
)


def build_estate(
    registry: Registry,
    storage: Storage,
    plan: EstatePlan,
    share_root: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Create everything the plan says in an empty world; guests are not started.

    Args:
        registry: The empty world.
        storage: Makes the disk files.
        plan: What to create.
        share_root: Folder for the shares' folders.
        progress: Called with VMs done and VMs in all.
    """
    registry.identity = LabIdentity(seed=plan.seed)
    registry.restart_guids()
    for number in range(plan.clusters):
        _add_cluster(registry, _source_site(plan, number), share_root)
    if plan.replica_site:
        for site in (_DR_SITE, _THIRD_SITE):
            _add_cluster(registry, site, share_root)
    files: list[tuple[Vm, list[NewDiskFile]]] = []
    with registry.state.transaction():
        for number in range(plan.vms):
            vm = _add_vm(registry, plan, number)
            files.append((vm, [_order(registry, plan, vm, disk) for disk in range(len(vm.disks))]))
            registry.save(vm)
    _make_files(storage, plan, files, progress)


def _source_site(plan: EstatePlan, number: int) -> _Site:
    return _Site(
        name=plan.source_names()[number],
        nodes=tuple(f"hv{number * plan.nodes + index + 1:02}" for index in range(plan.nodes)),
        server=f"fs{number + 1:02}",
        share=f"vmstore{number + 1}",
        has_broker=plan.replica_site,
    )


def _add_cluster(registry: Registry, site: _Site, share_root: Path) -> None:
    folder = share_root / site.server / site.share
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(
        name=site.name,
        fqdn=f"{site.name}.{_DOMAIN}",
        guid=registry.new_guid(),
        nodes=list(site.nodes),
        shares=[Share(site.server, site.share, str(folder))],
        standalone=site.standalone,
        broker=f"{site.name}-broker.{_DOMAIN}" if site.has_broker else "",
    )
    registry.clusters[site.name] = cluster
    booted = registry.now() - timedelta(days=11, hours=5)
    for node_name in site.nodes:
        registry.nodes[node_name] = Node(
            name=node_name,
            cluster=site.name,
            hostname=f"{node_name}.{_DOMAIN}",
            guid=registry.new_guid(),
            booted_at=booted,
        )
    registry.save(cluster, *(registry.nodes[item] for item in site.nodes))


def _add_vm(registry: Registry, plan: EstatePlan, number: int) -> Vm:
    trade, name = _TRADES[number % len(_TRADES)], _vm_name(number)
    cluster = list(registry.clusters.values())[number % plan.clusters]
    node = cluster.nodes[number // plan.clusters % plan.nodes]
    root = ntpath.join(cluster.shares[0].unc, name)
    rng = random.Random(f"vm/{plan.seed}/{number}")  # noqa: S311 - reproducible, no secret
    created = registry.now() - timedelta(days=rng.randint(30, 900), minutes=rng.randint(0, 1440))
    vm = Vm(
        guid=registry.new_guid(),
        name=name,
        cluster=cluster.name,
        node=node,
        generation=trade.generation,
        power=PowerState.RUNNING,
        guest_os=trade.os,
        controllers=[],
        disks=[],
        config_root=root,
        created_at=created,
        processors=rng.choice((2, 4, 8)),
        memory_mb=rng.choice((2048, 4096, 8192)),
        kvp=_guest_facts(trade, name, number),
        started_at=registry.now() - timedelta(days=rng.randint(1, 10)),
        config_changed_at=created,
    )
    _add_disks(registry, plan, vm, trade)
    registry.vms[vm.key] = vm
    return vm


def _vm_name(number: int) -> str:
    return f"{_TRADES[number % len(_TRADES)].name}{number // len(_TRADES) + 1:02}"


def _add_disks(registry: Registry, plan: EstatePlan, vm: Vm, trade: _Trade) -> None:
    boot = ControllerKind.IDE if trade.generation == 1 else ControllerKind.SCSI
    for kind in (boot, *((ControllerKind.SCSI,) if trade.generation == 1 else ())):
        vm.controllers.append(Controller(registry.new_guid(), kind, 0))
    count = trade.disks if plan.vms <= _SMALL_LAB else 1
    for number in range(count):
        path = ntpath.join(vm.config_root, f"disk{number}.vhdx")
        fixed = (len(registry.vms) + number) % 3 == 2
        kind = ImageKind.FIXED if fixed else ImageKind.DYNAMIC
        first = number == 0
        vm.disks.append(
            Disk(
                controller=0,
                controller_kind=boot if first else ControllerKind.SCSI,
                lun=0 if first or trade.generation == 1 else number,
                path=path,
                size_bytes=plan.disk_bytes,
                images={path: DiskImage(path, None, kind)},
            )
        )


def _guest_facts(trade: _Trade, name: str, number: int) -> dict[str, str]:
    windows = trade.os is GuestOs.WINDOWS
    return {
        "FullyQualifiedDomainName": f"{name}.{_DOMAIN}",
        "OSName": "Windows Server 2022 Standard" if windows else "Debian GNU/Linux",
        "OSVersion": "10.0.20348" if windows else "12",
        "OSPlatformId": "2" if windows else "1",
        "NetworkAddressIPv4": f"10.20.{number // 250}.{number % 250 + 4}",
        "IntegrationServicesVersion": "10.0.20348.1" if windows else "6.1",
    }


def _order(registry: Registry, plan: EstatePlan, vm: Vm, number: int) -> NewDiskFile:
    disk = vm.disks[number]
    recipe = Recipe(
        role=DiskRole.SYSTEM if number == 0 else DiskRole.DATA,
        size_bytes=plan.disk_bytes,
        bulk_bytes=plan.bulk(),
        variant=(len(registry.vms) - 1) % _VARIANTS if plan.vms <= _SMALL_LAB else 0,
        seed=plan.seed,
    )
    origin = DiskOrigin(recipe, vm.name if number == 0 else None)
    disk_id = uuid.UUID(registry.new_guid())
    return NewDiskFile(origin, disk.images[disk.path].kind, disk_id)


def _make_files(
    storage: Storage,
    plan: EstatePlan,
    files: list[tuple[Vm, list[NewDiskFile]]],
    progress: Callable[[int, int], None] | None,
) -> None:
    def make(vm: Vm, orders: list[NewDiskFile]) -> None:
        for disk, order in zip(vm.disks, orders, strict=True):
            storage.make_disk(vm, disk, order)
            if plan.vms <= _SMALL_LAB:
                storage.shadow(vm, disk)
        storage.park(vm)

    with ThreadPoolExecutor(4, thread_name_prefix="lab-build") as pool:
        for done, made in enumerate([pool.submit(make, *each) for each in files], 1):
            made.result()
            if progress is not None:
                progress(done, len(files))
