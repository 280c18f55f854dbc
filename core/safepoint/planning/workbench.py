"""Planning with real connections: gather, plan, apply, look again, import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from safepoint.drivers import Ability, CanManage, CanReplicate, Driver, SupportLevel
from safepoint.errors import DriverError, PlanRejectedError, UnsupportedError
from safepoint.estate import Estate, clusters_of
from safepoint.models.diagnostics import Diagnostic
from safepoint.models.plans import DescribeRequest, Plan, PlanScope
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.planning.applying import Apply, ApplyReport, ApplySink, Quiet
from safepoint.planning.desired import chosen_connections
from safepoint.planning.drift import DriftLine, drift_of
from safepoint.planning.findings import finding
from safepoint.planning.importing import Imported, check_empty, observed_only, with_documents
from safepoint.planning.matching import owned
from safepoint.planning.observing import observe, observe_all
from safepoint.planning.planner import PlanInputs, make_plan, not_managed
from safepoint.planning.settling import settle, verify
from safepoint.planning.staleness import check_fresh
from safepoint.store import Lease, OperationState, Store

__all__ = ["Tools", "Workbench"]


@dataclass(frozen=True)
class Tools:
    """What planning needs of the world around it."""

    driver: Callable[[str], Driver]
    """Opens a connection, with contract checks and retries of reads around it."""
    store: Store
    executor: Callable[[], str]
    """The holder of leases; only asked for when something is written."""
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    """Makes ids of plans and keys of writes, never the same twice."""


class Workbench:
    """Plans and applies one estate."""

    def __init__(self, estate: Estate, tools: Tools) -> None:
        self._estate = estate
        self._tools = tools

    def plan(self, scope: PlanScope) -> Plan:
        """Look at everything in scope and return what would have to change.

        Raises:
            DriverError: a product could not be looked at completely.
            UnknownNameError: the scope names what the estate has not.
        """
        return self._plan(self._estate, scope)

    def apply(
        self,
        plan: Plan,
        *,
        sink: ApplySink | None = None,
        must_be_fresh: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> ApplyReport:
        """Carry out a plan, saved or new, and look again whether nothing is left to do.

        Args:
            plan: What was read and agreed to.
            sink: Is told what happens.
            should_stop: Asked before each change; True leaves it and the rest undone.
            must_be_fresh: False when the plan was made a moment ago by the same process.

        Raises:
            PlanStaleError: the world or the documents moved since the plan was made.
            PlanRejectedError: an error finding forbids it.
            PlanNotConvergedError: all was done, and the next plan is not empty.
            LeaseHeldError: another process is applying to one of the connections.
        """
        _check_allowed(plan)
        connections = tuple(dict.fromkeys(change.connection for change in plan.writes))
        with self._leases(connections) as leases:
            settled = self._settle(leases, plan.scope.owner)
            if must_be_fresh or settled:
                fresh = self._plan(self._estate, plan.scope)
                check_fresh(plan, fresh, self._done(plan))
                _check_allowed(fresh)
                plan = fresh.model_copy(update={"id": plan.id})
            report = self._run(plan, leases, sink or Quiet(), should_stop)
            if report.error is None and not report.is_stopped:
                self._check_converged(plan, leases)
        return report

    def drift(self, scope: PlanScope) -> tuple[Plan, tuple[DriftLine, ...]]:
        """Return a fresh plan and every field in which a product is not what is declared."""
        plan = self.plan(scope)
        operations = self._tools.store.operations
        applied = {o.connection: operations.last_applied(o.connection) for o in plan.observed}
        return plan, tuple(drift_of(plan, applied))

    def import_from(self, connection: str, *, owner: str, observe_only: bool = False) -> Imported:
        """Return documents that say what a product has; planning them says "no changes".

        Raises:
            UnsupportedError: the connection is not managed.
            PlanNotConvergedError: the driver's description does not translate back.
        """
        driver = self._manager(connection)
        resources = observe(connection, driver, with_preflight=False).resources
        request = DescribeRequest(
            connection=connection,
            driver=self._estate.connection(connection).spec.driver,
            resources=resources,
            clusters=tuple(self._estate.clusters.values()),
        )
        described = driver.describe(request)
        documents = observed_only(described.documents) if observe_only else described.documents
        estate = with_documents(self._estate, documents, of_connection=connection)
        jobs = tuple(d.name for d in documents if d.kind == "ProtectionJob")
        if any(d.kind == "Replica" for d in documents):
            # Their hosts are set up for all of them at once, so that all is compared.
            plan = self._plan(estate, PlanScope(connections=(connection,), owner=owner))
            check_empty(plan, "importing", request.driver)
        elif jobs:
            plan = self._plan(estate, PlanScope(jobs=jobs, owner=owner))
            check_empty(plan, "importing", request.driver)
        return Imported(connection, documents, described.losses)

    # -- gathering ------------------------------------------------------------------------------

    def _plan(self, estate: Estate, scope: PlanScope) -> Plan:
        chosen = chosen_connections(estate, scope)
        drivers, findings = self._managers(chosen)
        observations = observe_all(drivers)
        workloads, unread = self._workloads(estate, drivers)
        replicating = {one.spec.connection for one in estate.replicas.values()}
        operations = self._tools.store.operations
        applied = {name: operations.last_applied(name) for name in drivers}
        inputs = PlanInputs(
            estate=estate,
            scope=scope,
            drivers=drivers,
            observations=observations,
            workloads=workloads,
            findings=(*findings, *unread),
            remembered={name: operations.remembered(name) for name in drivers},
            gone={
                n: [a for a, after in last.items() if after is None] for n, last in applied.items()
            },
            unable=dict(self._unable([name for name in chosen if name in replicating])),
        )
        plan = make_plan(inputs, plan_id=self._tools.new_id(), now=self._tools.now())
        if not any(one.code == "observation-shrunk" for one in plan.findings):
            for name, observation in observations.items():
                ours = owned(observation.resources, scope.owner)
                operations.remember(name, (one.address for one in ours))
        return plan

    def _managers(
        self, connections: Sequence[str]
    ) -> tuple[dict[str, CanManage], list[Diagnostic]]:
        drivers: dict[str, CanManage] = {}
        findings: list[Diagnostic] = []
        for name in connections:
            driver = self._tools.driver(name)
            answer = driver.support().get(Ability.MANAGE)
            if isinstance(driver, CanManage) and (
                answer is None or answer.level is SupportLevel.SUPPORTED
            ):
                drivers[name] = driver
            else:
                reason = answer.reason if answer else "its plugin does not offer it"
                jobs = [j.name for j in self._estate.jobs.values() if j.spec.connection == name]
                findings.append(not_managed(name, reason, jobs))
        return drivers, findings

    def _unable(self, connections: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield connections that cannot replicate, with the reason."""
        for name in connections:
            driver = self._tools.driver(name)
            answer = driver.support().get(Ability.REPLICATE)
            if answer is not None and answer.level is not SupportLevel.SUPPORTED:
                yield name, f"{answer.reason} ({answer.level})"
            elif not isinstance(driver, CanReplicate):
                yield name, "its plugin does not offer it"

    def _manager(self, connection: str) -> CanManage:
        self._estate.connection(connection)
        drivers, findings = self._managers((connection,))
        if connection not in drivers:
            msg = findings[0].summary
            raise UnsupportedError(msg)
        return drivers[connection]

    def _workloads(
        self, estate: Estate, drivers: Mapping[str, CanManage]
    ) -> tuple[dict[str, tuple[Workload, ...]], list[Diagnostic]]:
        needed = {
            job.spec.cluster for job in estate.jobs.values() if job.spec.connection in drivers
        }
        for replica in estate.replicas.values():
            if replica.spec.connection in drivers:
                needed.update(clusters_of(replica))
        wired = {one.spec.cluster for one in estate.replicas.values() if one.spec.has_networks}
        found: dict[str, tuple[Workload, ...]] = {}
        findings: list[Diagnostic] = []
        for name in sorted(needed & estate.clusters.keys()):
            try:
                driver = self._tools.driver(estate.clusters[name].spec.hypervisor)
                query = WorkloadQuery(cluster=name, with_adapters=name in wired)
                found[name] = tuple(driver.workloads(query))
            except DriverError as error:
                text = f"the VMs of {name} cannot be listed: {error.message}"
                findings.append(finding("workloads-unreadable", text, hint=error.hint))
        return found, findings

    # -- applying -------------------------------------------------------------------------------

    @contextmanager
    def _leases(self, connections: Sequence[str]) -> Iterator[dict[str, Lease]]:
        leases = self._tools.store.leases
        with ExitStack() as stack:
            held: dict[str, Lease] = {}
            for name in sorted(connections):
                key = f"manage {name}"
                held[name] = leases.take(key, self._tools.executor(), purpose="apply")
                stack.callback(leases.give_back, held[name])
            yield held

    def _settle(self, leases: Mapping[str, Lease], owner: str) -> int:
        operations = self._tools.store.operations
        return sum(
            settle(operations, lease, name, self._manager(name), owner)
            for name, lease in leases.items()
        )

    def _done(self, plan: Plan) -> frozenset[tuple[str, str]]:
        good = {OperationState.DONE, OperationState.VERIFIED}
        rows = self._tools.store.operations.of_plan(plan.id)
        return frozenset(
            (row.intent.connection, row.intent.address) for row in rows if row.state in good
        )

    def _run(
        self,
        plan: Plan,
        leases: Mapping[str, Lease],
        sink: ApplySink,
        should_stop: Callable[[], bool],
    ) -> ApplyReport:
        work = Apply(
            self._tools.store.operations,
            {name: self._manager(name) for name in leases},
            leases,
            new_key=self._tools.new_id,
            sleep=self._tools.sleep,
            sink=sink,
            should_stop=should_stop,
        )
        return work.run(plan)

    def _check_converged(self, plan: Plan, leases: dict[str, Lease]) -> None:
        after = self._plan(self._estate, plan.scope)
        name = next(iter(leases), "")
        left = next((change.connection for change in after.writes), name)
        driver = self._estate.connection(left).spec.driver if left else ""
        check_empty(after, "applying", driver)
        verify(self._tools.store.operations, leases, plan.id, after)


def _check_allowed(plan: Plan) -> None:
    blockers = plan.blockers
    if blockers:
        first = blockers[0]
        more = f" (and {len(blockers) - 1} more)" if len(blockers) > 1 else ""
        msg = f"the plan is not allowed: {first.summary}{more}"
        hint = f"{first.hint} `safepoint explain {first.code}` says more."
        findings = tuple(one.render() for one in blockers)
        raise PlanRejectedError(msg, findings=findings, hint=hint)
