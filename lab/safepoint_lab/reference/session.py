"""One session with the world: login, closing, faults on the way, and the required reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr
from typing_extensions import override

from safepoint.drivers import ABILITY_TYPES, Ability, Driver, DriverContext, Support, SupportLevel
from safepoint.errors import (
    AuthenticationError,
    InvalidRequestError,
    OutcomeUnknownError,
)
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.runs import Run, RunQuery
from safepoint.models.systems import NodeHealth, SystemInfo
from safepoint.models.workloads import Disk, Workload, WorkloadQuery
from safepoint_lab.reference.faults import BrokenListing
from safepoint_lab.reference.machines import Machine
from safepoint_lab.reference.world import World, Write

__all__ = ["ReferenceSession", "ReferenceSettings"]

ResultT = TypeVar("ResultT")
RowT = TypeVar("RowT")


class ReferenceSettings(BaseModel):
    """How to log in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str = World.username
    password: SecretStr = SecretStr(World.password)


class ReferenceSession(Driver):
    """The required part of the boundary, and the one road that every call takes.

    Args:
        world: What it is connected to; not looked at before the first call.
        settings: How to log in.
        context: What the core hands in.
    """

    def __init__(
        self, world: World, settings: ReferenceSettings, context: DriverContext, /
    ) -> None:
        self._world = world
        self._settings = settings
        self._context = context
        self._is_closed = False

    # --- the road every call takes ----------------------------------------------------------

    def _arrive(self, call: str) -> None:
        """Refuse a closed driver and a wrong login, let time pass, let a due fault happen."""
        if self._is_closed:
            msg = f"cannot {call}: the driver of {self._context.connection} is closed"
            raise InvalidRequestError(msg, operation=call, system=self._context.connection)
        if self._settings.password.get_secret_value() != self._world.password:
            msg = (
                f"{self._context.connection} does not accept the login {self._settings.username!r}"
            )
            hint = "Check user name and password."
            raise AuthenticationError(msg, hint=hint, operation=call)
        self._world.clock.sleep(self._world.pace.call_seconds)
        self._world.settle()
        refusal = self._world.faults.refusals.take(call)
        if refusal is not None:
            raise refusal

    def _look(self, call: str, read: Callable[[], ResultT]) -> ResultT:
        with self._world.lock:
            self._arrive(call)
            return read()

    def _ask(self, call: str, target: str, write: Callable[[], ResultT]) -> ResultT:
        """Change something; the answer may get lost before or after, or come late."""

        def noted() -> ResultT:
            result = write()
            self._world.writes.append(Write(self._context.connection, call, target))
            return result

        with self._world.lock:
            self._arrive(call)
            lost = self._world.faults.lost_answers.take(call)
            if lost is None:
                return noted()
            if lost.late_seconds:
                self._world.request_late(lost.late_seconds, noted)
            elif lost.has_effect:
                noted()
            msg = f"no answer came to {call} of {target}"
            raise OutcomeUnknownError(msg, operation=call, system=self._context.connection)

    def _list(self, listing: str, read: Callable[[], Iterable[RowT]]) -> Iterator[RowT]:
        rows = self._look(listing, lambda: list(read()))
        return self._rows(rows, self._world.faults.broken_listings.take(listing))

    @staticmethod
    def _rows(rows: list[RowT], fault: BrokenListing | None) -> Iterator[RowT]:
        for number, row in enumerate(rows):
            if fault is not None and number >= fault.after:
                raise fault.error
            yield row
        if fault is not None:
            raise fault.error

    def _status_of(self, ref: Ref, *, makes: str = "", on: str = "") -> OperationStatus:
        """Tell how an operation stands.

        Args:
            ref: The operation.
            makes: The kind of what it makes.
            on: The system of what it makes.
        """
        found = self._world.operations.get(ref.id)
        if found is None or self._world.forgets(found):
            return OperationStatus(ref=ref, state=OperationState.UNKNOWN)
        failure = found.failure if found.state is OperationState.FAILED else None
        return OperationStatus(
            ref=ref,
            state=found.state,
            percent=found.percent(self._world.clock.monotonic()),
            result=Ref(kind=makes, system=on, id=found.result) if found.result else None,
            code=failure.code if failure else "",
            message=failure.message if failure else "",
            native_code="1" if failure else "",
        )

    # --- required -----------------------------------------------------------------------------

    @override
    def probe(self) -> SystemInfo:
        now = self._context.now()
        try:
            self._look("probe", lambda: None)
        except AuthenticationError as error:
            return SystemInfo(product="reference", probed_at=now, problems=(error.message,))
        nodes = sorted({machine.node for machine in self._world.machines.values()})
        health = tuple(
            NodeHealth(
                cluster=self._world.cluster,
                node=node,
                reachable=True,
                can_manage=True,
                clock_skew_seconds=0.0,
            )
            for node in nodes
        )
        return SystemInfo(product="reference", version="1", probed_at=now, nodes=health)

    @override
    def support(self) -> Mapping[Ability, Support]:
        self._look("support", lambda: None)
        return {ability: self._support_of(ability) for ability in Ability}

    def _support_of(self, ability: Ability) -> Support:
        kind = ABILITY_TYPES.get(ability)
        if kind is not None and isinstance(self, kind):
            return Support(level=SupportLevel.SUPPORTED)
        reason = "a hypervisor without a product around it"
        return Support(level=SupportLevel.NEVER, reason=reason)

    @override
    def workloads(self, query: WorkloadQuery, /) -> Iterator[Workload]:
        def wanted(machine: Machine) -> bool:
            return query.cluster in {None, machine.cluster} and (
                not query.ids or machine.id in query.ids
            )

        def read() -> list[Workload]:
            machines = self._world.machines.values()
            return [self._workload(machine) for machine in machines if wanted(machine)]

        return self._list("workloads", read)

    def _workload(self, machine: Machine) -> Workload:
        return Workload(
            ref=Ref(kind="workload", system=machine.cluster, id=machine.id),
            name=machine.name,
            cluster=machine.cluster,
            node=machine.node,
            power=machine.power,
            activity=self._world.activity_of(machine),
            guest=machine.guest,
            guest_os=machine.guest_os,
            generation=2,
            disks=tuple(
                Disk(
                    name=disk,
                    path=machine.active_file_of(disk),
                    is_differencing=bool(machine.layers),
                    is_protectable=disk not in machine.unprotectable,
                )
                for disk in machine.contents
            ),
            native_state=machine.power.value,
            replication=self._world.replication.part_of(machine),
        )

    @override
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        def wanted(point: RestorePoint) -> bool:
            return query.workload in {None, point.workload} and query.workload_name in {
                None,
                point.workload_name,
            }

        def read() -> list[RestorePoint]:
            copies = self._world.repository.points.values()
            return [copy.point for copy in copies if wanted(copy.point)]

        return self._list("restore_points", read)

    @override
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        return self._list("runs", list[Run])

    @override
    def close(self) -> None:
        self._is_closed = True
