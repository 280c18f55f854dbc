"""What a command needs: the estate, the plugins, the journal, open connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from safepoint.cli.output import Output
from safepoint.cli.places import state_dir
from safepoint.drivers import Ability, CanCheckpoint, Driver, DriverContext, SupportLevel
from safepoint.drivers.wrap import AuditWrites, RetryReads, check_contract, intercepted
from safepoint.errors import UnsupportedError
from safepoint.estate import Estate, load_estate
from safepoint.estate.opening import (
    clusters_using,
    connection_settings,
    outline_of,
    resolve_cluster,
)
from safepoint.estate.secrets import SecretResolver, secrets_in
from safepoint.models.estate import Connection
from safepoint.plugins import PluginHost
from safepoint.runs.crew import Crew
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.waiting import Waiter
from safepoint.store import Executor, Store

__all__ = ["Session"]

AbilityT = TypeVar("AbilityT", bound=Driver)


@dataclass
class Session:
    """One invocation of the command line. Everything in it is opened when first asked for."""

    output: Output
    estate_paths: tuple[str, ...]
    is_verbose: bool = False
    sees_replicas: bool = False
    """Look at relationships that no document asks for, too: an import."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _drivers: dict[str, Driver] = field(default_factory=dict)

    def close(self) -> None:
        """Close whatever was opened."""
        self._stack.close()
        self._drivers.clear()

    @cached_property
    def host(self) -> PluginHost:
        """The plugins."""
        return PluginHost()

    @cached_property
    def estate(self) -> Estate:
        """The estate; raises ConfigError with every finding."""
        specs = self.host.drivers

        def settings_model(name: str) -> type | None:
            return specs[name].settings if name in specs else None

        return load_estate(
            self.estate_paths,
            settings_model=settings_model,
            driver_names=tuple(specs),
            job_block=lambda name: specs[name].job_block if name in specs else None,
        )

    @cached_property
    def store(self) -> Store:
        """The journal."""
        store = Store(state_dir())
        self._stack.callback(store.close)
        return store

    @cached_property
    def waiter(self) -> Waiter:
        """How commands wait."""
        return Waiter()

    @cached_property
    def executor(self) -> Executor:
        """This process as a holder of leases."""
        executor = self.store.executors.enter()
        self._stack.callback(self.store.executors.leave, executor)
        return executor

    def driver(self, connection: str) -> Driver:
        """Open a connection, once.

        Its driver comes with retries of reads and contract checks, and every write through it
        is in the audit log.
        """
        if connection not in self._drivers:
            self._drivers[connection] = self._open(self.estate.connection(connection))
        return self._drivers[connection]

    def able(self, connection: str, ability: Ability, kind: type[AbilityT]) -> AbilityT:
        """Open a connection that must have an ability.

        Raises:
            UnsupportedError: it has not; the reason is the driver's own.
        """
        driver = self.driver(connection)
        answer = driver.support().get(ability)
        is_supported = answer is None or answer.level is SupportLevel.SUPPORTED
        if isinstance(driver, kind) and is_supported:
            return driver
        reason = answer.reason if answer else "its plugin does not offer it"
        level = answer.level if answer else SupportLevel.NOT_IMPLEMENTED
        msg = f"connection {connection!r} cannot {ability}: {reason} ({level})"
        raise UnsupportedError(msg)

    def has(self, connection: str, ability: Ability, kind: type[AbilityT]) -> bool:
        """Tell whether a connection has an ability; may ask the connected system."""
        driver = self.driver(connection)
        if not isinstance(driver, kind):
            return False
        answer = driver.support().get(ability)
        return answer is None or answer.level is SupportLevel.SUPPORTED

    def crew(self, cluster: str, deadlines: Deadlines | None = None) -> Crew:
        """Return the tools for working on the VMs of a cluster, through its hypervisor."""
        connection = self.estate.cluster(cluster).spec.hypervisor
        kind: type[CanCheckpoint] = CanCheckpoint  # type: ignore[type-abstract]  # asked for, never made
        return Crew(
            store=self.store,
            executor=self.executor.id,
            connection=connection,
            hypervisor=self.able(connection, Ability.CHECKPOINT, kind),
            deadlines=deadlines or Deadlines(),
            waiter=self.waiter,
        )

    def bare_driver(
        self, connection: str, *, note_secret: Callable[[str], None] = lambda _secret: None
    ) -> Driver:
        """Open a connection anew, with nothing around its driver; the session closes it.

        Args:
            connection: Which.
            note_secret: Is told every secret that its settings and its clusters' hold.
        """
        spec = self.host.driver(self.estate.connection(connection).spec.driver)
        secrets = SecretResolver()
        settings = connection_settings(self.estate, connection, spec.settings, secrets)
        clusters = tuple(
            resolve_cluster(cluster, secrets)
            for cluster in clusters_using(self.estate, connection)
        )
        for secret in secrets_in((settings, clusters)):
            note_secret(secret)
        context = DriverContext(
            connection=connection,
            now=lambda: datetime.now(UTC),
            data_dir=state_dir() / "drivers" / connection,
            clusters=clusters,
            replicates=self._replicates(connection),
            known_clusters=tuple(map(outline_of, self.estate.clusters.values())),
        )
        driver = spec.open(settings, context)
        self._stack.callback(driver.close)
        return driver

    def _replicates(self, connection: str) -> bool:
        """Tell whether relationships are, or were, managed on a connection, or are imported."""
        if self.sees_replicas:
            return True
        declared = any(r.spec.connection == connection for r in self.estate.replicas.values())
        known = self.store.operations.remembered(connection)
        return declared or any(address.startswith("replica") for address in known)

    def _open(self, connection: Connection) -> Driver:
        return intercepted(
            self.bare_driver(connection.name),
            connection.name,
            AuditWrites(self.store.audit),
            RetryReads(self.waiter.sleep),
            check_contract,
        )


def default_estate() -> tuple[str, ...]:
    """Return where the estate is when nobody says: `estate.yaml`, else the folder `estate`."""
    for candidate in ("estate.yaml", "estate.yml", "estate"):
        if Path(candidate).exists():
            return (candidate,)
    return ("estate.yaml",)
