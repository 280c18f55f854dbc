"""Registering hypervisors: server, account, access nodes in order, and what comes with one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.infrastructure.clients import ClientDesk
from safepoint_lab.commvault.plans import plan_meant
from safepoint_lab.commvault.problems import Problem, missing
from safepoint_lab.commvault.records import (
    Client,
    Credential,
    Hypervisor,
    Job,
    VmGroup,
)
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.world.faults import FaultBook

__all__ = ["HypervisorDesk", "HypervisorWish"]


@dataclass(frozen=True, slots=True)
class HypervisorWish:
    """A hypervisor to register, or what to change of one (None: leave it).

    `access_nodes` are ids (0: unknown) with names. `validate` tries the account at once.
    """

    name: str | None = None
    server_name: str | None = None
    user_name: str | None = None
    password: str | None = field(repr=False, default=None)
    credential: tuple[int, str] | None = None
    access_nodes: tuple[tuple[int, str], ...] | None = None
    plan: tuple[int, str] | None = None
    validate: bool = False


class HypervisorDesk:
    """The life of hypervisors."""

    def __init__(
        self,
        shelf: Shelf,
        fabric: CommvaultFabric,
        clients: ClientDesk,
        faults: FaultBook,
        now: Callable[[], datetime],
    ) -> None:
        self._shelf = shelf
        self._fabric = fabric
        self._clients = clients
        self._faults = faults
        self._now = now

    def all(self) -> list[Hypervisor]:
        """Return every hypervisor by id."""
        return sorted(self._shelf.all(Hypervisor), key=lambda item: item.id)

    def of_instance(self, instance: int) -> Hypervisor | None:
        """Return the hypervisor of an instance id."""
        return next((item for item in self.all() if item.instance_id == instance), None)

    def of_backupset(self, backupset: int) -> Hypervisor | None:
        """Return the hypervisor of a backup set id."""
        return next((item for item in self.all() if item.backupset_id == backupset), None)

    def add(self, wish: HypervisorWish) -> Hypervisor:
        """Register a hypervisor with instance, backup set and default group.

        Raises:
            Problem: A name that is taken, no access node left of those asked for, an unknown
                plan or credential, an account that is refused when it is to be validated.
        """
        with self._shelf.lock:
            name, server = wish.name or "", wish.server_name or ""
            if not name:
                raise missing(field="name")
            if not server:
                raise missing(field="serverName")
            self._meet_refusal()
            self.require_free(name)
            nodes = self._nodes(wish.access_nodes or ())
            hypervisor = Hypervisor(
                id=self._shelf.next_id("client"),
                name=name,
                host_name=server,
                guid=str(uuid.uuid4()).upper(),
                created_at=self._now(),
                instance_id=self._shelf.next_id("instance"),
                backupset_id=self._shelf.next_id("backupset"),
                access_nodes=nodes,
            )
            self._account(hypervisor, wish)
            if wish.plan is not None:
                hypervisor.plan_id = plan_meant(self._shelf, wish.plan).id
            self._validate(hypervisor, wish)
            self._shelf.save(hypervisor, self._default_group(hypervisor))
        return hypervisor

    def change(self, hypervisor: Hypervisor, wish: HypervisorWish) -> None:
        """Change a hypervisor; errors as for `add`."""
        with self._shelf.lock:
            if wish.name and wish.name.casefold() != hypervisor.name.casefold():
                self.require_free(wish.name)
            nodes = None
            if wish.access_nodes is not None:
                nodes = self._nodes(wish.access_nodes)
            plan = None if wish.plan is None else plan_meant(self._shelf, wish.plan).id
            self._account(hypervisor, wish)
            hypervisor.name = wish.name or hypervisor.name
            hypervisor.host_name = wish.server_name or hypervisor.host_name
            hypervisor.access_nodes = hypervisor.access_nodes if nodes is None else nodes
            hypervisor.plan_id = hypervisor.plan_id if plan is None else plan
            self._shelf.save(hypervisor)

    def remove(self, hypervisor: Hypervisor) -> None:
        """Remove a hypervisor and its groups; `Problem` while one of its jobs is active [?]."""
        with self._shelf.lock:
            for job in self._shelf.where(Job, lambda job: job.hypervisor_id == hypervisor.id):
                if not job.ended:
                    message = f"Job {job.id} of {hypervisor.name} is active (simulated text)"
                    raise Problem(message, status=400)
            groups = self._shelf.where(VmGroup, lambda group: group.hypervisor_id == hypervisor.id)
            self._shelf.remove(*groups, hypervisor)

    def account(self, hypervisor: Hypervisor) -> tuple[str, str]:
        """Return the account a hypervisor is opened with."""
        credential = self._shelf.find(Credential, hypervisor.credential_id)
        if credential is not None:
            return credential.user_name, credential.password
        return hypervisor.user_name, hypervisor.password

    def require_free(self, name: str) -> None:
        """Raise `Problem` when a client has this name; the text is the product's [S]."""
        if self._shelf.named(Hypervisor, name) or self._shelf.named(Client, name):
            message = "Client already exists"
            raise Problem(message, status=400)

    def _nodes(self, asked: tuple[tuple[int, str], ...]) -> list[int]:
        """Return the ids of the access nodes that stay; some are dropped without a word [X]."""
        found = self._clients.select(asked)
        fault = "commvault-drops-access-node"
        kept = [item.id for item in found if self._faults.take(fault, node=item.node) is None]
        if not kept:
            message = "No access node with the Virtual Server package was given (simulated text)"
            raise Problem(message, status=400)
        return kept

    def _account(self, hypervisor: Hypervisor, wish: HypervisorWish) -> None:
        if wish.credential is not None:
            hypervisor.credential_id = self._credential(wish.credential).id
        if wish.user_name is not None:
            hypervisor.user_name, hypervisor.credential_id = wish.user_name, 0
            hypervisor.password = wish.password or ""

    def _credential(self, wanted: tuple[int, str]) -> Credential:
        ident, name = wanted
        found = self._shelf.find(Credential, ident) if ident else None
        found = found or self._shelf.named(Credential, name)
        if found is None:
            message = f"Credential [{name or ident}] does not exist (simulated text)"
            raise Problem(message, status=400)
        return found

    def _validate(self, hypervisor: Hypervisor, wish: HypervisorWish) -> None:
        if not wish.validate:
            return
        try:
            self._fabric.require(hypervisor.host_name, *self.account(hypervisor))
        except FabricError as error:
            raise Problem(str(error), status=400) from error

    def _default_group(self, hypervisor: Hypervisor) -> VmGroup:
        return VmGroup(
            id=self._shelf.next_id("subclient"),
            guid=str(uuid.uuid4()).upper(),
            hypervisor_id=hypervisor.id,
            name="default",
            created_at=self._now(),
            plan_id=hypervisor.plan_id,
            is_default=True,
        )

    def _meet_refusal(self) -> None:
        if self._faults.take("commvault-hypervisor-refused") is not None:
            message = "Failed to create the hypervisor (simulated text)"
            raise Problem(message)
