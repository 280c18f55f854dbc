"""The clients of the CommCell: the CommServe, machines with software, protected VMs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.records import Client, Hypervisor
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.vocabulary import FILE_SYSTEM, PACKAGES
from safepoint_lab.world.model import Node, Vm

__all__ = ["ClientDesk"]


class ClientDesk:
    """Finds clients and makes them."""

    def __init__(
        self,
        shelf: Shelf,
        fabric: CommvaultFabric,
        settings: CommvaultSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._shelf = shelf
        self._fabric = fabric
        self._now = now
        if not shelf.all(Client):
            self._make(settings.name, settings.host_name, agents=[FILE_SYSTEM], packages=[1, 20])

    def machines(self) -> list[Client]:
        """Return the clients that are machines with software, by id."""
        self._notice_reboots()
        return self._sorted(self._shelf.where(Client, lambda item: not item.vm))

    def access_nodes(self) -> list[Client]:
        """Return the machines that have the VSA."""
        return [item for item in self.machines() if item.has_vsa]

    def get(self, ident: int) -> Client:
        """Return a client; `Problem` when there is none."""
        self._notice_reboots()
        return self._shelf.get(Client, ident)

    def machine(self, name: str) -> Client | None:
        """Return a machine by its name or host name, in any case."""
        wanted = name.casefold()
        names = (
            (item, (item.name.casefold(), item.host_name.casefold())) for item in self.machines()
        )
        return next((item for item, known in names if wanted in known), None)

    def select(self, asked: Iterable[tuple[int, str]]) -> list[Client]:
        """Return the access nodes that are meant by id or name, in the order asked.

        Those that are unknown or have no VSA are left out without a word: so does the product.
        """
        known = self.access_nodes()
        found = []
        for ident, name in asked:
            wanted = name.casefold()
            for item in known:
                names = (item.name.casefold(), item.host_name.casefold())
                if (item.id == ident if ident else wanted in names) and item not in found:
                    found.append(item)
        return found

    def named(self, idents: Iterable[int]) -> list[Client]:
        """Return the clients of ids that exist, in order."""
        found = (self._shelf.find(Client, ident) for ident in idents)
        return [item for item in found if item is not None]

    def node_of(self, client: Client) -> Node | None:
        """Return the Hyper-V node a machine is."""
        return self._fabric.node(client.node) if client.node else None

    def is_ready(self, client: Client) -> bool:
        """Tell whether a client answers now; what is no node of the lab always does."""
        return not client.node or self._fabric.is_up(client.node)

    def install(self, name: str, node: Node, packages: list[int], *, reboot: bool) -> Client:
        """Put packages on a node; return its client. With `reboot` they wait for one."""
        with self._shelf.lock:
            client = self.machine(node.hostname) or self._make(
                _short(name), node.hostname, node=node.name
            )
            agents = {PACKAGES[package] for package in packages} - {0}
            wanted = sorted((agents | {FILE_SYSTEM}) - set(client.agents))
            client.packages = sorted({*client.packages, *packages, 1, 702})
            if reboot:
                client.waiting = sorted({*client.waiting, *wanted})
                client.booted_at = node.booted_at
            else:
                client.agents = sorted({*client.agents, *wanted, *client.waiting})
                client.waiting = []
            self._shelf.save(client)
        return client

    def retire(self, client: Client) -> None:
        """Uninstall a machine's software; `Problem` while a hypervisor uses it [?]."""
        for hypervisor in self._shelf.all(Hypervisor):
            if client.id in hypervisor.access_nodes:
                message = (
                    f"Client {client.name} is an access node of {hypervisor.name} (simulated)"
                )
                raise Problem(message, status=400)
        self._shelf.remove(client)

    def of_vm(self, vm: Vm) -> Client:
        """Return the client of a protected VM, made when it is new [D]."""
        with self._shelf.lock:
            for client in self._shelf.where(Client, lambda item: item.vm == vm.guid):
                return client
            return self._make(re.sub(r"[^A-Za-z0-9._-]", "_", vm.name), vm.name, vm=vm.guid)

    def _make(
        self,
        name: str,
        host_name: str,
        *,
        node: str = "",
        vm: str = "",
        agents: list[int] | None = None,
        packages: list[int] | None = None,
    ) -> Client:
        client = Client(
            id=self._shelf.next_id("client"),
            name=name,
            host_name=host_name,
            guid=str(uuid.uuid4()).upper(),
            created_at=self._now(),
            agents=agents or [],
            packages=packages or [],
            node=node,
            vm=vm,
        )
        self._shelf.save(client)
        return client

    def _notice_reboots(self) -> None:
        """Activate what waited for a reboot of a node that has been booted since."""
        for client in self._shelf.where(Client, lambda item: bool(item.waiting)):
            node = self.node_of(client)
            if node is not None and node.booted_at != client.booted_at:
                client.agents = sorted({*client.agents, *client.waiting})
                client.waiting = []
                self._shelf.save(client)

    def _sorted(self, clients: list[Client]) -> list[Client]:
        return sorted(clients, key=lambda item: item.id)


def _short(name: str) -> str:
    return name.split(".", maxsplit=1)[0]
